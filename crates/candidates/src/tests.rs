//! What nothing in the database tells of by itself.

use super::*;
use gavel_triage::{Standing, Tier};

fn candidate(agent: &str, account: &str, real_tasks: u32, account_boosted: u32) -> Candidate {
    Candidate {
        agent: agent.to_owned(),
        draw_number: 1,
        slug: agent.to_owned(),
        owner: account.to_owned(),
        payout_account: account.to_owned(),
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
        tier: Tier::NewChallenger,
        standing: Standing { real_tasks, account_boosted, ..Standing::default() },
        evidence: None,
    }
}

#[test]
fn boosts_that_came_back_or_were_used_elsewhere_are_taken_over() {
    let rules = Arc::clone(Rules::default().common());
    let most = rules.policy().account_boosts_max;
    let agents = [
        candidate("a", "came-back", 3, most),
        candidate("b", "came-back", 4, most),
        candidate("c", "used-elsewhere", 3, 0),
        candidate("d", "as-before", 3, most),
        candidate("e", "used-elsewhere", 50, 0),
    ];
    let mut shelf = Shelf {
        pool: Pool::of(rules, agents),
        mark: None,
        agents: 5,
        state: None,
        how: HashMap::new(),
        spent: HashMap::from([("came-back".to_owned(), true), ("as-before".to_owned(), true)]),
        boosts_seen_at: None,
        rules_noted_at: None,
    };
    shelf.boosts(&BTreeSet::from(["used-elsewhere".to_owned(), "as-before".to_owned()]));
    let boosted: Vec<u32> = shelf.pool.candidates().map(|one| one.standing.account_boosted).take(4).collect();
    assert_eq!(boosted, [0, 0, most, most]);
    assert_eq!((shelf.spent["came-back"], shelf.spent["used-elsewhere"]), (false, true));
}
