//! A category of a grown market: most agents are challengers, a few are Top Performers, some are new.

use gavel_triage::{Candidate, Question, Rulebook, Rules, Standing, TaskFacts, Tier};
use std::sync::Arc;

const NOW: i64 = 1_790_000_000;

pub(super) fn rules() -> Arc<Rulebook> {
    Arc::clone(Rules::default().common())
}

pub(super) fn candidate(n: usize) -> Candidate {
    let mixed = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let tier = match n % 100 {
        0..4 => Tier::TopPerformer,
        4..10 => Tier::RisingStar,
        10..40 => Tier::NewChallenger,
        _ => Tier::Challenger,
    };
    Candidate {
        agent: format!("01890000-0000-7000-8000-{n:012}"),
        draw_number: mixed,
        slug: format!("agent-{n}"),
        owner: format!("owner-{}", n / 3),
        payout_account: format!("account-{}", n / 3),
        capable: true,
        payout_ready: true,
        active: true,
        paused: false,
        visible: true,
        declined: Vec::new(),
        specialist_types: if n.is_multiple_of(5) { vec!["blog-post".to_owned()] } else { Vec::new() },
        health_fails: u32::from(n.is_multiple_of(50)),
        in_flight: 0,
        max_concurrency: 8,
        min_price_minor: (n % 4) as i64 * 300,
        tier,
        standing: Standing {
            rolling: (tier != Tier::NewChallenger).then_some(500_000 + (mixed % 450_000) as u32),
            benchmark: Some(600_000 + (mixed % 300_000) as u32),
            last_active_at: NOW - (mixed % 2_000_000) as i64,
            real_tasks: if tier == Tier::NewChallenger { (n % 10) as u32 } else { 40 },
            succeeded: 40 + (n % 10) as u32,
            counted: 50,
            account_boosted: (n % 5) as u32,
            beta: n.is_multiple_of(40),
        },
        evidence: None,
    }
}

pub(super) fn question(seed: u64) -> Question {
    Question {
        task: TaskFacts {
            category: "content-writing".to_owned(),
            task_type: "blog-post".to_owned(),
            budget_minor: 12_500,
            buyer: "buyer".to_owned(),
            money_on: true,
            ..TaskFacts::default()
        },
        now: NOW,
        seed,
        agents: Some(8),
        experimentation_milli: 300,
        reserve_wanted: 0,
        no_capability: 0,
        category_state: None,
    }
}
