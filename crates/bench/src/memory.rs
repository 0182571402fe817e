//! Memory that the server has in use: idle, and with calls held open by agents that take their time.

use crate::agents;
use crate::buyer::{brief, in_review, post, scored_bids, until};
use crate::place::{Server, Subject};
use crate::plan::{AGENTS, Plan};
use crate::process::{anonymous_bytes, resident_bytes};
use crate::samples::rounded;
use anyhow::ensure;
use futures::future::try_join_all;
use gavel::output;
use gavel_agentfarm::Farm;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// What was just begun is over when it has had this long.
const SETTLED: Duration = Duration::from_millis(500);
/// This part of the tasks is posted first: what follows shows what one more call costs, without what the first of
/// all costs.
const FIRST_PART: usize = 5;

/// Calls at once that an agent of this measurement gets on the average; it takes a thousand.
const CALLS_PER_AGENT: usize = 600;

/// What it came to. Absent where the kernel does not tell.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// Started, nothing to do.
    pub idle_bytes: Option<u64>,
    /// The part of that which is not the binary itself.
    pub idle_anonymous_bytes: Option<u64>,
    /// With its agents registered, nothing to do.
    pub ready_bytes: Option<u64>,
    /// Calls that were open at once.
    pub calls_held: usize,
    /// With these calls open.
    pub held_bytes: Option<u64>,
    /// What that is above ready, per call.
    pub bytes_per_call: Option<f64>,
    /// What one more call cost, from a fifth of the calls to all of them.
    pub bytes_per_further_call: Option<f64>,
    /// When all were answered and judged.
    pub after_bytes: Option<u64>,
    /// False where other things run in the same process: then the figures say nothing.
    pub alone: bool,
}

struct Bench {
    server: Server,
    farm: Farm,
}

/// Measures it.
///
/// # Errors
/// When the server or an agent fails, a call ends before all are open, or a task does not get all its bids.
pub async fn measure(plan: &Plan, subject: &Subject, disk: &Path) -> anyhow::Result<Memory> {
    output::note(&format!("memory: {} calls held open", plan.held_tasks * AGENTS));
    let server = Server::start(subject, disk).await?;
    sleep(SETTLED).await;
    let (idle, idle_anonymous) = (resident_bytes(server.pid()), anonymous_bytes(server.pid()));

    let latency_ms = u64::try_from(plan.held_for.as_millis())?;
    let farm = agents::start(&server, &agents::echo(latency_ms), agents_for(plan.held_tasks)).await?;
    let bench = Bench { server, farm };
    sleep(SETTLED).await;
    let ready = bench.resident();

    let (few, all) = (plan.held_tasks.div_ceil(FIRST_PART), plan.held_tasks);
    let began = Instant::now();
    let mut tasks = bench.hold(few, few).await?;
    let few_held = bench.resident();
    tasks.extend(bench.hold(all - few, all).await?);
    let held = bench.resident();

    sleep_until(began + plan.held_for).await; // nothing is answered before
    bench.all_answered(&tasks).await?;
    let after = bench.resident();
    let alone = bench.server.is_alone();
    bench.server.stop().await;
    bench.farm.stop().await;
    Ok(Memory {
        idle_bytes: idle,
        idle_anonymous_bytes: idle_anonymous,
        ready_bytes: ready,
        calls_held: all * AGENTS,
        held_bytes: held,
        bytes_per_call: per_call(held, ready, all),
        bytes_per_further_call: per_call(held, few_held, all - few),
        after_bytes: after,
        alone,
    })
}

impl Bench {
    fn resident(&self) -> Option<u64> {
        resident_bytes(self.server.pid())
    }

    /// Posts more tasks; when this returns, all calls of `in_all` tasks are open.
    async fn hold(&self, more: usize, in_all: usize) -> anyhow::Result<Vec<String>> {
        let brief = brief();
        let tasks = try_join_all((0..more).map(|_| post(&self.server.buyer, &brief))).await?;
        let wanted = in_all * AGENTS;
        until("all calls are made", || agents::calls(&self.farm) >= wanted as u64).await?;
        let open = agents::under_way(&self.farm);
        ensure!(open == wanted, "only {open} of {wanted} calls were open at once: the first ended too soon");
        Ok(tasks)
    }

    async fn all_answered(&self, tasks: &[String]) -> anyhow::Result<()> {
        for task in tasks {
            in_review(&self.server.buyer, task).await?;
            let bids = scored_bids(&self.server.buyer, task).await?;
            ensure!(bids == AGENTS, "task {task} got {bids} scored bids, not {AGENTS}");
        }
        Ok(())
    }
}

/// As many agents as it takes that none has all places taken while others are free: each task asks some by lot.
fn agents_for(tasks: usize) -> usize {
    (tasks * AGENTS).div_ceil(CALLS_PER_AGENT).max(AGENTS)
}

/// Less than before is told as it is: memory was given back meanwhile.
fn per_call(more: Option<u64>, less: Option<u64>, tasks: usize) -> Option<f64> {
    let (more, less) = (more? as f64, less? as f64);
    (tasks > 0).then(|| rounded((more - less) / (tasks * AGENTS) as f64, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_costs() {
        assert_eq!(per_call(Some(24_000), Some(8_000), 1), Some(2_000.0));
        assert_eq!(per_call(Some(8_000), Some(8_800), 1), Some(-100.0));
        assert_eq!(per_call(Some(8_000), Some(8_000), 0), None);
        assert_eq!(per_call(None, Some(8_000), 1), None);
    }
}
