//! What holds for every selection of the policy `thompson`.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel_triage::thompson::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// An agent as it is made up: account, mean score in hundredths, results, weight.
type Made = (u8, u32, u32, u32);

#[derive(Debug)]
struct Pool {
    made: Vec<Made>,
    evidence: Vec<Evidence>,
    accounts: Vec<String>,
    category: CategoryState,
}

impl Pool {
    fn new(made: Vec<Made>) -> Pool {
        let policy = Policy::default();
        let evidence = made.iter().map(|(_, score, results, _)| {
            let shown = (0..*results).fold(Evidence::default(), |shown, _| {
                shown.after_score("letter", score * 10_000, &policy).after_dispatch(true, &policy)
            });
            shown.after_bid(i64::from(*score), 100, 30_000)
        });
        let accounts = made.iter().map(|(account, ..)| format!("account-{account}"));
        Pool {
            evidence: evidence.collect(),
            accounts: accounts.collect(),
            category: CategoryState::new(&policy),
            made,
        }
    }

    fn contenders(&self) -> Vec<Contender<'_>> {
        let contender = |n: usize| Contender {
            number: (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            account: Some(&self.accounts[n]),
            evidence: &self.evidence[n],
            benchmark_ppm: Some(650_000),
            specialist: n.is_multiple_of(3),
            weight: self.made[n].3,
        };
        (0..self.made.len()).map(contender).collect()
    }

    fn question(&self, seed: u64) -> Question<'_> {
        Question { task_type: "letter", category: &self.category, seed }
    }
}

fn pools() -> impl Strategy<Value = Pool> {
    prop::collection::vec((0_u8..9, 20_u32..100, 0_u32..20, 1_u32..1_000_000), 0..25).prop_map(Pool::new)
}

fn without_floor() -> Policy {
    Policy { floor_share: 0.0, ..Policy::default() }
}

/// The numbers of who is asked, in order.
fn asked(
    contenders: &[Contender<'_>],
    question: &Question<'_>,
    seats: u8,
    policy: &Policy,
) -> Vec<(u64, By)> {
    let selection = select(contenders, question, seats, policy);
    selection.seats.iter().map(|seat| (contenders[seat.contender].number, seat.by)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_order_of_contenders_changes_nothing(pool in pools(), seed: u64, seats in 1_u8..=8) {
        let contenders = pool.contenders();
        let mut turned = contenders.clone();
        turned.reverse();
        let question = pool.question(seed);
        let policy = Policy::default();
        prop_assert_eq!(
            asked(&contenders, &question, seats, &policy),
            asked(&turned, &question, seats, &policy)
        );
    }

    #[test]
    fn seats_are_filled_while_there_are_agents_and_nobody_sits_twice(
        pool in pools(), seed: u64, seats in 0_u8..=8,
    ) {
        let contenders = pool.contenders();
        let asked = asked(&contenders, &pool.question(seed), seats, &Policy::default());
        prop_assert_eq!(asked.len(), contenders.len().min(usize::from(seats)));
        let different: BTreeSet<u64> = asked.iter().map(|(number, _)| *number).collect();
        prop_assert_eq!(different.len(), asked.len());
    }

    #[test]
    fn the_highest_values_sit_one_per_account(pool in pools(), seed: u64, seats in 1_u8..=8) {
        let contenders = pool.contenders();
        let selection = select(&contenders, &pool.question(seed), seats, &without_floor());
        let value = |i: usize| selection.valued[i].value;
        // The best of each account, by value: as many of them as there are seats.
        let accounts: BTreeSet<&str> = contenders.iter().filter_map(|c| c.account).collect();
        let mut best: Vec<usize> = accounts
            .iter()
            .filter_map(|account| {
                let of = (0..contenders.len()).filter(|i| contenders[*i].account == Some(account));
                of.max_by(|a, b| value(*a).total_cmp(&value(*b)))
            })
            .collect();
        best.sort_by(|a, b| value(*b).total_cmp(&value(*a)));
        best.truncate(usize::from(seats));
        let first: Vec<usize> =
            selection.seats.iter().take(best.len()).map(|seat| seat.contender).collect();
        prop_assert_eq!(first, best);
    }

    #[test]
    fn accounts_repeat_only_when_there_is_no_other(pool in pools(), seed: u64, seats in 1_u8..=8) {
        let contenders = pool.contenders();
        let selection = select(&contenders, &pool.question(seed), seats, &Policy::default());
        let all: BTreeSet<_> = contenders.iter().filter_map(|c| c.account).collect();
        let seated: BTreeSet<_> =
            selection.seats.iter().filter_map(|seat| contenders[seat.contender].account).collect();
        if seated.len() < selection.seats.len() {
            prop_assert_eq!(seated.len(), all.len());
        }
    }

    #[test]
    fn removing_whom_nobody_asked_changes_nothing(pool in pools(), seed: u64, at: prop::sample::Index) {
        prop_assume!(!pool.made.is_empty());
        let contenders = pool.contenders();
        let question = pool.question(seed);
        let policy = Policy::default();
        let before = asked(&contenders, &question, 5, &policy);
        let mut fewer = contenders.clone();
        let removed = fewer.remove(at.index(contenders.len()));
        prop_assume!(!before.iter().any(|(number, _)| *number == removed.number));
        prop_assert_eq!(asked(&fewer, &question, 5, &policy), before);
    }

    #[test]
    fn a_higher_choice_term_never_costs_a_seat(pool in pools(), seed: u64, at: prop::sample::Index) {
        prop_assume!(!pool.made.is_empty());
        let contenders = pool.contenders();
        let question = pool.question(seed);
        let chosen = at.index(contenders.len());
        let sits = |contenders: &[Contender<'_>]| {
            select(contenders, &question, 5, &without_floor()).seats.iter().any(|seat| seat.contender == chosen)
        };
        prop_assume!(sits(&contenders));
        let liked = Evidence { choice: 0.2, ..contenders[chosen].evidence.clone() };
        let mut after = contenders.clone();
        after[chosen].evidence = &liked;
        prop_assert!(sits(&after));
    }
}

#[test]
fn the_last_seat_is_drawn_by_weight_in_half_of_the_tasks() {
    let pool = Pool::new((0..12).map(|n| (n, 50 + u32::from(n), 10, 1_000)).collect());
    let contenders = pool.contenders();
    let tasks = 4_000_u64;
    let mut floors = 0;
    for seed in 0..tasks {
        let selection = select(&contenders, &pool.question(seed), 5, &Policy::default());
        let by: Vec<By> = selection.seats.iter().map(|seat| seat.by).collect();
        assert_eq!(by[..4], [By::Value; 4]);
        assert_eq!(by[4] == By::Floor, selection.floor);
        floors += u64::from(selection.floor);
    }
    // Four standard errors of a fair coin: 4 * sqrt(4000) / 2.
    assert!(floors.abs_diff(tasks / 2) < 127, "{floors} of {tasks}");
}

#[test]
fn a_single_seat_goes_to_the_highest_value() {
    let pool = Pool::new((0..6).map(|n| (n, 60, 5, 1_000)).collect());
    let always = Policy { floor_share: 1.0, ..Policy::default() };
    for seed in 0..200 {
        assert!(!select(&pool.contenders(), &pool.question(seed), 1, &always).floor);
    }
}

#[test]
fn the_last_seat_follows_the_weights() {
    // Three agents beside one that always sits by value; weights 3, 2 and 1.
    let made = vec![(0, 99, 19, 1), (1, 20, 19, 3), (2, 20, 19, 2), (3, 20, 19, 1)];
    let pool = Pool::new(made);
    let contenders = pool.contenders();
    let always = Policy { floor_share: 1.0, ..Policy::default() };
    let mut drawn = [0_u32; 4];
    for seed in 0..6_000 {
        let selection = select(&contenders, &pool.question(seed), 2, &always);
        assert_eq!(selection.seats[0].contender, 0);
        drawn[selection.seats[1].contender] += 1;
    }
    for (agent, share) in [(1, 0.5), (2, 1.0 / 3.0), (3, 1.0 / 6.0)] {
        let got = f64::from(drawn[agent]) / 6_000.0;
        assert!((got - share).abs() < 0.026, "agent {agent}: {got} is not {share}"); // four standard errors
    }
}

#[test]
fn equal_values_go_to_the_lower_number() {
    let evidence = Evidence::default();
    let category = CategoryState::new(&Policy::default());
    // The draw scatters by less than a bit: all values are equal.
    let certain = CategoryState { noise_variance: 1e-300, ..category };
    let contender = |number| Contender {
        number,
        account: None,
        evidence: &evidence,
        benchmark_ppm: None,
        specialist: false,
        weight: 1,
    };
    let contenders = [9, 3, 7, 1].map(contender);
    let question = Question { task_type: "letter", category: &certain, seed: 5 };
    let alike = Policy { type_variance: 1e-300, ..without_floor() };
    let asked = asked(&contenders, &question, 2, &alike);
    assert_eq!(asked, [(1, By::Value), (3, By::Value)]);
}
