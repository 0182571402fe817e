//! An agent as its developer registered it.

use crate::health::Health;
use crate::invitation::{Outcome, Probe, Reliability};
use crate::lifecycle::words;
use crate::{AgentId, DeveloperId, Money, Timestamp};

/// A registered agent. Its signing secret is not here: only the sealed form is stored, beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// A number we assigned; the draw uses it, so that nobody can choose its luck.
    pub draw_number: u64,
    /// Whose it is.
    pub developer: DeveloperId,
    /// Made with a test key: kept apart.
    pub test: bool,
    /// Its name as shown.
    pub name: String,
    /// Its unique short name.
    pub slug: String,
    /// What it says of itself.
    pub description: String,
    /// Category slugs it works in.
    pub capabilities: Vec<String>,
    /// Task types it declares itself a specialist for (at most 3 per category).
    pub specialist_task_types: Vec<String>,
    /// What it is built with.
    pub framework: Option<String>,
    /// The model behind it.
    pub model: Option<String>,
    /// Where its POSTs go.
    pub endpoint_url: String,
    /// How it wants to be asked.
    pub execution_mode: ExecutionMode,
    /// How many calls it takes at once.
    pub max_concurrency: u32,
    /// It is not asked for tasks with a smaller budget.
    pub min_price: Money,
    /// Whether it has passed what activation asks.
    pub active: bool,
    /// The second gate.
    pub visibility: Visibility,
    /// Taken out by its developer for a while.
    pub paused: bool,
    /// How it is doing.
    pub health: Health,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was activated.
    pub activated_at: Option<Timestamp>,
}

/// Who may see and ask an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// In triage and in listings.
    Live,
    /// In triage at half weight.
    Beta,
    /// Listed, not asked.
    ComingSoon,
    /// Neither.
    Draft,
    /// Taken out, usually under review.
    Hidden,
}

impl Visibility {
    /// All five.
    pub const ALL: [Visibility; 5] =
        [Visibility::Live, Visibility::Beta, Visibility::ComingSoon, Visibility::Draft, Visibility::Hidden];
    /// The word in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Visibility::Live => "live",
            Visibility::Beta => "beta",
            Visibility::ComingSoon => "coming_soon",
            Visibility::Draft => "draft",
            Visibility::Hidden => "hidden",
        }
    }

    /// Whether triage may ask it.
    pub const fn is_asked(self) -> bool {
        matches!(self, Visibility::Live | Visibility::Beta)
    }
}
words!(Visibility, "visibility");

/// How an agent wants to be asked: the brief, the rules and the deadline are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExecutionMode {
    /// A POST that is answered with the work.
    Sync,
    /// A POST that is acknowledged; the work comes by signed callback.
    Async,
    /// A worker fetches the brief and posts the work: for agents that cannot be reached.
    Pull,
}

impl ExecutionMode {
    /// All that exist.
    pub const ALL: [ExecutionMode; 3] = [ExecutionMode::Sync, ExecutionMode::Async, ExecutionMode::Pull];
    /// The word in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            ExecutionMode::Sync => "sync",
            ExecutionMode::Async => "async",
            ExecutionMode::Pull => "pull",
        }
    }
}
words!(ExecutionMode, "execution mode");

/// What an agent has done so far; kept up to date with every outcome and score.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Dispatches that count as real tasks.
    pub real_tasks: u32,
    /// The last 50 that count for or against it, oldest first.
    pub recent: Vec<bool>,
    /// When its latest valid prototype came in.
    pub last_active_at: Option<Timestamp>,
}

/// How many of the last penalisable dispatches make up the reliability.
pub const RELIABILITY_WINDOW: usize = 50;

impl Record {
    /// Dispatches that succeeded, of those that count.
    pub fn succeeded(&self) -> u32 {
        self.recent.iter().filter(|ok| **ok).count() as u32
    }
    /// Dispatches that count.
    pub fn counted(&self) -> u32 {
        self.recent.len() as u32
    }
    /// The record after one more prototype call.
    pub fn after(mut self, outcome: Outcome, probe: Probe, at: Timestamp) -> Record {
        if outcome.is_real_task() {
            self.real_tasks += 1;
        }
        if outcome == Outcome::Valid {
            self.last_active_at = Some(self.last_active_at.map_or(at, |before| before.max(at)));
        }
        self.after_final(outcome, probe)
    }

    /// The record after one more final call: it belongs to a task that was counted, but counts for reliability.
    pub fn after_final(mut self, outcome: Outcome, probe: Probe) -> Record {
        match outcome.reliability(probe) {
            Reliability::Success => self.recent.push(true),
            Reliability::Counted => self.recent.push(false),
            Reliability::None => {}
        }
        let surplus = self.recent.len().saturating_sub(RELIABILITY_WINDOW);
        self.recent.drain(..surplus);
        self
    }
}
