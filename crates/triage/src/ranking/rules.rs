//! The rules in sentences, with the numbers in force.

use super::{GateRule, Part, Seats, TierRule};
use crate::{Gate, Lane, Policy, Tier, slots};
use gavel_domain::agent::RELIABILITY_WINDOW;
use gavel_domain::ladder::{ROLLING_WINDOW, SHOWN_WINDOW};

pub(super) fn steps(policy: &Policy) -> Vec<String> {
    vec![
        format!(
            "The budget says how many agents are asked: {}, and one more for every {} minor units, {} at most; a buyer may \
             ask for another number.",
            policy.agents_min, policy.budget_per_agent, policy.agents_max
        ),
        "The gates are tried in order; the first that keeps an agent out is its reason.".to_owned(),
        "Everybody else is in the draw with a weight: the composite score, times the factors.".to_owned(),
        "The seats of each lane are drawn at random, each agent with a chance by its weight; the draw is seeded by a secret \
         and the task, so that nobody can choose its luck."
            .to_owned(),
        "The decision is stored with everything it was made from, and every candidate has a reason.".to_owned(),
    ]
}

pub(super) fn gate_rule(gate: Gate, money_on: bool) -> GateRule {
    let keeps_out = match gate {
        Gate::NoCapability => "agents that do not declare the category, or have not passed what it asks for",
        Gate::PayoutNotReady => "agents whose developer cannot be paid yet",
        Gate::Inactive => "agents that are not active",
        Gate::Paused => "agents that their developer has paused",
        Gate::NotVisible => "agents whose visibility is neither live nor beta",
        Gate::DeclinesType => "agents that have declined the type several times in a row, for a while",
        Gate::NotWanted => "agents that the buyer's routing wishes leave out",
        Gate::Unhealthy => "agents whose health probes fail",
        Gate::AtCapacity => "agents with as many calls under way as they take (max_concurrency)",
        Gate::PriceFloor => "agents whose lowest price is above the budget",
        Gate::OwnTask => "agents of the buyer itself",
        Gate::Excluded => "agents that lost in an earlier round of the task",
    };
    let applies = money_on || !matches!(gate, Gate::PayoutNotReady | Gate::OwnTask);
    GateRule { reason: gate, keeps_out, applies }
}

pub(super) fn composite(policy: &Policy) -> Vec<Part> {
    let part = |term, weight_percent, is| Part { term, weight_percent, is };
    vec![
        part(
            "rolling",
            policy.rolling_percent,
            format!(
                "The mean of the last {ROLLING_WINDOW} judged scores in the category; the benchmark before the first."
            ),
        ),
        part(
            "benchmark",
            policy.benchmark_percent,
            format!(
                "The mean of the benchmark's scores in the category; {} without a benchmark.",
                ppm(policy.benchmark_unknown_ppm)
            ),
        ),
        part(
            "recency",
            policy.recency_percent,
            format!(
                "1 at its latest valid prototype (in any category), halved every {} hours.",
                policy.recency_half_life_hours
            ),
        ),
        part(
            "floor",
            policy.floor_percent,
            format!("1 in its first {} real tasks, then 0.", policy.newcomer_tasks),
        ),
    ]
}

pub(super) fn factors(policy: &Policy) -> Vec<String> {
    vec![
        format!(
            "Reliability, squared: the share of its last {RELIABILITY_WINDOW} calls that succeeded, with a credit of {} calls at \
             {} %.",
            policy.reliability_prior_dispatches,
            milli_in_percent(policy.reliability_prior_milli)
        ),
        format!(
            "{} in its first {} real tasks, as long as its payout account had fewer than {} such calls in 30 days.",
            policy.newcomer_boost, policy.newcomer_tasks, policy.account_boosts_max
        ),
        format!("{} for a declared specialist of the task's type.", milli(policy.specialist_milli)),
        format!("{} in beta.", milli(policy.beta_milli)),
        format!(
            "{} for each failed health probe in a row, {} at least; after {} in a row the gate closes.",
            milli(policy.failed_probe_milli),
            milli(policy.trickle_milli),
            policy.health_fails_max
        ),
    ]
}

pub(super) fn tier_rule(tier: Tier, policy: &Policy) -> TierRule {
    let kept = format!("after at least {} judged prototypes or failed calls in it", policy.dwell_min);
    let (won, lost) = match tier {
        Tier::NewChallenger => (
            format!("Held in the first {} real tasks.", policy.newcomer_tasks),
            "Left with the next, and never entered again.".to_owned(),
        ),
        Tier::Challenger => ("Held by everybody else.".to_owned(), "Left upwards alone.".to_owned()),
        Tier::RisingStar => (
            format!(
                "At least {} scores, a rolling score above {}, and the latest {} to {} scores better by {} than as many \
                 before them.",
                policy.scores_min,
                ppm(policy.star_above_ppm),
                policy.trend_scores_min,
                policy.trend_scores_max,
                ppm(policy.trend_ppm)
            ),
            format!("With a rolling score below {}, or falling scores, {kept}.", ppm(policy.star_keeps_ppm)),
        ),
        Tier::TopPerformer => (
            format!(
                "At least {} scores, a rolling score above {}, and at least {} % of the last {SHOWN_WINDOW} presented bids \
                 chosen, of at least {}.",
                policy.scores_min,
                ppm(policy.top_above_ppm),
                milli_in_percent(policy.win_strong_milli),
                policy.shown_min
            ),
            format!(
                "With a rolling score below {}, or less than {} % chosen, {kept}.",
                ppm(policy.top_keeps_ppm),
                milli_in_percent(policy.win_keep_milli)
            ),
        ),
    };
    TierRule { tier, won, lost }
}

pub(super) const fn takes(lane: Lane) -> &'static str {
    match lane {
        Lane::Fast => "Top Performers; then Rising Stars; then all others",
        Lane::Mixed => "Rising Stars and Top Performers; then all others",
        Lane::Challenger => "Challengers, new or not; then Rising Stars; then Top Performers",
        Lane::Reserve => "who is asked when too few answer, in the order of the fast lane",
        Lane::Control => "all alike, whatever they weigh: tasks of the control group have this lane alone",
        Lane::Value => "the highest values, in categories that are ranked by value",
        Lane::Floor => "whoever is drawn by weight, for the last seat there",
    }
}

pub(super) fn seats(policy: &Policy, experimentation_milli: u16) -> Vec<Seats> {
    (policy.agents_min..=policy.agents_max)
        .map(|agents| {
            let slots = slots(agents, experimentation_milli, policy);
            Seats { agents, fast: slots.fast, mixed: slots.mixed, challenger: slots.challenger }
        })
        .collect()
}

pub(super) fn exploration(policy: &Policy, experimentation_milli: u16) -> Vec<String> {
    vec![
        format!(
            "{} % of the seats are the challengers', unless the buyer says otherwise (experimentation); {} % in a remix. One \
             at least, unless it is 0.",
            milli_in_percent(experimentation_milli.into()),
            milli_in_percent(policy.remix_milli.into())
        ),
        format!(
            "{} % of all tasks are a control group: their agents are drawn with equal weights and without lanes. Only from \
             them can be learnt what another policy would have done.",
            milli_in_percent(policy.control_milli)
        ),
        format!(
            "A newcomer's weight is multiplied by {} in its first {} real tasks; a payout account has {} such calls in 30 days, \
             however many agents it registers.",
            policy.newcomer_boost, policy.newcomer_tasks, policy.account_boosts_max
        ),
    ]
}

fn ppm(ppm: u32) -> String {
    format!("{}", f64::from(ppm) / 1e6)
}

fn milli(milli: u32) -> String {
    format!("{}", f64::from(milli) / 1e3)
}

fn milli_in_percent(milli: u32) -> String {
    format!("{}", f64::from(milli) / 10.0)
}
