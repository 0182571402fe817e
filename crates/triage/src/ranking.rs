//! How agents are ranked, told by the parameters that are in force: for developers and buyers to read.

mod page;
mod parameters;
mod rules;

use crate::ranking_by_value::ByValue;
use crate::{ContentHash, Gate, Lane, Method, Rules, Tier, words};
use parameters::parameters;
use rules::{composite, exploration, factors, gate_rule, seats, steps, takes, tier_rule};
use serde::Serialize;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Rulebook};
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
