//! Looking after agents' health, beside the work on tasks: a loop of its own with places of its own, so that agents
//! which hang when they are probed hold up no dispatch. What is due stands in the database; every replica claims from
//! there. When the database is away, nothing is due until it is back.

use crate::{Context, pump::words};
use futures::FutureExt;
use gavel_dispatcher::probe::probe;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::health::{Change, FRESH_FOR, Finding, Rules, of_worker};
use gavel_domain::{AgentId, Timestamp};
use gavel_store::health::{DueProbe, ProbeTimes};
use gavel_store::{Guarded, Result};
use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long the loop sleeps at most: that much later than due is a probe made.
const POLL: Duration = Duration::from_secs(1);
/// How long after its limit a probe without a result is made again: the process that claimed it has died.
const SLACK: Duration = Duration::from_secs(5);
/// Probes claimed in one transaction, and the most that a dispatch may leave waiting: both bound memory, neither is
/// reached by a deployment whose probes keep up.
const CLAIMED_AT_ONCE: usize = 64;
const WANTED_MAX: usize = 10_000;

/// How agents are probed; filled from configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How often, and what failing leads to.
    pub rules: Rules,
    /// How long one probe may take, from look-up to the last byte.
    pub limit: Duration,
    /// Probes that may be under way side by side.
    pub at_once: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { rules: Rules::default(), limit: Duration::from_secs(5), at_once: 64 }
    }
}

/// Agents about to be asked for work whose health nobody has looked at lately. A hint like all others: it may be lost
/// with the process, and the look it asks for comes with the next turn anyway.
#[derive(Debug, Default)]
pub struct Wanted {
    board: Mutex<Board>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Board {
    waiting: VecDeque<AgentId>,
    /// When each was last wanted: a busy agent is looked up once in a while, not with every dispatch.
    lately: HashMap<AgentId, Timestamp>,
}

/// Starts a probe beside a dispatch, of each agent whose last one is too old. Returns at once.
pub fn before_dispatch(context: &Context, agents: impl IntoIterator<Item = AgentId>) {
    context.wanted.add(agents, context.clock.now());
}

/// Probes whom it is time to probe, until `stop`. Probes that are under way then are dropped; whoever comes next makes
/// them again.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(context.settings.health.at_once));
    let under_way = TaskTracker::new();
    while let Some(free) = free_places(&places, &stop).await {
        let due = claim(&context, free.len()).await;
        if due.is_empty() {
            drop(free);
            rest(&context, &stop).await;
            continue;
        }
        let pause = pace(due.len(), context.settings.health.at_once);
        for (due, place) in due.into_iter().zip(free) {
            under_way.spawn(one(Arc::clone(&context), due, stop.clone(), place));
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    under_way.close();
    under_way.wait().await;
}

/// No more probes begin in a second than may be under way: thousands that are due at once (after a restart) and fail
/// at once would else keep the database from the work on tasks.
fn pace(begun: usize, at_once: usize) -> Duration {
    Duration::from_secs(1).mul_f64(begun as f64 / at_once.max(1) as f64)
}

/// Waits for a place and takes all others that are free with it. `None`: it is time to stop.
async fn free_places(places: &Arc<Semaphore>, stop: &CancellationToken) -> Option<Vec<OwnedSemaphorePermit>> {
    let first = tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        first = Arc::clone(places).acquire_owned() => first.ok()?,
    };
    let others = std::iter::from_fn(|| Arc::clone(places).try_acquire_owned().ok());
    Some(std::iter::once(first).chain(others).take(CLAIMED_AT_ONCE).collect())
}

/// Up to `most` probes to be made now: those beside a dispatch first, then those whose time has come.
async fn claim(context: &Context, most: usize) -> Vec<DueProbe> {
    let mut claimed = Vec::new();
    if let Err(error) = claim_into(&mut claimed, context, most).await {
        context.tell("agents could not be claimed for their health probes", &error);
    }
    claimed // also after an error: what is claimed is probed
}

async fn claim_into(claimed: &mut Vec<DueProbe>, context: &Context, most: usize) -> Result<()> {
    let now = context.clock.now();
    let times = ProbeTimes {
        now,
        lost_at: now + context.settings.health.limit + SLACK,
        unwatched_since: now - context.settings.health.rules.unwatched_after(),
    };
    while claimed.len() < most
        && let Some(agent) = context.wanted.next()
    {
        claimed.extend(context.store.claim_probe_of(agent, times, now - FRESH_FOR).await?);
    }
    let rest = u32::try_from(most - claimed.len()).unwrap_or(u32::MAX);
    if rest > 0 {
        claimed.extend(context.store.claim_probes(times, rest).await?);
    }
    Ok(())
}

async fn rest(context: &Context, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = context.wanted.bell.notified() => {}
        () = tokio::time::sleep(POLL) => {}
    }
}

async fn one(context: Arc<Context>, due: DueProbe, stop: CancellationToken, _place: OwnedSemaphorePermit) {
    let probing = async { record(&context, &due, find(&context, &due).await).await };
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        ended = AssertUnwindSafe(probing).catch_unwind() => ended,
    };
    if let Err(panic) = ended {
        let problem = words(&*panic);
        tracing::error!(agent.id = %due.agent, problem, "a health probe panicked; it is made again when it counts as lost");
    }
}

async fn find(context: &Context, due: &DueProbe) -> Finding {
    let Settings { limit, .. } = context.settings.health;
    match due.execution_mode {
        ExecutionMode::Pull => of_worker(due.seen_at, due.asked_at),
        ExecutionMode::Sync | ExecutionMode::Async => {
            probe(&*context.transport, &due.endpoint_url, &context.settings.user_agent, limit).await
        }
    }
}

async fn record(context: &Context, due: &DueProbe, finding: Finding) {
    if let Finding::NotProbed(problem) = &finding {
        tracing::error!(agent.id = %due.agent, problem, "an agent could not be probed; that is no fault of its own");
    }
    let rules = &context.settings.health.rules;
    let judge = |before| rules.judge(before, finding, &due.registered, due.asked_at, &*context.chance);
    match context.store.record_probe(due, judge).await {
        Ok(Guarded::Done(None)) => {}
        Ok(Guarded::Done(Some(change))) => tell(due.agent, &due.registered.slug, change),
        Ok(Guarded::Lost) => {
            tracing::debug!(agent.id = %due.agent, "a newer probe was claimed; this one is dropped")
        }
        Err(error) => {
            context.tell("a health probe could not be recorded; it is made again", &error);
        }
    }
}

fn tell(agent: AgentId, slug: &str, change: Change) {
    match change {
        Change::LeftPool => {
            tracing::warn!(agent.id = %agent, agent.slug = slug, "an agent fails its health probes and is not asked until it is well");
        }
        Change::CameBack => {
            tracing::info!(agent.id = %agent, agent.slug = slug, "an agent is well again and is asked again")
        }
        Change::Hidden => {
            tracing::warn!(agent.id = %agent, agent.slug = slug, "an agent has failed its health probes for too long and is hidden; `gavel agents unhide` brings it back");
        }
    }
}

impl Wanted {
    fn add(&self, agents: impl IntoIterator<Item = AgentId>, now: Timestamp) {
        let mut board = self.board();
        for agent in agents {
            board.add(agent, now);
        }
        drop(board);
        self.bell.notify_one();
    }

    fn next(&self) -> Option<AgentId> {
        self.board().waiting.pop_front()
    }

    /// A panic while it is held leaves it whole: every change is one call.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    fn add(&mut self, agent: AgentId, now: Timestamp) {
        let is_lately = |at: &Timestamp| now - *at < FRESH_FOR;
        if self.lately.get(&agent).is_some_and(is_lately) {
            return;
        }
        if self.lately.len() >= WANTED_MAX {
            self.lately.retain(|_, at| is_lately(at));
        }
        if self.lately.len() < WANTED_MAX && self.waiting.len() < WANTED_MAX {
            self.lately.insert(agent, now);
            self.waiting.push_back(agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_testkit::SeededChance;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap_or_default()
    }

    #[test]
    fn a_second_begins_no_more_probes_than_may_be_under_way() {
        let check = |begun: usize, at_once: usize, milliseconds: u64| {
            assert_eq!(pace(begun, at_once), Duration::from_millis(milliseconds), "{begun} of {at_once}");
        };
        check(64, 64, 1000);
        check(16, 64, 250);
        check(64, 128, 500);
        check(1, 1, 1000);
    }

    #[test]
    fn an_agent_is_wanted_once_in_a_while() {
        let (wanted, chance) = (Wanted::default(), SeededChance::new(1));
        let [one, other] = [(); 2].map(|()| AgentId::new(at(0), &chance));
        let next = |expected: &[AgentId]| {
            let all: Vec<_> = std::iter::from_fn(|| wanted.next()).collect();
            assert_eq!(all, expected);
        };
        wanted.add([one, one, other], at(0));
        wanted.add([one], at(10));
        next(&[one, other]);
        wanted.add([one, other], at(29));
        next(&[]);
        wanted.add([other, one], at(30));
        next(&[other, one]);
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_forgotten_in_time() {
        let (wanted, chance) = (Wanted::default(), SeededChance::new(1));
        let many = |n: usize| (0..n).map(|_| AgentId::new(at(0), &chance)).collect::<Vec<_>>();
        wanted.add(many(WANTED_MAX + 5), at(0));
        assert_eq!(wanted.board().waiting.len(), WANTED_MAX);
        while wanted.next().is_some() {}
        wanted.add(many(7), at(1));
        assert_eq!(wanted.board().waiting.len(), 0, "as many as are remembered were wanted just now");
        wanted.add(many(7), at(60));
        let board = wanted.board();
        assert_eq!((board.waiting.len(), board.lately.len()), (7, 7));
    }
}
