//! Every number the policy `aitasker-v1` depends on, with the values it ships with.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// Fewest agents per task.
    pub agents_min: u8,
    /// Most agents per task.
    pub agents_max: u8,
    /// Budget (minor units) that buys one more agent.
    pub budget_per_agent: u32,
    /// Failed health probes in a row that take an agent out.
    pub health_fails_max: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rolling_percent: 40,
            benchmark_percent: 35,
            recency_percent: 15,
            floor_percent: 10,
            recency_half_life_hours: 336,
            newcomer_tasks: 10,
            newcomer_boost: 3,
            account_boosts_max: 30,
            specialist_milli: 1250,
            beta_milli: 500,
            benchmark_unknown_ppm: 600_000,
            agents_min: 3,
            agents_max: 8,
            budget_per_agent: 2500,
            health_fails_max: 3,
        }
    }
}

/// Percentages that do not make a whole, or another impossible setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(String);

impl Policy {
    /// The name of this policy in records.
    pub const NAME: &'static str = "aitasker-v1";

    /// Refuses settings that no decision could be made with.
    pub fn check(&self) -> Result<(), PolicyError> {
        let sum = self.rolling_percent + self.benchmark_percent + self.recency_percent + self.floor_percent;
        if sum != 100 {
            return Err(PolicyError(format!(
                "the four weights of the composite sum to {sum} %, they must sum to 100 %"
            )));
        }
        if self.agents_min == 0 || self.agents_min > self.agents_max || self.budget_per_agent == 0 {
            return Err(PolicyError(
                "agents_min must be 1..=agents_max and budget_per_agent above 0".to_owned(),
            ));
        }
        if self.recency_half_life_hours == 0 {
            return Err(PolicyError("recency_half_life_hours must be above 0".to_owned()));
        }
        Ok(())
    }

    /// Tells one set of parameters from another.
    pub fn hash(&self) -> String {
        // A struct of plain numbers always serialises; the fields come in their written order.
        let text = serde_json::to_string(self).unwrap_or_default();
        hex::encode(Sha256::digest(text.as_bytes()))
    }
}
