//! One seed, one life: a database, processes that follow each other on it, and what happens around them.

use crate::agents::Network;
use crate::beginning::begin;
use crate::world::{Act, Mistake, World};
use crate::{buyers, door, end, watch};
use chrono::TimeDelta;
use gavel_candidates::Candidates;
use gavel_domain::{AccountId, Chance, Clock, DeveloperId};
use gavel_orchestrator::{Context, Settings};
use gavel_store::{Store, faults};
use gavel_vault::Vault;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

/// How a life went.
pub(crate) struct Outcome {
    pub(crate) wrong: Vec<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

/// Faults strike until then; what has not ended later must end by itself.
const QUIET_AT: Duration = Duration::from_secs(30);
/// Nothing may take longer.
const END: Duration = Duration::from_secs(1800);

/// Everything that a process is started with.
#[derive(Clone)]
pub(crate) struct Gavel {
    pub(crate) world: World,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) settings: Settings,
    pub(crate) buyer: AccountId,
    pub(crate) developer: DeveloperId,
}

pub(crate) fn live(seed: u64, mistake: Option<Mistake>) -> Outcome {
    let world = World::new(seed, mistake);
    let struck = world.clone();
    faults::strike(Some(Rc::new(move |moment| struck.verdict(moment))));
    let gavel = process(&world, begin(&world, seed));
    if let Some(Mistake::Product(planted)) = mistake {
        faults::plant(Some(planted));
    }
    lives(&world, gavel);
    faults::plant(None);
    faults::strike(None);
    let state = world.state();
    Outcome { wrong: state.wrong.clone(), trace: state.trace.clone(), counts: state.counts.clone() }
}

/// Processes follow each other until all is over.
fn lives(world: &World, mut gavel: Gavel) {
    world.state().faulty = true;
    while !process(world, one_life(gavel.clone())) {
        let pause = world.dice(|dice| {
            let most = dice.one_of(&[400, 400, 6_000, 15_000]);
            dice.below(most)
        });
        world.time.stand(Duration::from_millis(pause));
        world.state().dead = false;
        gavel = process(world, restarted(gavel));
        world.trace("a process starts");
        process(world, door::nobody_was_there(&gavel));
    }
    if world.state().wrong.is_empty() {
        let gavel = process(world, restarted(gavel));
        process(world, end::examine(&gavel));
    }
}

/// Runs something in a runtime of its own, which dies with everything in it.
fn process<T>(world: &World, what: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let done = runtime.block_on(async {
        world.time.begin();
        what.await
    });
    // Still inside, where virtual time is known.
    runtime.block_on(async { world.time.stand(Duration::ZERO) });
    drop(runtime);
    done
}

async fn restarted(gavel: Gavel) -> Gavel {
    let store = gavel.store.restarted().await;
    Gavel { store, clock: Arc::new(gavel.world.time.steady()), ..gavel }
}

/// `true`: everything is over, or something is wrong. `false`: the process has died.
async fn one_life(gavel: Gavel) -> bool {
    let world = gavel.world.clone();
    tokio::spawn(gavel_orchestrator::run(Arc::new(context(&gavel)), CancellationToken::new()));
    loop {
        if world.state().dead {
            world.died.notified().await;
            return false;
        }
        let next = match world.next_act() {
            Ok(act) => {
                act_out(&gavel, act).await;
                continue;
            }
            Err(millis) => Duration::from_millis(millis.min(5_000)),
        };
        let looks = async {
            tokio::select! {
                biased;
                () = world.news.notified() => watch::look(&gavel).await,
                () = tokio::time::sleep(next) => return end::is_reached(&gavel).await,
            }
            false
        };
        tokio::select! {
            biased;
            () = world.died.notified() => return false,
            over = looks => if over { return true },
        }
        if !world.state().wrong.is_empty() {
            return true;
        }
        if world.time.passed() > QUIET_AT && world.state().faulty {
            world.trace("from now on nothing fails");
            world.state().faulty = false;
        }
        if world.time.passed() > END {
            end::unfinished(&gavel).await;
            return true;
        }
    }
}

async fn act_out(gavel: &Gavel, act: Act) {
    let (world, gavel) = (&gavel.world, gavel.clone());
    match act {
        Act::Post(task) => drop(tokio::spawn(async move { buyers::post(&gavel, task).await })),
        Act::Look(task) => drop(tokio::spawn(async move { buyers::look(&gavel, task).await })),
        Act::Decide(task) => drop(tokio::spawn(async move { buyers::decide(&gavel, task).await })),
        Act::Bring(brought) => drop(tokio::spawn(async move { door::bring(&gavel, brought).await })),
        Act::Fetch => {
            world.plan(Duration::from_millis(world.dice(|dice| dice.between(300, 1_000))), Act::Fetch);
            drop(tokio::spawn(async move { door::fetch(&gavel).await }));
        }
        _ if !world.state().faulty => {}
        Act::SetClock(seconds) => set_clock(&gavel, seconds),
        Act::StandStill(span) => stand_still(&gavel, span).await,
        Act::LoseDatabase(span) => lose_database(world, span),
        Act::Kill => world.dies("killed"),
    }
}

fn set_clock(gavel: &Gavel, seconds: i64) {
    let (world, from) = (&gavel.world, gavel.clock.now());
    world.trace(format!("the clock is set by {seconds} s"));
    world.count("clocks set");
    world.time.set_by(TimeDelta::seconds(seconds));
    world.state().gaps.push((from, gavel.clock.now()));
}

/// Nothing of the process runs meanwhile; then all that was to happen is due at once.
async fn stand_still(gavel: &Gavel, span: Duration) {
    let (world, from) = (&gavel.world, gavel.clock.now());
    world.trace(format!("the process stands still for {span:?}"));
    world.count("standstills");
    tokio::time::advance(span).await;
    world.state().gaps.push((from, gavel.clock.now()));
}

fn lose_database(world: &World, span: Duration) {
    world.trace(format!("the database takes no writes for {span:?}"));
    world.count("outages");
    let until = world.millis() + u64::try_from(span.as_millis()).unwrap();
    world.state().no_writes_until = until;
}

fn context(gavel: &Gavel) -> Context {
    let money_on = gavel.settings.money.mode != gavel_domain::policy::MoneyMode::Off;
    Context {
        candidates: Arc::new(Candidates::new(gavel.store.clone(), Arc::default(), money_on)),
        store: gavel.store.clone(),
        clock: Arc::clone(&gavel.clock),
        chance: Arc::clone(&gavel.chance),
        vault: Arc::clone(&gavel.vault),
        transport: Arc::new(Network { world: gavel.world.clone(), clock: Arc::clone(&gavel.clock) }),
        lanes: Default::default(),
        judges: Arc::new(tokio::sync::Semaphore::new(2)),
        suite: Arc::default(),
        wanted: Arc::default(),
        outage: Arc::default(),
        settings: gavel.settings.clone(),
    }
}
