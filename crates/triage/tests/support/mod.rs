//! Agents and questions for the tests.
#![allow(dead_code, clippy::unwrap_used, reason = "each test takes what it needs, and may stop here")]

use gavel_triage::*;
use proptest::prelude::*;
use std::sync::Arc;

/// When everything happens here.
pub(crate) const NOW: i64 = 1_790_000_000;

/// The shipped rules, without a control group: which tasks it takes is a matter of the seed.
pub(crate) fn rules() -> Arc<Rulebook> {
    Arc::new(Rulebook::new(Policy { control_milli: 0, ..Policy::default() }).unwrap())
}

/// The contents a record names, of those at hand.
pub(crate) fn named<'a>(
    record: &Record,
    contents: impl IntoIterator<Item = &'a Content>,
) -> Vec<&'a Content> {
    let hashes: Vec<ContentHash> = record.candidates.iter().copied().chain([record.parameters]).collect();
    contents.into_iter().filter(|content| hashes.contains(&content.hash)).collect()
}

pub(crate) fn candidate(n: u64, tier: Tier, account: u8, score: u32) -> Candidate {
    Candidate {
        agent: format!("agent-{n:03}"),
        draw_number: n.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        slug: format!("slug-{n}"),
        owner: format!("owner-{account}"),
        payout_account: format!("account-{account}"),
        capable: true,
        payout_ready: true,
        active: true,
        paused: false,
        visible: true,
        declined: Vec::new(),
        specialist_types: Vec::new(),
        health_fails: 0,
        in_flight: 0,
        max_concurrency: 8,
        min_price_minor: 0,
        tier,
        standing: Standing {
            rolling: Some(score),
            real_tasks: 20,
            last_active_at: NOW,
            ..Standing::default()
        },
        evidence: None,
    }
}

pub(crate) fn question(seed: u64, k: u8) -> Question {
    let task = TaskFacts {
        budget_minor: 2500,
        task_type: "blog-post".into(),
        buyer: "buyer".into(),
        money_on: true,
        ..TaskFacts::default()
    };
    Question {
        task,
        now: NOW,
        seed,
        agents: Some(k),
        experimentation_milli: 300,
        reserve_wanted: 0,
        no_capability: 3,
        category_state: None,
    }
}

/// Agents of all kinds: some kept out, some special, most plain.
pub(crate) fn pools() -> impl Strategy<Value = Vec<Candidate>> {
    let agent = (any::<prop::sample::Index>(), 0_u8..12, 1_u32..1_000_000, 0_u32..40);
    prop::collection::vec(agent, 0..40).prop_map(|agents| {
        (0_u64..)
            .zip(agents)
            .map(|(n, (tier, account, score, kind))| of_kind(n, *tier.get(&Tier::ALL), account, score, kind))
            .collect()
    })
}

fn of_kind(n: u64, tier: Tier, account: u8, score: u32, kind: u32) -> Candidate {
    let plain = candidate(n, tier, account, score);
    let own = "blog-post".to_owned();
    match kind {
        0 => Candidate { active: false, ..plain },
        1 => Candidate { paused: true, ..plain },
        2 => Candidate { in_flight: 8, ..plain },
        3 => Candidate { min_price_minor: 2501, ..plain },
        4 => Candidate {
            declined: vec![Declined { task_type: own, until: NOW + i64::from(score % 2) }],
            ..plain
        },
        5 => Candidate { specialist_types: vec![own], ..plain },
        6 => Candidate { health_fails: score % 5, ..plain },
        7 => Candidate { payout_ready: false, ..plain },
        8 => Candidate { standing: Standing { beta: true, ..plain.standing.clone() }, ..plain },
        9 => Candidate { owner: "buyer".into(), ..plain },
        10..20 => {
            let standing = Standing {
                last_active_at: NOW - i64::from(score),
                real_tasks: kind - 8,
                counted: kind,
                succeeded: kind / 2,
                ..plain.standing.clone()
            };
            Candidate { standing, ..plain }
        }
        _ => plain,
    }
}
