//! Every number the policy `aitasker-v1` depends on, with the values it ships with.

use gavel_domain::ladder::Ladder;
use gavel_domain::limits::AGENTS_MAX;
use serde::{Deserialize, Serialize};

/// The parameters of `aitasker-v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Weight of the rolling score in the composite, in percent.
    pub rolling_percent: u32,
    /// Weight of the benchmark score, in percent.
    pub benchmark_percent: u32,
    /// Weight of recency, in percent.
    pub recency_percent: u32,
    /// Weight of the newcomer's floor, in percent.
    pub floor_percent: u32,
    /// Hours after which recency has halved.
    pub recency_half_life_hours: u32,
    /// Real tasks after which an agent is no newcomer.
    pub newcomer_tasks: u32,
    /// How much a newcomer's weight is multiplied.
    pub newcomer_boost: u32,
    /// Boosted dispatches per payout account in 30 days; then the boost rests.
    pub account_boosts_max: u32,
    /// A specialist's weight, in thousandths of a generalist's.
    pub specialist_milli: u32,
    /// A `beta` agent's weight, in thousandths of a live one's.
    pub beta_milli: u32,
    /// The benchmark term of an agent without a benchmark, in parts per million.
    pub benchmark_unknown_ppm: u32,
    /// The share of successes an agent is credited with before it has shown any, in thousandths.
    pub reliability_prior_milli: u32,
    /// How many dispatches that credit counts for.
    pub reliability_prior_dispatches: u32,
    /// Fewest agents per task.
    pub agents_min: u8,
    /// Most agents per task.
    pub agents_max: u8,
    /// Budget (minor units) that buys one more agent.
    pub budget_per_agent: u32,
    /// The mixed lane's share of the seats that challengers leave, in thousandths.
    pub mixed_milli: u16,
    /// Failed health probes in a row that take an agent out.
    pub health_fails_max: u32,
    /// What each failed probe in a row leaves of the weight before that, in thousandths.
    pub failed_probe_milli: u32,
    /// What failed probes leave at least, in thousandths: one that is never asked could not show that it is back.
    pub trickle_milli: u32,
    /// Judged scores in a category without which nobody rises above Challenger there.
    pub scores_min: u32,
    /// The rolling score above which an agent may become a Top Performer, in parts per million.
    pub top_above_ppm: u32,
    /// The rolling score below which a Top Performer is none any more.
    pub top_keeps_ppm: u32,
    /// The rolling score above which a rising agent becomes a Rising Star.
    pub star_above_ppm: u32,
    /// The rolling score below which a Rising Star is none any more.
    pub star_keeps_ppm: u32,
    /// The share of presented bids that a Top Performer has to win, in thousandths.
    pub win_strong_milli: u32,
    /// The share with which it remains one.
    pub win_keep_milli: u32,
    /// Presented bids without which that share says nothing.
    pub shown_min: u32,
    /// Events in the category for which a tier is kept before it may be lost.
    pub dwell_min: u32,
    /// The latest scores that are compared with as many before them, at most.
    pub trend_scores_max: u32,
    /// And at least.
    pub trend_scores_min: u32,
    /// The difference of their means that is a trend, in parts per million.
    pub trend_ppm: u32,
    /// The share of tasks whose agents are drawn with equal weights and without lanes, in thousandths: only from them
    /// can be learnt what another policy would have done.
    pub control_milli: u32,
    /// The share of challengers in a remix, in thousandths.
    pub remix_milli: u16,
    /// Times in a row that an agent declines a type, after which it is not asked for it.
    pub declines_max: u32,
    /// Days after which it is asked again, once.
    pub declines_days: u32,
}

/// The least that `trickle_milli` may be.
const TRICKLE_LEAST_MILLI: u32 = 100;

impl Default for Policy {
    fn default() -> Self {
        let ladder = Ladder::default();
        Self {
            rolling_percent: 40,
            benchmark_percent: 35,
            recency_percent: 15,
            floor_percent: 10,
            recency_half_life_hours: 336,
            newcomer_tasks: ladder.newcomer_tasks,
            newcomer_boost: 3,
            account_boosts_max: 30,
            specialist_milli: 1250,
            beta_milli: 500,
            benchmark_unknown_ppm: 600_000,
            reliability_prior_milli: 950,
            reliability_prior_dispatches: 10,
            agents_min: 3,
            agents_max: 8,
            budget_per_agent: 2500,
            mixed_milli: 300,
            health_fails_max: 3,
            failed_probe_milli: 500,
            trickle_milli: 100,
            scores_min: ladder.scores_min,
            top_above_ppm: ladder.top_above_ppm,
            top_keeps_ppm: ladder.top_keeps_ppm,
            star_above_ppm: ladder.star_above_ppm,
            star_keeps_ppm: ladder.star_keeps_ppm,
            win_strong_milli: ladder.win_strong_milli,
            win_keep_milli: ladder.win_keep_milli,
            shown_min: ladder.shown_min,
            dwell_min: ladder.dwell_min,
            trend_scores_max: ladder.trend_scores_max,
            trend_scores_min: ladder.trend_scores_min,
            trend_ppm: ladder.trend_ppm,
            control_milli: 20,
            remix_milli: 600,
            declines_max: 3,
            declines_days: 30,
        }
    }
}

/// Settings that no decision could be made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The weights of the composite do not make a whole.
    #[error("the four weights of the composite sum to {sum} %; they must sum to 100 %")]
    Weights {
        /// What they sum to.
        sum: u64,
    },
    /// A bound on the number of agents is out of range.
    #[error("agents_min and agents_max must be in order and within 1..={AGENTS_MAX}")]
    Agents,
    /// A divisor is zero.
    #[error("{0} must be above 0")]
    Zero(&'static str),
    /// A share is above one.
    #[error("{0} is a share in thousandths: it must be at most 1000")]
    Share(&'static str),
    /// Failing agents would starve.
    #[error("trickle_milli must be at least {TRICKLE_LEAST_MILLI} (thousandths)")]
    Trickle,
    /// A score is above one.
    #[error("{0} is a score in parts per million: it must be at most 1000000")]
    Score(&'static str),
    /// A tier would be lost as it is won.
    #[error("{0} must not be above {1}")]
    Order(&'static str, &'static str),
}

impl Policy {
    /// Refuses settings that no decision could be made with.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn check(&self) -> Result<(), PolicyError> {
        let weights =
            [self.rolling_percent, self.benchmark_percent, self.recency_percent, self.floor_percent];
        let sum = weights.into_iter().map(u64::from).sum();
        if sum != 100 {
            return Err(PolicyError::Weights { sum });
        }
        if self.agents_min == 0 || self.agents_min > self.agents_max || self.agents_max > AGENTS_MAX {
            return Err(PolicyError::Agents);
        }
        let zeros = [
            ("budget_per_agent", self.budget_per_agent),
            ("recency_half_life_hours", self.recency_half_life_hours),
            ("reliability_prior_dispatches", self.reliability_prior_dispatches),
        ];
        if let Some((name, _)) = zeros.into_iter().find(|(_, value)| *value == 0) {
            return Err(PolicyError::Zero(name));
        }
        self.check_shares()?;
        self.check_scores()
    }

    fn check_shares(&self) -> Result<(), PolicyError> {
        let shares = [
            ("beta_milli", self.beta_milli),
            ("reliability_prior_milli", self.reliability_prior_milli),
            ("mixed_milli", u32::from(self.mixed_milli)),
            ("failed_probe_milli", self.failed_probe_milli),
            ("trickle_milli", self.trickle_milli),
            ("win_strong_milli", self.win_strong_milli),
            ("win_keep_milli", self.win_keep_milli),
            ("control_milli", self.control_milli),
            ("remix_milli", u32::from(self.remix_milli)),
        ];
        if let Some((name, _)) = shares.into_iter().find(|(_, value)| *value > 1000) {
            return Err(PolicyError::Share(name));
        }
        if self.trickle_milli < TRICKLE_LEAST_MILLI { Err(PolicyError::Trickle) } else { Ok(()) }
    }

    fn check_scores(&self) -> Result<(), PolicyError> {
        let scores = [
            ("benchmark_unknown_ppm", self.benchmark_unknown_ppm),
            ("top_above_ppm", self.top_above_ppm),
            ("top_keeps_ppm", self.top_keeps_ppm),
            ("star_above_ppm", self.star_above_ppm),
            ("star_keeps_ppm", self.star_keeps_ppm),
        ];
        if let Some((name, _)) = scores.into_iter().find(|(_, value)| *value > 1_000_000) {
            return Err(PolicyError::Score(name));
        }
        let orders = [
            ("top_keeps_ppm", self.top_keeps_ppm, "top_above_ppm", self.top_above_ppm),
            ("star_keeps_ppm", self.star_keeps_ppm, "star_above_ppm", self.star_above_ppm),
            ("win_keep_milli", self.win_keep_milli, "win_strong_milli", self.win_strong_milli),
            ("trend_scores_min", self.trend_scores_min, "trend_scores_max", self.trend_scores_max),
        ];
        let wrong = orders.into_iter().find(|(_, least, _, most)| least > most);
        wrong.map_or(Ok(()), |(least, _, most, _)| Err(PolicyError::Order(least, most)))
    }

    /// What the tiers ask for.
    pub const fn ladder(&self) -> Ladder {
        Ladder {
            newcomer_tasks: self.newcomer_tasks,
            scores_min: self.scores_min,
            top_above_ppm: self.top_above_ppm,
            top_keeps_ppm: self.top_keeps_ppm,
            star_above_ppm: self.star_above_ppm,
            star_keeps_ppm: self.star_keeps_ppm,
            win_strong_milli: self.win_strong_milli,
            win_keep_milli: self.win_keep_milli,
            shown_min: self.shown_min,
            dwell_min: self.dwell_min,
            trend_scores_max: self.trend_scores_max,
            trend_scores_min: self.trend_scores_min,
            trend_ppm: self.trend_ppm,
        }
    }
}
