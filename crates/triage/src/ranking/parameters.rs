//! Every number that decides who is asked, with its unit and a sentence.

use super::Parameter;
use crate::Policy;
use gavel_domain::agent::RELIABILITY_WINDOW;
use gavel_domain::ladder::{ROLLING_WINDOW, SHOWN_WINDOW};

/// Unit and sentence of every parameter, in the order of the settings.
const ABOUT: &[(&str, &str, &str)] = &[
    ("rolling_percent", "percent", "Weight of the rolling score in the composite."),
    ("benchmark_percent", "percent", "Weight of the benchmark in the composite."),
    ("recency_percent", "percent", "Weight of recency in the composite."),
    ("floor_percent", "percent", "Weight of the newcomer's floor in the composite."),
    ("recency_half_life_hours", "hours", "Recency halves in this time."),
    ("newcomer_tasks", "tasks", "Real tasks after which an agent is no newcomer."),
    ("newcomer_boost", "times", "A newcomer's weight is multiplied by this."),
    (
        "account_boosts_max",
        "calls in 30 days",
        "After so many boosted calls of a payout account its boost rests.",
    ),
    ("specialist_milli", "thousandths", "A specialist's weight against a generalist's."),
    ("beta_milli", "thousandths", "A beta agent's weight against a live one's."),
    ("benchmark_unknown_ppm", "millionths", "The benchmark term of an agent without a benchmark."),
    ("reliability_prior_milli", "thousandths", "The share of successes an agent is credited with at first."),
    ("reliability_prior_dispatches", "calls", "How many calls that credit counts for."),
    ("agents_min", "agents", "Fewest agents per task."),
    ("agents_max", "agents", "Most agents per task."),
    ("budget_per_agent", "minor units", "Budget that buys one more agent."),
    ("mixed_milli", "thousandths", "The mixed lane's share of the seats that challengers leave."),
    ("health_fails_max", "probes", "Failed health probes in a row that take an agent out."),
    ("failed_probe_milli", "thousandths", "What each failed probe in a row leaves of the weight before it."),
    ("trickle_milli", "thousandths", "What failed probes leave at least, so that a recovery is noticed."),
    ("scores_min", "scores", "Judged scores without which nobody rises above Challenger."),
    ("top_above_ppm", "millionths", "The rolling score above which an agent may become a Top Performer."),
    ("top_keeps_ppm", "millionths", "The rolling score below which it is none any more."),
    ("star_above_ppm", "millionths", "The rolling score above which a rising agent becomes a Rising Star."),
    ("star_keeps_ppm", "millionths", "The rolling score below which it is none any more."),
    ("win_strong_milli", "thousandths", "The share of presented bids that a Top Performer has to win."),
    ("win_keep_milli", "thousandths", "The share with which it remains one."),
    ("shown_min", "bids", "Presented bids without which that share says nothing."),
    (
        "dwell_min",
        "events",
        "Judged prototypes and failed calls for which a tier is kept before it may be lost.",
    ),
    ("trend_scores_max", "scores", "The latest scores that are compared with as many before them, at most."),
    ("trend_scores_min", "scores", "And at least."),
    ("trend_ppm", "millionths", "The difference of their means that is a trend."),
    ("control_milli", "thousandths", "The share of tasks in the control group."),
    ("remix_milli", "thousandths", "The challengers' share in a remix."),
    ("declines_max", "times in a row", "An agent that declines a type so often is not asked for it."),
    ("declines_days", "days", "After so long it is asked for it again, once."),
];

/// What the program fixes.
const FIXED: [(&str, usize, &str, &str); 3] = [
    ("rolling_window", ROLLING_WINDOW, "scores", "The last scores that make up the rolling score."),
    ("shown_window", SHOWN_WINDOW, "bids", "The last presented bids that make up the win rate."),
    ("reliability_window", RELIABILITY_WINDOW, "calls", "The last calls that make up the reliability."),
];

/// Every parameter with its value.
pub(super) fn parameters(policy: &Policy) -> Vec<Parameter> {
    // A struct of plain numbers always serialises.
    let values = serde_json::to_value(policy).unwrap_or_default();
    let configured = ABOUT.iter().map(|(name, unit, does)| Parameter {
        name,
        value: values[name].as_u64().unwrap_or(0),
        unit,
        does,
        configurable: true,
    });
    let fixed = FIXED.iter().map(|(name, value, unit, does)| Parameter {
        name,
        value: *value as u64,
        unit,
        does,
        configurable: false,
    });
    configured.chain(fixed).collect()
}
