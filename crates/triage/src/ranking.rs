//! How agents are ranked, told by the parameters that are in force: for developers and buyers to read.

use crate::ranking_by_value::ByValue;
use crate::{ContentHash, Gate, Lane, Method, Policy, Rules, Tier, slots, words};
use gavel_domain::agent::RELIABILITY_WINDOW;
use gavel_domain::ladder::{ROLLING_WINDOW, SHOWN_WINDOW};
use serde::Serialize;
use std::fmt::Write as _;

/// What is decided outside the policy and matters for who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether money moves.
    pub money_on: bool,
    /// The challengers' share of the seats when a buyer names none, in thousandths.
    pub experimentation_milli: u16,
}

/// How agents are ranked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranking {
    /// The policy.
    pub policy: &'static str,
    /// Tells these parameters from others: decisions name it.
    pub parameters_hash: ContentHash,
    /// What happens in which order.
    pub steps: Vec<String>,
    /// Who is not in the draw, in the order in which it is tried.
    pub gates: Vec<GateRule>,
    /// What the composite score is made of.
    pub composite: Vec<Part>,
    /// What the composite is multiplied with to become the weight in the draw.
    pub factors: Vec<String>,
    /// What each tier asks for.
    pub tiers: Vec<TierRule>,
    /// Whom each lane takes.
    pub lanes: Vec<LaneRule>,
    /// How many seats each lane has.
    pub seats: Vec<Seats>,
    /// How it is found out who else is good.
    pub exploration: Vec<String>,
    /// What does not count.
    pub does_not_count: Vec<&'static str>,
    /// Every parameter with its value.
    pub parameters: Vec<Parameter>,
    /// How it is otherwise in some categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_value: Option<ByValue>,
}

/// A gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateRule {
    /// The reason that is stored.
    pub reason: Gate,
    /// Whom it keeps out.
    pub keeps_out: &'static str,
    /// Whether it is tried here at all.
    pub applies: bool,
}

/// A part of the composite score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its name, as everywhere.
    pub term: &'static str,
    /// Its weight.
    pub weight_percent: u32,
    /// What it is.
    pub is: String,
}

/// What a tier asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TierRule {
    /// The tier.
    #[serde(with = "words::tier")]
    pub tier: Tier,
    /// How it is won.
    pub won: String,
    /// How it is lost.
    pub lost: String,
}

/// Whom a lane takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaneRule {
    /// The lane.
    pub lane: Lane,
    /// Whom it takes first, then next.
    pub takes: &'static str,
}

/// The seats of a task by lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seats {
    /// How many agents are asked.
    pub agents: u8,
    /// In the fast lane.
    pub fast: u8,
    /// In the mixed lane.
    pub mixed: u8,
    /// In the challengers' lane.
    pub challenger: u8,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name in the settings; what the program fixes has a name, too.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// What that counts.
    pub unit: &'static str,
    /// What it does.
    pub does: &'static str,
    /// Whether the operator may set it.
    pub configurable: bool,
}

/// How agents are ranked by these rules.
pub fn ranking(rules: &Rules, surroundings: Surroundings) -> Ranking {
    let policy = rules.policy();
    Ranking {
        policy: Method::Lanes.name(),
        parameters_hash: rules.common().hash(),
        steps: steps(policy),
        gates: Gate::ALL.map(|gate| gate_rule(gate, surroundings.money_on)).into(),
        composite: composite(policy),
        factors: factors(policy),
        tiers: Tier::ALL.map(|tier| tier_rule(tier, policy)).into(),
        lanes: [Lane::Fast, Lane::Mixed, Lane::Challenger, Lane::Reserve, Lane::Control]
            .map(|lane| LaneRule { lane, takes: takes(lane) })
            .into(),
        seats: seats(policy, surroundings.experimentation_milli),
        exploration: exploration(policy, surroundings.experimentation_milli),
        does_not_count: vec![
            "Who else is in the draw: an agent's score never depends on the others.",
            "Scores of other categories.",
            "What an agent says of itself, its name, its model and its framework.",
            "Its price, but for the gate: a cheaper agent is not asked more often.",
            "How fast it is, as long as it keeps its time limits.",
            "Money: no seat can be bought.",
            "Prototypes that the platform or the buyer ended (superseded, cancelled, late, platform_fault).",
        ],
        parameters: parameters(policy),
        by_value: ByValue::of(rules),
    }
}

fn steps(policy: &Policy) -> Vec<String> {
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

fn gate_rule(gate: Gate, money_on: bool) -> GateRule {
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

fn composite(policy: &Policy) -> Vec<Part> {
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

fn factors(policy: &Policy) -> Vec<String> {
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

fn tier_rule(tier: Tier, policy: &Policy) -> TierRule {
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

const fn takes(lane: Lane) -> &'static str {
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

fn seats(policy: &Policy, experimentation_milli: u16) -> Vec<Seats> {
    (policy.agents_min..=policy.agents_max)
        .map(|agents| {
            let slots = slots(agents, experimentation_milli, policy);
            Seats { agents, fast: slots.fast, mixed: slots.mixed, challenger: slots.challenger }
        })
        .collect()
}

fn exploration(policy: &Policy, experimentation_milli: u16) -> Vec<String> {
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

fn parameters(policy: &Policy) -> Vec<Parameter> {
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

impl Ranking {
    /// The same as a page to read.
    pub fn markdown(&self) -> String {
        let mut page = format!(
            "# How agents are ranked\n\nPolicy `{}`, parameters `{}`. This page is made from the settings in force.\n",
            self.policy, self.parameters_hash
        );
        list(
            &mut page,
            "What happens",
            self.steps.iter().enumerate().map(|(n, step)| (format!("{}.", n + 1), step.clone())),
        );
        let off = |gate: &GateRule| if gate.applies { "" } else { " (only where money moves)" };
        list(
            &mut page,
            "Who is not in the draw",
            self.gates.iter().enumerate().map(|(n, gate)| {
                (format!("{}.", n + 1), format!("`{}`: {}{}", said(&gate.reason), gate.keeps_out, off(gate)))
            }),
        );
        list(
            &mut page,
            "The composite score",
            self.composite
                .iter()
                .map(|part| bullet(format!("{} % `{}`: {}", part.weight_percent, part.term, part.is))),
        );
        list(&mut page, "What it is multiplied with", self.factors.iter().cloned().map(bullet));
        list(
            &mut page,
            "Tiers, per category",
            self.tiers
                .iter()
                .map(|rule| bullet(format!("`{}`: {} {}", rule.tier.name(), rule.won, rule.lost))),
        );
        list(
            &mut page,
            "Lanes",
            self.lanes.iter().map(|rule| bullet(format!("`{}`: {}", said(&rule.lane), rule.takes))),
        );
        page.push_str("\n| agents | fast | mixed | challenger |\n|---|---|---|---|\n");
        for Seats { agents, fast, mixed, challenger } in &self.seats {
            // Writing to a string never fails.
            let _ = writeln!(page, "| {agents} | {fast} | {mixed} | {challenger} |");
        }
        list(&mut page, "Finding out who else is good", self.exploration.iter().cloned().map(bullet));
        list(
            &mut page,
            "What does not count",
            self.does_not_count.iter().map(|text| bullet((*text).to_owned())),
        );
        page.push_str("\n## Every parameter\n\n| name | value | unit | what it does |\n|---|---|---|---|\n");
        for Parameter { name, value, unit, does, configurable } in &self.parameters {
            let fixed = if *configurable { "" } else { " (fixed)" };
            let _ = writeln!(page, "| `{name}` | {value} | {unit} | {does}{fixed} |");
        }
        if let Some(by_value) = &self.by_value {
            by_value.write(&mut page);
        }
        page
    }
}

fn list(page: &mut String, title: &str, lines: impl Iterator<Item = (String, String)>) {
    let _ = writeln!(page, "\n## {title}\n");
    for (mark, line) in lines {
        let _ = writeln!(page, "{mark} {line}");
    }
}

fn bullet(text: String) -> (String, String) {
    ("-".to_owned(), text)
}

fn said<T: Serialize>(word: &T) -> String {
    let value = serde_json::to_value(word).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rulebook;
    use std::collections::BTreeSet;

    fn told(policy: Policy) -> Ranking {
        let surroundings = Surroundings { money_on: false, experimentation_milli: 300 };
        ranking(&Rules::lanes(Rulebook::new(policy).unwrap()), surroundings)
    }

    #[test]
    fn every_parameter_is_told_with_its_value() {
        let policy = Policy { newcomer_boost: 7, ..Policy::default() };
        let written = serde_json::to_value(&policy).unwrap();
        let written: BTreeSet<_> = written
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_u64().unwrap()))
            .collect();
        let told = told(policy);
        let configurable = told.parameters.iter().filter(|parameter| parameter.configurable);
        assert_eq!(configurable.map(|p| (p.name.to_owned(), p.value)).collect::<BTreeSet<_>>(), written);
        let page = told.markdown();
        for Parameter { name, value, .. } in &told.parameters {
            assert!(page.contains(&format!("| `{name}` | {value} |")), "{name}");
        }
    }

    #[test]
    fn seats_are_those_of_the_draw() {
        let seats: Vec<_> =
            told(Policy::default()).seats.iter().map(|s| (s.agents, s.fast, s.mixed, s.challenger)).collect();
        assert_eq!(
            seats,
            [(3, 1, 1, 1), (4, 2, 1, 1), (5, 3, 1, 1), (6, 3, 2, 1), (7, 3, 2, 2), (8, 4, 2, 2)]
        );
    }

    #[test]
    fn gates_are_told_in_their_order() {
        let told = told(Policy::default());
        assert_eq!(told.gates.iter().map(|gate| gate.reason).collect::<Vec<_>>(), Gate::ALL);
        let off: Vec<_> = told.gates.iter().filter(|gate| !gate.applies).map(|gate| gate.reason).collect();
        assert_eq!(off, [Gate::PayoutNotReady, Gate::OwnTask], "money does not move");
        assert!(
            told.markdown()
                .contains("2. `payout_not_ready`: agents whose developer cannot be paid yet (only where")
        );
    }

    #[test]
    fn sentences_follow_the_parameters() {
        let page =
            told(Policy { dwell_min: 9, rolling_percent: 50, benchmark_percent: 25, ..Policy::default() })
                .markdown();
        for part in
            ["- 50 % `rolling`", "after at least 9 judged", "0.85", "2 % of all tasks are a control group"]
        {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
