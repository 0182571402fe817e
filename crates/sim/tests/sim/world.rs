//! What outlives a process: the agents and the buyers, what they were told, and what they are about to do.

use crate::dice::Dice;
use crate::faults::Rates;
use crate::time::Time;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::Outcome;
use gavel_domain::{BidId, TaskId, Timestamp};
use gavel_store::faults::Planted;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;

/// A mistake that a world is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// In the product's code.
    Product(Planted),
    /// At the door, which here is ours.
    AnyPriceIsTaken,
}

/// What happens at its time, whatever process runs then.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// A buyer posts its task.
    Post(usize),
    /// A buyer looks at its task, and does something or not.
    Look(usize),
    /// A buyer has waited until its time was nearly over, and decides.
    Decide(usize),
    /// An agent brings a result.
    Bring(Brought),
    /// Workers ask for work.
    Fetch,
    /// The clock on the wall is set by so many seconds.
    SetClock(i64),
    /// The process stands still for so long, and goes on as if nothing had been.
    StandStill(Duration),
    /// The database takes no writes for so long.
    LoseDatabase(Duration),
    /// The process is killed.
    Kill,
}

/// A result on its way to our door.
#[derive(Debug, Clone)]
pub(crate) struct Brought {
    pub(crate) key: ExchangeKey,
    pub(crate) message: String,
    pub(crate) good: bool,
    pub(crate) price: i64,
    pub(crate) tries: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Character {
    pub(crate) mode: ExecutionMode,
    /// How often of a thousand its work is good and in time.
    pub(crate) good: u64,
}

/// A task as its buyer and the watchers know it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    pub(crate) id: Option<TaskId>,
    /// The buyer has no answer yet.
    pub(crate) is_posting: bool,
    pub(crate) posted: bool,
    pub(crate) selected: Vec<BidId>,
    pub(crate) cancelled: bool,
    pub(crate) approved: bool,
    pub(crate) seen: crate::watch::Seen,
}

pub(crate) struct State {
    pub(crate) dice: Dice,
    pub(crate) rates: Rates,
    pub(crate) faulty: bool,
    pub(crate) dead: bool,
    pub(crate) deaths: u32,
    /// Until when the database takes no writes.
    pub(crate) no_writes_until: u64,
    pub(crate) trace: Vec<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) acts: BTreeMap<(u64, u64), Act>,
    pub(crate) planned: u64,
    pub(crate) tasks: Vec<Known>,
    pub(crate) agents: BTreeMap<String, Character>,
    /// Sends that left, by `webhook-id`.
    pub(crate) sends: BTreeMap<String, u32>,
    /// Results that are being brought.
    pub(crate) at_the_door: BTreeMap<String, Brought>,
    /// Fetches that are not answered yet.
    pub(crate) fetching: u32,
    /// Exchanges in which an agent, or the way to it, gave cause for a bad outcome, or had no chance of a good one.
    pub(crate) excused: BTreeSet<String>,
    /// Times in which the process stood still, or over which its clock was set.
    pub(crate) gaps: Vec<(Timestamp, Timestamp)>,
    /// Results of which the agent was told that they count.
    pub(crate) taken: Vec<(ExchangeKey, Outcome)>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

impl State {
    fn new(mut dice: Dice) -> State {
        State {
            rates: Rates::of(&mut dice),
            dice,
            faulty: false,
            dead: false,
            deaths: 0,
            no_writes_until: 0,
            trace: Vec::new(),
            wrong: Vec::new(),
            acts: BTreeMap::new(),
            planned: 0,
            tasks: Vec::new(),
            agents: BTreeMap::new(),
            sends: BTreeMap::new(),
            at_the_door: BTreeMap::new(),
            fetching: 0,
            excused: BTreeSet::new(),
            gaps: Vec::new(),
            taken: Vec::new(),
            counts: BTreeMap::new(),
        }
    }
}

/// A world; everything in it lives on one thread, but steps are `Send`.
#[derive(Clone)]
pub(crate) struct World {
    state: Arc<Mutex<State>>,
    pub(crate) time: Time,
    pub(crate) died: Arc<Notify>,
    pub(crate) news: Arc<Notify>,
    pub(crate) mistake: Option<Mistake>,
}

/// Milliseconds between two beats.
pub(crate) const BEAT: u64 = 250;
/// Milliseconds in which somebody is about to do something.
const SOON: u64 = 4_000;

impl World {
    pub(crate) fn new(seed: u64, mistake: Option<Mistake>) -> World {
        World {
            state: Arc::new(Mutex::new(State::new(Dice::new(seed)))),
            time: Time::new(),
            died: Arc::default(),
            news: Arc::default(),
            mistake,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn millis(&self) -> u64 {
        millis(self.time.passed())
    }

    pub(crate) fn trace(&self, what: impl AsRef<str>) {
        let line = format!("{:>8} {}", self.millis(), what.as_ref());
        self.state().trace.push(line);
    }

    /// Something that cannot be has been.
    pub(crate) fn wrong(&self, what: impl Into<String>) {
        let what = what.into();
        self.trace(format!("WRONG: {what}"));
        self.state().wrong.push(what);
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self.state().counts.entry(what).or_default() += 1;
    }

    /// Whatever comes of this exchange, it is not held against us.
    pub(crate) fn excuse(&self, exchange: impl ToString) {
        self.state().excused.insert(exchange.to_string());
    }

    /// Acts fall on a beat, so that much happens at once. Gives how long it is until then.
    pub(crate) fn plan(&self, after: Duration, act: Act) -> Duration {
        let now = self.millis();
        let at = (now + millis(after)).next_multiple_of(BEAT);
        self.plan_at(at, act);
        Duration::from_millis(at - now)
    }

    /// Off the beat.
    pub(crate) fn plan_at(&self, at: u64, act: Act) {
        let mut state = self.state();
        state.planned += 1;
        let key = (at, state.planned);
        state.acts.insert(key, act);
    }

    /// The next act, when it is time for it; else when that will be.
    pub(crate) fn next_act(&self) -> Result<Act, u64> {
        let now = self.millis();
        let mut state = self.state();
        match state.acts.first_entry() {
            Some(first) if first.key().0 > now => Err(first.key().0 - now),
            Some(first) => Ok(first.remove()),
            None => Err(u64::MAX),
        }
    }

    /// Half of what is about to be done within some seconds is done within these milliseconds.
    pub(crate) fn hurry(&self, span: u64) {
        let now = self.millis();
        let mut state = self.state();
        let hurries = |act: &Act| matches!(act, Act::Bring(_) | Act::Look(_) | Act::Fetch);
        let soon = state.acts.range((now + span, 0)..(now + SOON, 0));
        let soon: Vec<_> = soon.filter(|(_, act)| hurries(act)).map(|(key, _)| *key).collect();
        for key in soon {
            let (comes, sooner) = (state.dice.happens(500), state.dice.below(span));
            if let Some(act) = state.acts.remove(&key) {
                state.acts.insert(if comes { (now + sooner, key.1) } else { key }, act);
            }
        }
        self.news.notify_one(); // whoever waits for the next act looks again
    }

    /// Another process follows. Gives the results that were being brought when the one before died, or that came while
    /// none was there.
    pub(crate) fn goes_on(&self) -> Vec<Brought> {
        let now = self.millis();
        let mut state = self.state();
        state.tasks.iter_mut().for_each(|task| task.is_posting = false);
        let mut unheard: Vec<_> = std::mem::take(&mut state.at_the_door).into_values().collect();
        state.acts.retain(|&(at, _), act| match act {
            Act::Bring(brought) if at <= now => {
                unheard.push(brought.clone());
                false
            }
            _ => true,
        });
        unheard
    }

    pub(crate) fn dice<T>(&self, throw: impl FnOnce(&mut Dice) -> T) -> T {
        throw(&mut self.state().dice)
    }

    /// The tasks that were posted, or may have been.
    pub(crate) fn task_ids(&self) -> Vec<TaskId> {
        self.state().tasks.iter().filter_map(|task| task.id).collect()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
