//! The policies that are compared.

use serde::Serialize;
use std::str::FromStr;

/// A policy in the comparison. All ask five agents unless the name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contestant {
    /// Anybody, with equal chances.
    Uniform,
    /// The highest composites.
    Greedy,
    /// The shipped default, but for the number of agents.
    V1,
    /// The shipped default: the budget decides how many are asked.
    V1ByBudget,
    /// Its weights without its lanes.
    V1WithoutLanes,
    /// `thompson` without what buyers chose, and without its seat for those who would be forgotten.
    ThompsonJudge,
    /// `thompson` without that seat.
    ThompsonChoices,
    /// `thompson` as it ships: the budget decides how many are asked.
    Thompson,
}

impl Contestant {
    /// All, in the order of the report.
    pub const ALL: [Contestant; 8] = [
        Contestant::Uniform,
        Contestant::Greedy,
        Contestant::V1,
        Contestant::V1ByBudget,
        Contestant::V1WithoutLanes,
        Contestant::ThompsonJudge,
        Contestant::ThompsonChoices,
        Contestant::Thompson,
    ];

    /// The word on the command line and in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Contestant::Uniform => "uniform",
            Contestant::Greedy => "greedy",
            Contestant::V1 => "v1",
            Contestant::V1ByBudget => "v1-by-budget",
            Contestant::V1WithoutLanes => "v1-without-lanes",
            Contestant::ThompsonJudge => "thompson-judge",
            Contestant::ThompsonChoices => "thompson-choices",
            Contestant::Thompson => "thompson",
        }
    }

    /// How many agents are asked; by budget when absent.
    pub(crate) const fn agents(self) -> Option<u8> {
        match self {
            Contestant::V1ByBudget | Contestant::Thompson => None,
            Contestant::Uniform
            | Contestant::Greedy
            | Contestant::V1
            | Contestant::V1WithoutLanes
            | Contestant::ThompsonJudge
            | Contestant::ThompsonChoices => Some(crate::model::AGENTS_ASKED),
        }
    }
}

impl FromStr for Contestant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Contestant::ALL;
        let names = || all.map(Contestant::name).join(", ");
        all.into_iter().find(|c| c.name() == text).ok_or_else(|| format!("a policy is one of {}", names()))
    }
}
