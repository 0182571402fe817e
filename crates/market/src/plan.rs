//! What is to be run.

use crate::{Contestant, Scenario};
use serde::Serialize;

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The kind of market.
    pub scenario: Scenario,
    /// Who is compared, in the order of the report.
    pub policies: Vec<Contestant>,
    /// How many markets, each from its own seed: 1, 2, 3 and so on.
    pub seeds: u32,
    /// How many tasks are counted in each.
    pub tasks: u32,
    /// What is added to every score of the judge, in benchmarks too: what another judge would do.
    pub judge_shift: f64,
}

/// A plan nobody could run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Confidence needs more than one market.
    #[error("--seeds must be between 2 and {SEEDS_MAX}: one market alone shows no spread")]
    Seeds,
    /// Too few tasks to see anything, or too many to wait for.
    #[error("--tasks must be between {TASKS_MIN} and {TASKS_MAX}")]
    Tasks,
    /// A score is between 0 and 1.
    #[error("--judge-shift must be between -1 and 1")]
    Shift,
    /// Nothing to compare.
    #[error("name at least one policy")]
    Policies,
    /// The shipped parameters are none.
    #[error(transparent)]
    Shipped(#[from] gavel_triage::PolicyError),
}

/// More markets than this make nothing clearer.
const SEEDS_MAX: u32 = 1_000;
/// With fewer tasks the figures are about nothing.
const TASKS_MIN: u32 = 200;
/// A market of more tasks does not fit the time anybody waits.
const TASKS_MAX: u32 = 200_000;

impl Default for Plan {
    fn default() -> Self {
        Plan {
            scenario: Scenario::Mature,
            policies: Contestant::ALL.to_vec(),
            seeds: 20,
            tasks: 4_000,
            judge_shift: 0.0,
        }
    }
}

impl Plan {
    /// Refuses what nobody could run.
    ///
    /// # Errors
    /// What is out of range.
    pub fn check(&self) -> Result<(), PlanError> {
        if !(2..=SEEDS_MAX).contains(&self.seeds) {
            return Err(PlanError::Seeds);
        }
        if !(TASKS_MIN..=TASKS_MAX).contains(&self.tasks) {
            return Err(PlanError::Tasks);
        }
        if !(-1.0..=1.0).contains(&self.judge_shift) {
            return Err(PlanError::Shift);
        }
        if self.policies.is_empty() { Err(PlanError::Policies) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_could_run_is_refused() {
        let plan = Plan::default();
        assert_eq!(plan.check(), Ok(()));
        assert_eq!(Plan { seeds: 1, ..plan.clone() }.check(), Err(PlanError::Seeds));
        assert_eq!(Plan { tasks: 100, ..plan.clone() }.check(), Err(PlanError::Tasks));
        assert_eq!(Plan { judge_shift: f64::NAN, ..plan.clone() }.check(), Err(PlanError::Shift));
        assert_eq!(Plan { policies: Vec::new(), ..plan }.check(), Err(PlanError::Policies));
    }
}
