//! What a task leaves on an agent's record: faults of the agent count, the buyer's doing and ours never do.

use super::world::World;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// Outcome, the agent's reliability after this one task, and whether it was a real task.
const MARKS: [(&str, Mark, bool); 13] = [
    ("valid", Mark::Success, true),
    ("invalid_response", Mark::Failure, true),
    ("timeout", Mark::Failure, true),
    ("unreachable", Mark::Failure, true),
    ("rate_limited", Mark::Failure, true),
    ("agent_error", Mark::Failure, true),
    ("server_error", Mark::Failure, true),
    ("unavailable", Mark::Free, true), // it counts only after a health probe that passed; here nobody probes
    ("declined", Mark::Free, true),
    ("late", Mark::Free, true),
    ("superseded", Mark::Free, false),
    ("cancelled", Mark::Free, false),
    ("platform_fault", Mark::Free, false),
];

enum Mark {
    Success,
    Failure,
    Free,
}

/// Checks an agent's record, as its developer sees it, after its first task ended so; `None`: it was not asked.
pub(crate) async fn check(world: &World, slug: &str, outcome: Option<&str>) -> Result<()> {
    let seen = world.agent(slug).await?;
    let (mark, real) = MARKS
        .into_iter()
        .find(|(name, ..)| Some(*name) == outcome)
        .map_or((Mark::Free, false), |(_, mark, real)| (mark, real));
    let reliability = match mark {
        Mark::Success => json!(1.0),
        Mark::Failure => json!(0.0),
        Mark::Free => Value::Null,
    };
    ensure!(
        seen["reliability"] == reliability,
        "after {outcome:?} its reliability is {}",
        seen["reliability"]
    );
    ensure!(
        seen["real_tasks"] == u64::from(real),
        "after {outcome:?} it has {} real tasks",
        seen["real_tasks"]
    );
    Ok(())
}
