//! From what is remembered of an agent to what triage takes from it.

use chrono::TimeDelta;
use gavel_domain::Timestamp;
use gavel_domain::agent::Visibility;
use gavel_store::candidates::{Decline, Facts};
use gavel_triage::{Candidate, Declined, Policy, Rulebook, Standing, Tier, mean_half_up};

/// An agent as triage sees it: decisions and what is told of agents are made from the same.
pub fn candidate_of(facts: Facts, rules: &Rulebook) -> Candidate {
    let policy = rules.policy();
    let Facts { agent, record, standing, in_flight, owner, boosted_lately, declines, benchmark, ready } =
        facts;
    let (progress, evidence) =
        standing.map_or((None, None), |standing| (Some(standing.progress), standing.evidence));
    let tier = progress
        .as_ref()
        .map_or_else(|| Tier::without_history(record.real_tasks, &policy.ladder()), |progress| progress.tier);
    let active_since = record.last_active_at.or(agent.activated_at).unwrap_or(agent.created_at);
    Candidate {
        agent: agent.id.to_string(),
        draw_number: agent.draw_number,
        slug: agent.slug,
        owner: owner.to_string(),
        payout_account: agent.developer.to_string(),
        capable: ready,
        payout_ready: true, // the built-in ledger pays every developer
        active: agent.active,
        paused: agent.paused,
        visible: agent.visibility.is_asked(),
        declined: declines.into_iter().filter_map(|decline| declined(decline, policy)).collect(),
        specialist_types: agent.specialist_task_types,
        health_fails: agent.health.fails,
        in_flight,
        max_concurrency: agent.max_concurrency,
        min_price_minor: agent.min_price.minor(),
        tier,
        standing: Standing {
            rolling: progress.and_then(|progress| mean_half_up(&progress.scores)),
            benchmark,
            last_active_at: active_since.timestamp(),
            real_tasks: record.real_tasks,
            succeeded: record.succeeded(),
            counted: record.counted(),
            account_boosted: used_up(boosted_lately, policy),
            beta: agent.visibility == Visibility::Beta,
        },
        evidence: evidence.filter(|_| rules.thompson().is_some()),
    }
}

/// Boosts of a payout account, once there are none left: the facts of its other agents stay the same until then.
const fn used_up(boosted: u32, policy: &Policy) -> u32 {
    if boosted >= policy.account_boosts_max { policy.account_boosts_max } else { 0 }
}

/// A type is not asked for after enough refusals in a row, for a while.
fn declined(decline: Decline, policy: &Policy) -> Option<Declined> {
    let rests = TimeDelta::days(policy.declines_days.into());
    (decline.in_a_row >= policy.declines_max)
        .then(|| Declined { task_type: decline.task_type, until: later(decline.last_at, rests) })
}

/// In seconds since 1970; a rest that outlasts the calendar has no end.
fn later(at: Timestamp, by: TimeDelta) -> i64 {
    at.checked_add_signed(by).map_or(i64::MAX, |until| until.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_may_be_as_long_as_a_policy_can_say() {
        let decline =
            Decline { task_type: "blog-post".to_owned(), in_a_row: 3, last_at: Timestamp::UNIX_EPOCH };
        let until = |declines_days| {
            let policy = Policy { declines_days, ..Policy::default() };
            declined(decline.clone(), &policy).map(|declined| declined.until)
        };
        assert_eq!([until(1), until(u32::MAX)], [Some(86_400), Some(i64::MAX)]);
    }
}
