//! What a task leaves on an agent's record: faults of the agent count, the buyer's doing and ours never do.

use super::format::{Agent, ExecutionMode, Health};
use super::world::World;
use anyhow::{Context as _, Result, ensure};
use std::time::Duration;

/// Outcome, the agent's reliability after this one task, and whether it was a real task.
const MARKS: [(&str, Mark, bool); 13] = [
    ("valid", Mark::Success, true),
    ("invalid_response", Mark::Failure, true),
    ("timeout", Mark::Failure, true),
    ("unreachable", Mark::Failure, true),
    ("rate_limited", Mark::Failure, true),
    ("agent_error", Mark::Failure, true),
    ("server_error", Mark::Failure, true),
    ("unavailable", Mark::FailureIfHealthy, true),
    ("declined", Mark::Free, true),
    ("late", Mark::Free, true),
    ("superseded", Mark::Free, false),
    ("cancelled", Mark::Free, false),
    ("platform_fault", Mark::Free, false),
];

enum Mark {
    Success,
    Failure,
    /// A 503 says nothing new of an agent that was known to be down, or that nobody has looked at.
    FailureIfHealthy,
    Free,
}

/// Checks an agent's record, as its developer sees it, after its first tasks ended so (none: it was not asked), with
/// the reliability that a file names because of final calls.
pub(crate) async fn check(
    world: &World,
    agent: &Agent,
    outcomes: &[String],
    named: Option<&f64>,
) -> Result<()> {
    let seen = world.agent(&agent.slug).await?;
    let (mut counted, mut real_tasks) = (Vec::new(), 0);
    for outcome in outcomes {
        let (_, mark, real) = MARKS.iter().find(|(name, ..)| name == outcome).context("no such outcome")?;
        counted.extend(mark.counts(agent.health)?);
        real_tasks += u32::from(*real);
    }
    let succeeded = counted.iter().filter(|success| **success).count() as f64;
    let of_prototypes = (!counted.is_empty()).then_some(succeeded / counted.len() as f64);
    let reliability = named.copied().or(of_prototypes);
    let as_shown = |share: f64| (share * 100.0).round();
    ensure!(
        seen["reliability"].as_f64().map(as_shown) == reliability.map(as_shown),
        "after {outcomes:?} its reliability is {}",
        seen["reliability"]
    );
    ensure!(seen["real_tasks"] == real_tasks, "after {outcomes:?} it has {} real tasks", seen["real_tasks"]);
    was_never_crowded(world, agent)?;
    is_in_its_log(world, agent).await
}

impl Mark {
    /// Whether it is a success or a failure, where it is either.
    fn counts(&self, health: Option<Health>) -> Result<Option<bool>> {
        match self {
            Mark::Success => Ok(Some(true)),
            Mark::Failure => Ok(Some(false)),
            Mark::FailureIfHealthy => {
                let health = health.context("a 503 counts or not: the file must say what a probe finds")?;
                Ok((health == Health::Passing).then_some(false))
            }
            Mark::Free => Ok(None),
        }
    }
}

/// An agent is never sent more calls at once than it takes. Of those that answer later the farm cannot count: between
/// our taking a result and their hearing of it the next call may come. But where a worker takes its time for each
/// call, and takes one, no call comes before that time is over.
fn was_never_crowded(world: &World, agent: &Agent) -> Result<()> {
    let Some(limit) = agent.max_concurrency else { return Ok(()) };
    if agent.execution_mode == ExecutionMode::Sync {
        let most = world.part(&agent.slug).map(|part| part.under_way_max()).max().unwrap_or_default();
        ensure!(most <= limit, "it takes {limit} calls at once and had {most}");
    }
    if let Some(worker) = agent.worker.as_ref().filter(|_| limit == 1) {
        let least = Duration::from_millis(worker.work_ms);
        for pair in world.requests(&agent.slug).windows(2) {
            ensure!(pair[1].at - pair[0].at >= least, "it was given a call while it worked on another");
        }
    }
    Ok(())
}

async fn is_in_its_log(world: &World, agent: &Agent) -> Result<()> {
    let (logged, sent) = (world.delivery_log(&agent.slug).await?.len(), world.requests(&agent.slug).len());
    ensure!(logged == sent, "its delivery log shows {logged} sends of {sent}");
    Ok(())
}
