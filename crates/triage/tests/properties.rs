//! What holds for every decision.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use gavel_triage::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use support::{candidate, named, pools, question, rules};

/// A decision over these agents, and every candidate's reason.
fn decided(candidates: &[Candidate], question: &Question) -> (Record, Vec<CandidateRecord>) {
    let mut pool = Pool::of(rules(), candidates.to_vec());
    let record = decide(&mut pool, question);
    let sorted: Vec<Candidate> = pool.candidates().cloned().collect();
    let table = table(&sorted, &record, &rules());
    (record, table)
}

/// The decision as it would be stored.
fn stored(candidates: &[Candidate], question: &Question) -> Stored {
    let mut pool = Pool::of(rules(), candidates.to_vec());
    let record = decide(&mut pool, question);
    let contents = named(&record, pool.contents().chain([rules().content()]))
        .into_iter()
        .map(|content| (content.hash, content.text.clone()))
        .collect();
    Stored { document: document(&record).unwrap(), contents }
}

fn tiers() -> impl Strategy<Value = Tier> {
    any::<prop::sample::Index>().prop_map(|at| *at.get(&Tier::ALL))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_candidate_has_a_reason_and_order_changes_nothing(
        agents in pools(), seed: u64, k in 3_u8..=8, reserve in 0_u8..4,
    ) {
        let question = Question { reserve_wanted: reserve, ..question(seed, k) };
        let (record, table) = decided(&agents, &question);
        let mut counted: BTreeMap<Reason, u64> = BTreeMap::new();
        table.iter().for_each(|c| *counted.entry(c.reason).or_default() += 1);
        prop_assert_eq!(&counted, &record.reasons, "the table and the record say the same");
        prop_assert_eq!(record.reasons.values().sum::<u64>(), agents.len() as u64);
        prop_assert_eq!(record.under_supplied, record.chosen.len() < usize::from(k));
        for seat in record.chosen.iter().chain(&record.reserve) {
            let row = table.iter().find(|c| c.agent == seat.agent).unwrap();
            prop_assert_eq!((row.lane, row.key, row.weighed), (Some(seat.lane), Some(seat.key), Some(seat.weighed)));
        }
        let turned: Vec<Candidate> = agents.into_iter().rev().collect();
        prop_assert_eq!(&decided(&turned, &question).0, &record);
    }

    #[test]
    fn a_stored_decision_is_made_again_to_the_byte(
        agents in pools(), seed: u64, money_on: bool, control in 0_u32..=1000,
    ) {
        let mut question = question(seed, 5);
        question.task.money_on = money_on;
        let rules = Arc::new(Rulebook::new(Policy { control_milli: control, ..Policy::default() }).unwrap());
        let mut pool = Pool::of(rules.clone(), agents);
        let record = decide(&mut pool, &question);
        let contents = named(&record, pool.contents().chain([rules.content()]));
        let stored = Stored {
            document: document(&record).unwrap(),
            contents: contents.into_iter().map(|c| (c.hash, c.text.clone())).collect(),
        };
        let carried: Stored = serde_json::from_str(&serde_json::to_string(&stored).unwrap()).unwrap();
        prop_assert_eq!(document(&carried.replay().unwrap()).unwrap(), stored.document);
    }

    /// The same for a category that is decided by values; without evidence everybody is a newcomer.
    #[test]
    fn a_decision_by_values_is_made_again_to_the_byte(agents in pools(), seed: u64, results in 0_u32..30) {
        let policy = Policy { control_milli: 0, ..Policy::default() };
        let rules = Arc::new(Rulebook::with_thompson(policy, thompson::Policy::default()).unwrap());
        let shown = |n: u32| (0..n).fold(thompson::Evidence::default(), |evidence, n| {
            evidence.after_score("blog-post", 500_000 + n * 7_919, rules.thompson().unwrap())
                .after_bid(1000, 2500, 12_345)
        });
        let agents = (0_u32..).zip(agents).map(|(n, agent)| Candidate {
            evidence: (n % 3 > 0).then(|| shown(results + n)),
            ..agent
        });
        let mut pool = Pool::of(rules.clone(), agents);
        let record = decide(&mut pool, &Question { reserve_wanted: 2, ..question(seed, 5) });
        prop_assert_eq!(record.policy, Method::Values);
        prop_assert_eq!(record.reasons.values().sum::<u64>(), pool.len() as u64);
        let contents = named(&record, pool.contents().chain([rules.content()]));
        let stored = Stored {
            document: document(&record).unwrap(),
            contents: contents.into_iter().map(|c| (c.hash, c.text.clone())).collect(),
        };
        prop_assert_eq!(document(&stored.replay().unwrap()).unwrap(), stored.document.clone());
        let asked: Vec<f64> = record.chosen.iter().filter(|c| c.lane == Lane::Value).map(|c| c.key).collect();
        let table = stored.table().unwrap();
        for row in table.iter().filter(|row| row.reason == Reason::NotDrawn) {
            let free = !table.iter().any(|other| other.reason == Reason::Chosen && other.payout_account == row.payout_account);
            prop_assert!(!free || asked.iter().all(|value| row.key.unwrap() <= *value), "{:?}", row);
        }
    }

    /// However a pool came to be, it decides as one that is made anew.
    #[test]
    fn a_pool_that_follows_changes_is_as_one_made_anew(
        before in pools(), after in pools(), seed: u64, gone in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mut pool = Pool::of(rules(), before.clone());
        let _ = decide(&mut pool, &question(seed, 4)); // its blocks are written
        let mut now: BTreeMap<String, Candidate> = before.into_iter().map(|c| (c.agent.clone(), c)).collect();
        for agent in after {
            pool.set(agent.clone());
            now.insert(agent.agent.clone(), agent);
        }
        for at in gone {
            if let Some(agent) = now.keys().nth(at.index(now.len().max(1))).cloned() {
                pool.remove(&agent);
                now.remove(&agent);
            }
        }
        let mut anew = Pool::of(rules(), now.into_values());
        prop_assert_eq!(decide(&mut pool, &question(seed, 4)), decide(&mut anew, &question(seed, 4)));
    }

    #[test]
    fn removing_whom_nobody_chose_changes_nothing(agents in pools(), seed: u64, at: prop::sample::Index) {
        prop_assume!(!agents.is_empty());
        let (before, _) = decided(&agents, &question(seed, 4));
        let mut fewer = agents;
        let gone = fewer.remove(at.index(fewer.len()));
        prop_assume!(!before.chosen.iter().any(|c| c.agent == gone.agent));
        prop_assert_eq!(decided(&fewer, &question(seed, 4)).0.chosen, before.chosen);
    }

    #[test]
    fn an_account_is_asked_once_while_there_are_others(agents in pools(), seed: u64, k in 3_u8..=8) {
        let (record, table) = decided(&agents, &question(seed, k));
        let of = |agent: &str| table.iter().find(|c| c.agent == agent).unwrap().payout_account.clone();
        let accounts: BTreeSet<_> = record.chosen.iter().map(|c| of(&c.agent)).collect();
        let available: BTreeSet<_> =
            table.iter().filter(|c| c.weighed.is_some()).map(|c| c.payout_account.clone()).collect();
        prop_assert_eq!(accounts.len(), available.len().min(record.chosen.len()));
    }

    #[test]
    fn more_weight_never_hurts(
        seed: u64, k in 3_u8..=8, more in 2_u32..50,
        agents in prop::collection::vec((tiers(), 0_u32..8, 1_u32..1_000_000), 5..20),
    ) {
        let is_drawn = |first: u32| {
            let entrants: Vec<Entrant> = (0_u32..).zip(&agents).map(|(index, (tier, account, weight))| {
                let weight = if index == 0 { first } else { *weight };
                Entrant { number: index.into(), tier: *tier, weight, account: Some(*account), index }
            }).collect();
            draw(&entrants, slots(k, 300, &Policy::default()), seed).iter().any(|d| d.entrant.index == 0)
        };
        let weight = agents[0].2;
        prop_assert!(!is_drawn(weight) || is_drawn(weight * more));
    }

    /// Passing over logarithms that cannot matter changes no seat and no key.
    #[test]
    fn the_draw_is_the_plain_one(
        seed: u64, k in 3_u8..=8, accounts in 1_u32..30, rule: bool,
        agents in prop::collection::vec((tiers(), any::<u32>(), 1_u32..3_750_000), 0..60),
    ) {
        let entrants: Vec<Entrant> = (0_u32..).zip(&agents).map(|(index, (tier, account, weight))| Entrant {
            number: u64::from(index), tier: *tier, weight: *weight, account: rule.then_some(account % accounts), index,
        }).collect();
        let slots = slots(k, 300, &Policy::default());
        let got: Vec<_> = draw(&entrants, slots, seed).iter().map(|d| (d.entrant.index, d.lane, d.key.to_bits())).collect();
        prop_assert_eq!(got, plainly_drawn(&entrants, slots, seed));
    }
}

/// The definition, word by word: sort a class by key, take who may be taken.
fn plainly_drawn(entrants: &[Entrant], slots: Slots, seed: u64) -> Vec<(u32, Lane, u64)> {
    use Tier::{Challenger, NewChallenger, RisingStar, TopPerformer};
    let lanes: [(Lane, u8, Vec<Vec<Tier>>); 3] = [
        (Lane::Fast, slots.fast, vec![vec![TopPerformer], vec![RisingStar], vec![NewChallenger, Challenger]]),
        (Lane::Mixed, slots.mixed, vec![vec![RisingStar, TopPerformer], vec![NewChallenger, Challenger]]),
        (
            Lane::Challenger,
            slots.challenger,
            vec![vec![NewChallenger, Challenger], vec![RisingStar], vec![TopPerformer]],
        ),
    ];
    let mut left = [slots.fast, slots.mixed, slots.challenger];
    let (mut seats, mut taken, mut used) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for rule in [true, false] {
        for (at, (lane, _, classes)) in lanes.iter().enumerate() {
            for class in classes {
                let mut queue: Vec<(f64, u64, &Entrant)> = entrants
                    .iter()
                    .filter(|e| class.contains(&e.tier))
                    .map(|e| (key_of(seed, *lane, e.number, e.weight), e.number, e))
                    .collect();
                queue.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                for (key, _, entrant) in queue {
                    let barred = rule && entrant.account.is_some_and(|account| used.contains(&account));
                    if left[at] > 0 && !barred && taken.insert(entrant.index) {
                        used.extend(entrant.account);
                        seats.push((entrant.index, *lane, key.to_bits()));
                        left[at] -= 1;
                    }
                }
            }
        }
    }
    seats
}

/// Weights 3 : 2 : 1, two of three drawn: exact successive sampling includes them with these probabilities.
#[test]
fn inclusion_follows_the_weights() {
    let entrants = [3, 2, 1].map(|weight| Entrant {
        number: u64::from(weight),
        tier: Tier::Challenger,
        weight,
        account: None,
        index: 3 - weight,
    });
    let (mut included, seeds) = ([0_u32; 3], 20_000);
    for seed in 0..seeds {
        for seat in draw(&entrants, Slots { fast: 0, mixed: 0, challenger: 2 }, seed) {
            included[seat.entrant.index as usize] += 1;
        }
    }
    for (count, expected) in included.into_iter().zip([0.85, 0.7333, 0.4167]) {
        let share = f64::from(count) / seeds as f64;
        assert!((share - expected).abs() < 0.015, "{share} instead of {expected}");
    }
}

/// One task in fifty, told by its seed: there every eligible agent has the same chance, whatever its weight and tier.
#[test]
fn the_control_group_is_drawn_uniformly() {
    let rules = Arc::new(Rulebook::new(Policy::default()).unwrap());
    let agents = (0..10).map(|n| candidate(n, Tier::ALL[n as usize % 4], n as u8, 100_000 * (n as u32 + 1)));
    let mut pool = Pool::of(rules, agents);
    let (mut asked, mut tasks) = (BTreeMap::<String, u32>::new(), 0);
    for seed in 0..50_000 {
        let record = decide(&mut pool, &question(seed, 5));
        if record.policy == Method::Control {
            tasks += 1;
            assert!(record.chosen.iter().all(|c| c.lane == Lane::Control && !c.boosted));
            record.chosen.iter().for_each(|c| *asked.entry(c.slug.clone()).or_default() += 1);
        }
    }
    assert!((850..1_150).contains(&tasks), "{tasks} of 50,000");
    for (slug, n) in asked {
        let share = f64::from(n) / f64::from(tasks);
        assert!((share - 0.5).abs() < 0.05, "{slug}: {share}");
    }
}

/// Those who are named for the case that too few answer are the next best, never somebody who is asked already.
#[test]
fn a_reserve_comes_after_the_seats() {
    let agents: Vec<Candidate> = (0..6).map(|n| candidate(n, Tier::Challenger, n as u8, 500_000)).collect();
    for seed in 0..200 {
        let (record, _) = decided(&agents, &Question { reserve_wanted: 5, ..question(seed, 4) });
        assert_eq!((record.chosen.len(), record.reserve.len()), (4, 2), "six agents, not nine");
        let all: BTreeSet<_> = record.chosen.iter().chain(&record.reserve).map(|c| &c.agent).collect();
        assert_eq!(all.len(), 6);
        let (plain, _) = decided(&agents, &question(seed, 4));
        assert_eq!(plain.chosen, record.chosen, "a reserve changes no seat");
    }
}

#[test]
fn what_was_changed_after_it_was_stored_is_noticed() {
    let agents: Vec<Candidate> = (0..20).map(|n| candidate(n, Tier::Challenger, n as u8, 500_000)).collect();
    let whole = stored(&agents, &question(1, 4));
    assert_eq!(document(&whole.replay().unwrap()).unwrap(), whole.document);
    assert_eq!(whole.table().unwrap().len(), 20);
    let block = *whole.contents.iter().find(|(_, text)| text.starts_with('[')).unwrap().0;
    let mut changed = whole.clone();
    changed.contents.get_mut(&block).unwrap().push(' ');
    assert!(matches!(changed.replay(), Err(ReplayError::Changed(hash)) if hash == block));
    let mut lost = whole.clone();
    lost.contents.remove(&block);
    assert!(matches!(lost.replay(), Err(ReplayError::Missing { what: "candidates", .. })));
    let older = Stored { document: r#"{"version":1}"#.into(), ..whole };
    assert!(matches!(older.replay(), Err(ReplayError::Version(1))));
}

/// Exports come from anywhere: whatever numbers stand in one, it is refused or repeated.
#[test]
fn numbers_that_no_database_holds_are_decided_about_too() {
    let policy = Policy {
        budget_per_agent: 1,
        failed_probe_milli: 1000,
        health_fails_max: u32::MAX,
        newcomer_boost: u32::MAX,
        ..Policy::default()
    };
    let rules = Arc::new(Rulebook::new(policy).unwrap());
    let mut agents: Vec<Candidate> =
        (0..4).map(|n| candidate(n, Tier::Challenger, n as u8, u32::MAX)).collect();
    agents[0].standing.last_active_at = i64::MIN;
    agents[1].standing.last_active_at = i64::MAX;
    (agents[2].health_fails, agents[2].standing.real_tasks) = (u32::MAX - 1, 0);
    for (now, budget_minor) in [(i64::MAX, i64::MAX), (i64::MIN, i64::MIN)] {
        let plain = question(1, 4);
        let task = TaskFacts { budget_minor, ..plain.task.clone() };
        let question = Question {
            task,
            now,
            agents: None,
            experimentation_milli: u16::MAX,
            reserve_wanted: u8::MAX,
            ..plain
        };
        let mut pool = Pool::of(Arc::clone(&rules), agents.clone());
        let record = decide(&mut pool, &question);
        assert_eq!(table(&agents, &record, &rules).len(), 4);
        assert!(document(&record).is_ok());
    }
}

/// Three agents of one account and one of another: the rule yields only to seats nobody else could take.
#[test]
fn the_account_rule_yields_when_too_few_are_left() {
    let pool =
        || [(1, 1), (2, 1), (3, 1), (4, 2)].map(|(n, a)| candidate(n, Tier::Challenger, a, 1)).to_vec();
    for seed in 0..200 {
        let (record, _) = decided(&pool(), &question(seed, 3));
        let chosen: Vec<&str> = record.chosen.iter().map(|c| c.agent.as_str()).collect();
        let is_other = |agent: &str| agent == "agent-004";
        assert_eq!(chosen.len(), 3);
        assert_eq!(chosen[..2].iter().filter(|a| is_other(a)).count(), 1, "{chosen:?}");
        let mut free = question(seed, 3);
        free.task.money_on = false;
        let lanes: Vec<Lane> = decided(&pool(), &free).0.chosen.iter().map(|c| c.lane).collect();
        assert_eq!(lanes, Lane::ALL, "with money off nothing is left for a second pass");
    }
}

#[test]
fn reasons_and_tiers_are_single_words_in_the_record() {
    let word = |reason: Reason| serde_json::to_value(reason).unwrap();
    assert_eq!(word(Reason::Chosen), "chosen");
    assert_eq!(word(Reason::NotDrawn), "not_drawn");
    assert_eq!(word(Reason::Gated(Gate::AtCapacity)), "at_capacity");
    let read = |word: &str| serde_json::from_value::<Reason>(word.into()).unwrap();
    assert_eq!((read("reserve"), read("price_floor")), (Reason::Reserve, Reason::Gated(Gate::PriceFloor)));
}
