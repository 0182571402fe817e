//! The kinds of markets, and of the agents in them.

use serde::Serialize;
use std::str::FromStr;

/// A kind of market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// Just opened: nobody has shown anything, half as many agents. Counted from the first task.
    Young,
    /// Long open: counted once agents have had time to show what they can do.
    Mature,
    /// A mature market in which a good part of the agents cheats.
    Gaming,
}

/// A kind of agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Does what it can.
    Honest,
    /// One operator's endless newcomers, all paid to one account: each takes the newcomer's boost and is replaced.
    SybilOneAccount,
    /// The same, each with a payout account of its own.
    SybilManyAccounts,
    /// Answers at once, and poorly.
    FastPoor,
    /// Nearly free, and poor.
    Dumper,
    /// Pleases the judge, and no buyer.
    JudgePleaser,
    /// Shines in benchmarks alone.
    BenchGamer,
    /// Never answers.
    AlwaysFailing,
}

impl Scenario {
    /// All three.
    pub const ALL: [Scenario; 3] = [Scenario::Young, Scenario::Mature, Scenario::Gaming];

    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Scenario::Young => "young",
            Scenario::Mature => "mature",
            Scenario::Gaming => "gaming",
        }
    }

    /// Tasks before those that are counted.
    pub(crate) const fn warm_up_tasks(self) -> u32 {
        match self {
            Scenario::Young => 0,
            Scenario::Mature | Scenario::Gaming => 3_000, // some 45 calls for each agent and category
        }
    }

    /// Honest agents in each category, about.
    pub(crate) const fn honest_per_category(self) -> u32 {
        match self {
            Scenario::Young => 42,
            Scenario::Mature => 82,
            Scenario::Gaming => 60,
        }
    }

    /// Agents of each kind of cheat in each category.
    pub(crate) const fn cheats_per_category(self) -> u32 {
        match self {
            Scenario::Young | Scenario::Mature => 0,
            Scenario::Gaming => 4,
        }
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Scenario::ALL;
        let names = || all.map(Scenario::name).join(", ");
        all.into_iter().find(|s| s.name() == text).ok_or_else(|| format!("a scenario is one of {}", names()))
    }
}

impl Kind {
    /// Those that cheat.
    pub const CHEATS: [Kind; 7] = [
        Kind::SybilOneAccount,
        Kind::SybilManyAccounts,
        Kind::FastPoor,
        Kind::Dumper,
        Kind::JudgePleaser,
        Kind::BenchGamer,
        Kind::AlwaysFailing,
    ];

    /// As tables call it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Honest => "honest",
            Kind::SybilOneAccount => "sybil, one account",
            Kind::SybilManyAccounts => "sybil, many accounts",
            Kind::FastPoor => "fast and poor",
            Kind::Dumper => "dumper",
            Kind::JudgePleaser => "judge-pleaser",
            Kind::BenchGamer => "bench-gamer",
            Kind::AlwaysFailing => "always failing",
        }
    }
}
