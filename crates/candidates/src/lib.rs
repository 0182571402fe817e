//! The agents of each category in memory, ready to be decided about. Before every decision those are read again of whom
//! something has changed in the database; a decision costs as much with ten agents as with ten thousand that rest.
//!
//! Whoever decides takes the record's new contents along into the transaction that stores it, and says afterwards that
//! they are stored.

mod facts;
mod stored;

pub use facts::candidate_of;
pub use stored::stored;

use chrono::TimeDelta;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::task::Task;
use gavel_domain::{AgentId, Money, Timestamp};
use gavel_store::Store;
use gavel_store::candidates::{Facts, Mark, Seen, View};
use gavel_triage::thompson::CategoryState;
use gavel_triage::{
    Candidate, Content, ContentHash, Pool, Question, Record, Rules, TaskFacts, decide, document,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Boosted dispatches are counted over this long.
pub const BOOST_WINDOW: TimeDelta = TimeDelta::days(30);

/// How often it is looked which developers have no boosts left: boosts come back with time, and are used in other categories,
/// and no change of an agent tells of either.
const BOOSTS_LOOK: TimeDelta = TimeDelta::minutes(10);

/// How long a content counts as stored before its use is noted again. Contents are kept for a day longer than anything
/// that may name them.
const NOTED_FOR: TimeDelta = TimeDelta::hours(20);

/// The agents of each category, by the rules of this deployment.
pub struct Candidates {
    store: Store,
    rules: Arc<Rules>,
    money_on: bool,
    /// By category, and whether made with test keys.
    shelves: Mutex<HashMap<(String, bool), SharedShelf>>,
}

/// One decision of a category at a time.
type SharedShelf = Arc<tokio::sync::Mutex<Shelf>>;

/// The agents of a category.
#[derive(Debug)]
struct Shelf {
    pool: Pool,
    mark: Option<Mark>,
    /// Agents of all categories.
    agents: u64,
    /// What is known of the category as a whole.
    state: Option<CategoryState>,
    how: HashMap<AgentId, ExecutionMode>,
    /// Whether a payout account has used up its boosts, as of the newcomers that were seen last.
    spent: HashMap<String, bool>,
    boosts_seen_at: Option<Timestamp>,
    rules_noted_at: Option<Timestamp>,
}

/// A decision, to be stored with what it names.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Who is asked, and how many were not for which reason.
    pub record: Record,
    /// The record as it is stored.
    pub document: String,
    /// What it names and may not be stored yet.
    pub contents: Vec<Content>,
    /// How each that is asked, or named for the case that too few answer, wants to be asked.
    pub asked_how: BTreeMap<AgentId, ExecutionMode>,
}

/// Why nothing could be decided.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] gavel_store::Error),
    /// The record could not be written.
    #[error("the decision could not be written: {0}")]
    Document(serde_json::Error),
    /// A stored record is none.
    #[error(transparent)]
    Stored(gavel_triage::ReplayError),
    /// The record names an agent that has no id.
    #[error("triage chose {0}, no agent's id")]
    NoId(String),
}

impl Decision {
    /// As it is stored.
    pub fn stored(&self) -> gavel_store::decisions::Decision {
        let contents = self.contents.iter().map(|content| (*content.hash.bytes(), content.text.clone()));
        gavel_store::decisions::Decision { document: self.document.clone(), contents: contents.collect() }
    }
}

impl Candidates {
    /// The agents of a store, to be decided about by these rules; `money_on` where money moves.
    pub fn new(store: Store, rules: Arc<Rules>, money_on: bool) -> Self {
        Candidates { store, rules, money_on, shelves: Mutex::default() }
    }

    /// The rules decisions are made by.
    pub const fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Whom to ask for a task now, drawn with this seed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decide(&self, task: &Task, seed: u64, now: Timestamp) -> Result<Decision, Error> {
        let shelf = self.shelf(&task.brief.category, task.test);
        let mut shelf = shelf.lock().await;
        self.follow(&mut shelf, (&task.brief.category, task.test), now).await?;
        let mut question = Question {
            no_capability: shelf.agents.saturating_sub(shelf.pool.len() as u64),
            category_state: shelf.state,
            ..self.question(task, seed, now)
        };
        if task.round > 1 {
            self.remixed(&mut question, task).await?;
        }
        let record = decide(&mut shelf.pool, &question);
        shelf.decision(record, now)
    }

    /// A decision is stored, with the contents that came with it: the next one need not bring them.
    pub async fn noted(&self, task: &Task, decision: &Decision, at: Timestamp) {
        if decision.contents.is_empty() {
            return;
        }
        let contents: Vec<ContentHash> = decision.contents.iter().map(|content| content.hash).collect();
        let shelf = self.shelf(&task.brief.category, task.test);
        let mut shelf = shelf.lock().await;
        shelf.pool.noted(&contents, at.timestamp());
        if contents.contains(&shelf.pool.rules().hash()) {
            shelf.rules_noted_at = Some(at);
        }
    }

    fn shelf(&self, category: &str, test: bool) -> SharedShelf {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(tokio::sync::Mutex::new(Shelf {
                pool: Pool::new(Arc::clone(self.rules.of(category))),
                state: None,
                mark: None,
                agents: 0,
                how: HashMap::new(),
                spent: HashMap::new(),
                boosts_seen_at: None,
                rules_noted_at: None,
            }))
        };
        Arc::clone(shelves.entry((category.to_owned(), test)).or_insert_with(new))
    }

    /// Takes over what has changed of the agents since the last look.
    async fn follow(
        &self,
        shelf: &mut Shelf,
        (category, test): (&str, bool),
        now: Timestamp,
    ) -> Result<(), Error> {
        let policy = self.rules.policy();
        // With money off every agent is its own account, and none comes near the account's limit.
        let newcomer_tasks = if self.money_on { policy.newcomer_tasks } else { 0 };
        let boosted_since = now - BOOST_WINDOW;
        let view = View { category, test, newcomer_tasks, boosted_since };
        let look = self.store.look_at_agents(view, shelf.mark).await?;
        let facts = match look.seen {
            Seen::Everybody(facts) => {
                shelf.pool = Pool::new(Arc::clone(self.rules.of(category)));
                (shelf.how, shelf.spent) = (HashMap::new(), HashMap::new());
                shelf.boosts_seen_at = Some(now);
                facts
            }
            Seen::Changed(facts, gone) => {
                gone.into_iter().for_each(|agent| shelf.forget(agent));
                facts
            }
        };
        let crossed: Vec<(String, u32)> = facts.into_iter().filter_map(|facts| shelf.take(facts)).collect();
        crossed.into_iter().for_each(|(account, boosted)| shelf.crossed(&account, boosted));
        (shelf.mark, shelf.agents, shelf.state) = (Some(look.mark), look.agents, look.category);
        if newcomer_tasks > 0 && shelf.boosts_seen_at.is_none_or(|at| now - at >= BOOSTS_LOOK) {
            let without =
                self.store.developers_without_boosts(policy.account_boosts_max, boosted_since, test).await?;
            shelf.boosts(&without.iter().map(ToString::to_string).collect());
            shelf.boosts_seen_at = Some(now);
        }
        Ok(())
    }

    /// A remix looks further: whoever lost before is not asked again, and more seats are the challengers'.
    async fn remixed(&self, question: &mut Question, task: &Task) -> Result<(), Error> {
        let losers = self.store.losers(task.id, task.round).await?;
        question.task.exclude = losers.iter().map(ToString::to_string).collect();
        question.experimentation_milli = question.experimentation_milli.max(self.rules.policy().remix_milli);
        Ok(())
    }

    fn question(&self, task: &Task, seed: u64, now: Timestamp) -> Question {
        let (brief, wishes) = (&task.brief, &task.wishes);
        Question {
            task: TaskFacts {
                category: brief.category.clone(),
                task_type: brief.task_type.clone(),
                budget_minor: task.budget.minor(),
                buyer: task.account.to_string(),
                buyer_payout_account: None, // buyers have no payout account of their own yet
                only: wishes.routing.only.clone(),
                ignore: wishes.routing.ignore.clone(),
                max_price_minor: wishes.routing.max_price.map(Money::minor),
                exclude: Vec::new(),
                money_on: self.money_on,
            },
            now: now.timestamp(),
            seed,
            agents: wishes.agents,
            experimentation_milli: wishes.experimentation_milli,
            reserve_wanted: wishes.min_bids.unwrap_or(0),
            no_capability: 0,
            category_state: None,
        }
    }
}

impl Shelf {
    /// Takes over what is known of an agent. Gives its payout account when that has used up its boosts, or has some again:
    /// nothing else says so of the account's other agents.
    fn take(&mut self, facts: Facts) -> Option<(String, u32)> {
        self.how.insert(facts.agent.id, facts.agent.execution_mode);
        let candidate = candidate_of(facts, self.pool.rules());
        let (standing, policy) = (&candidate.standing, self.pool.rules().policy());
        let crossed = (standing.real_tasks < policy.newcomer_tasks).then(|| {
            let spent = standing.account_boosted > 0;
            let before = self.spent.insert(candidate.payout_account.clone(), spent);
            (before.unwrap_or(false) != spent)
                .then(|| (candidate.payout_account.clone(), standing.account_boosted))
        });
        self.pool.set(candidate);
        crossed.flatten()
    }

    /// The same for all agents of the account.
    fn crossed(&mut self, account: &str, boosted: u32) {
        let others = self.pool.candidates().filter(|other| other.payout_account == account).cloned();
        let others: Vec<Candidate> = others.collect();
        for mut other in others {
            other.standing.account_boosted = boosted;
            self.pool.set(other);
        }
    }

    /// Takes over which payout accounts have no boosts left.
    fn boosts(&mut self, without: &BTreeSet<String>) {
        let policy = self.pool.rules().policy();
        let (newcomer_tasks, used_up) = (policy.newcomer_tasks, policy.account_boosts_max);
        let differs = |one: &&Candidate| {
            one.standing.real_tasks < newcomer_tasks
                && (one.standing.account_boosted > 0) != without.contains(&one.payout_account)
        };
        let accounts: BTreeSet<String> =
            self.pool.candidates().filter(differs).map(|one| one.payout_account.clone()).collect();
        for account in accounts {
            let spent = without.contains(&account);
            self.crossed(&account, if spent { used_up } else { 0 });
            self.spent.insert(account, spent);
        }
    }

    fn forget(&mut self, agent: AgentId) {
        if self.how.remove(&agent).is_some() {
            self.pool.remove(&agent.to_string());
        }
    }

    /// A decision with everything that goes with it.
    fn decision(&self, record: Record, now: Timestamp) -> Result<Decision, Error> {
        let asked = record.chosen.iter().chain(&record.reserve).map(|chosen| {
            let agent: AgentId = chosen.agent.parse().map_err(|_| Error::NoId(chosen.agent.clone()))?;
            Ok((agent, self.how.get(&agent).copied().unwrap_or(ExecutionMode::Sync)))
        });
        let old = now - NOTED_FOR;
        let rules = self.rules_noted_at.is_none_or(|at| at <= old).then(|| self.pool.rules().content());
        Ok(Decision {
            document: document(&record).map_err(Error::Document)?,
            contents: self.pool.unnoted(old.timestamp()).chain(rules).cloned().collect(),
            asked_how: asked.collect::<Result<_, Error>>()?,
            record,
        })
    }
}

#[cfg(test)]
mod tests;
