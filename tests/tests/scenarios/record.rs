//! What a task leaves on an agent's record: faults of the agent count, the buyer's doing and ours never do.

use super::world::World;
use anyhow::{Result, ensure};

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

/// Checks an agent's record, as its developer sees it, after its first task ended so (`None`: it was not asked), with
/// the reliability that a file names because of final calls.
pub(crate) async fn check(
    world: &World,
    slug: &str,
    outcome: Option<&str>,
    named: Option<&f64>,
) -> Result<()> {
    let seen = world.agent(slug).await?;
    let (mark, real) = MARKS
        .into_iter()
        .find(|(name, ..)| Some(*name) == outcome)
        .map_or((Mark::Free, false), |(_, mark, real)| (mark, real));
    let reliability = match mark {
        _ if named.is_some() => named.copied(),
        Mark::Success => Some(1.0),
        Mark::Failure => Some(0.0),
        Mark::Free => None,
    };
    let as_shown = |share: f64| (share * 100.0).round();
    ensure!(
        seen["reliability"].as_f64().map(as_shown) == reliability.map(as_shown),
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
