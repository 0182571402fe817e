//! The agents of a category, kept ready for decisions: what changes of one agent costs one agent's work, and a decision
//! over thousands of them names their facts by hash instead of copying them.

use crate::composite::Steady;
use crate::content::{Content, ContentHash, text_of};
use crate::{Candidate, Occasion, Question, Rulebook, gate, weigh};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Agents in a block: small, because a change of one agent stores its block anew; not too small, because a decision
/// names all blocks.
const BLOCK: usize = 16;

/// The agents that declare a category, in the order of their ids.
#[derive(Debug)]
pub struct Pool {
    rules: Arc<Rulebook>,
    entries: Vec<Entry>,
    hot: Vec<Hot>,
    blocks: Vec<Option<Block>>,
    names: Names,
}

/// The facts of a few agents, as decisions name them.
#[derive(Debug)]
struct Block {
    content: Content,
    /// When it was noted last that they are stored, in seconds since 1970.
    noted_at: Option<i64>,
}

#[derive(Debug)]
struct Entry {
    candidate: Candidate,
    /// The candidate as it stands in its block.
    text: String,
}

/// What most decisions need of an agent, side by side in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hot {
    pub(crate) number: u64,
    last_active_at: i64,
    min_price_minor: i64,
    steady: Steady,
    owner: u32,
    pub(crate) account: u32,
    pub(crate) tier: crate::Tier,
    payout_ready: bool,
    /// No gate that is the same for all tasks keeps it out, its weight is that of most agents, and the task's type
    /// matters to it in no way.
    plain: bool,
}

/// Owners and accounts by small numbers, which compare fast.
#[derive(Debug, Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.0.get(name) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX); // memory ends long before
        self.0.insert(name.to_owned(), number);
        number
    }
}

/// What a task's gates come to for agents to whom nothing special applies.
pub(crate) struct Plain {
    /// Every gate that depends on the task has to be tried for every agent.
    particular: bool,
    money_on: bool,
    budget_minor: i64,
    owner: Option<u32>,
    account: Option<u32>,
}

impl Pool {
    /// An empty pool, for decisions by these rules.
    pub fn new(rules: Arc<Rulebook>) -> Self {
        Pool { rules, entries: Vec::new(), hot: Vec::new(), blocks: Vec::new(), names: Names::default() }
    }

    /// A pool of these agents.
    pub fn of(rules: Arc<Rulebook>, candidates: impl IntoIterator<Item = Candidate>) -> Self {
        let mut candidates: Vec<Candidate> = candidates.into_iter().collect();
        candidates.sort_by(|a, b| a.agent.cmp(&b.agent));
        let mut pool = Pool::new(rules);
        candidates.into_iter().for_each(|candidate| pool.set(candidate));
        pool
    }

    /// The rules its decisions are made by.
    pub const fn rules(&self) -> &Arc<Rulebook> {
        &self.rules
    }

    /// How many agents there are.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Its agents, in the order of their ids.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.entries.iter().map(|entry| &entry.candidate)
    }

    /// Adds an agent, or takes over what has changed of it.
    pub fn set(&mut self, candidate: Candidate) {
        let text = text_of(&candidate);
        match self.place(&candidate.agent) {
            Ok(at) if self.entries[at].text == text => {}
            Ok(at) => {
                self.hot[at] = self.warm(&candidate);
                self.entries[at] = Entry { candidate, text };
                self.blocks[at / BLOCK] = None;
            }
            Err(at) => {
                let hot = self.warm(&candidate);
                self.hot.insert(at, hot);
                self.entries.insert(at, Entry { candidate, text });
                self.shifted(at);
            }
        }
    }

    /// Takes an agent out.
    pub fn remove(&mut self, agent: &str) {
        if let Ok(at) = self.place(agent) {
            self.hot.remove(at);
            self.entries.remove(at);
            self.shifted(at);
        }
    }

    fn place(&self, agent: &str) -> Result<usize, usize> {
        // Ids grow with time: a new agent nearly always comes last.
        match self.entries.last() {
            Some(last) if last.candidate.agent.as_str() < agent => Err(self.entries.len()),
            _ => self.entries.binary_search_by(|entry| entry.candidate.agent.as_str().cmp(agent)),
        }
    }

    /// All blocks from this place on hold other agents now.
    fn shifted(&mut self, from: usize) {
        self.blocks.truncate(from / BLOCK);
        self.blocks.resize_with(self.entries.len().div_ceil(BLOCK), || None);
    }

    fn warm(&mut self, candidate: &Candidate) -> Hot {
        let policy = self.rules.policy();
        let shut = !candidate.capable
            || !candidate.active
            || candidate.paused
            || !candidate.visible
            || candidate.in_flight >= candidate.max_concurrency;
        let special = candidate.health_fails > 0
            || candidate.standing.beta
            || !candidate.declined.is_empty()
            || !candidate.specialist_types.is_empty();
        Hot {
            number: candidate.draw_number,
            last_active_at: candidate.standing.last_active_at,
            min_price_minor: candidate.min_price_minor,
            steady: Steady::of(&candidate.standing, policy),
            owner: self.names.number(&candidate.owner),
            account: self.names.number(&candidate.payout_account),
            tier: candidate.tier,
            payout_ready: candidate.payout_ready,
            plain: !shut && !special,
        }
    }

    /// The hashes of all agents' facts, block by block.
    pub(crate) fn hashes(&mut self) -> Vec<ContentHash> {
        for (at, block) in self.blocks.iter_mut().enumerate() {
            if block.is_none() {
                let content = written(&self.entries[range(at, self.entries.len())]);
                *block = Some(Block { content, noted_at: None });
            }
        }
        self.contents().map(|content| content.hash).collect()
    }

    /// The facts that the latest decision names.
    pub fn contents(&self) -> impl Iterator<Item = &Content> {
        self.blocks.iter().flatten().map(|block| &block.content)
    }

    /// Those of them that were not noted as stored after `then`.
    pub fn unnoted(&self, then: i64) -> impl Iterator<Item = &Content> {
        let unnoted = move |block: &&Block| block.noted_at.is_none_or(|at| at <= then);
        self.blocks.iter().flatten().filter(unnoted).map(|block| &block.content)
    }

    /// Notes that contents are stored.
    pub fn noted(&mut self, contents: &[ContentHash], at: i64) {
        for block in self.blocks.iter_mut().flatten().filter(|block| contents.contains(&block.content.hash)) {
            block.noted_at = Some(at);
        }
    }

    /// What of the gates and weights of a task is the same for most agents.
    pub(crate) fn plain(&self, question: &Question) -> Plain {
        let task = &question.task;
        let particular = !task.only.is_empty()
            || !task.ignore.is_empty()
            || !task.exclude.is_empty()
            || task.max_price_minor.is_some();
        Plain {
            particular,
            money_on: task.money_on,
            budget_minor: task.budget_minor,
            owner: self.names.0.get(&task.buyer).copied(),
            account: task.buyer_payout_account.as_ref().and_then(|name| self.names.0.get(name).copied()),
        }
    }

    pub(crate) fn hot(&self) -> &[Hot] {
        &self.hot
    }

    /// What an agent weighs for a task, or which gate keeps it out.
    pub(crate) fn weight(&self, at: usize, plain: &Plain, question: &Question) -> Result<u32, crate::Gate> {
        let hot = &self.hot[at];
        if hot.is_let_in(plain) {
            let recency = self.rules.recency(question.now.saturating_sub(hot.last_active_at));
            return Ok(hot.steady.weight(recency, self.rules.policy()));
        }
        let candidate = &self.entries[at].candidate;
        match gate(candidate, question, self.rules.policy()) {
            Some(gate) => Err(gate),
            None => Ok(weigh(&candidate.standing, question.occasion(candidate), &self.rules).weight),
        }
    }

    pub(crate) fn candidate(&self, at: usize) -> &Candidate {
        &self.entries[at].candidate
    }
}

impl Hot {
    /// Whether every gate is open, as far as can be told without looking at the rest.
    fn is_let_in(&self, task: &Plain) -> bool {
        let own = Some(self.owner) == task.owner || Some(self.account) == task.account;
        self.plain
            && !task.particular
            && self.min_price_minor <= task.budget_minor
            && (!task.money_on || (self.payout_ready && !own))
    }
}

impl Question {
    pub(crate) fn occasion(&self, candidate: &Candidate) -> Occasion {
        Occasion {
            now: self.now,
            specialist: candidate.is_specialist(&self.task.task_type),
            health_fails: candidate.health_fails,
        }
    }
}

fn range(block: usize, entries: usize) -> Range<usize> {
    block * BLOCK..((block + 1) * BLOCK).min(entries)
}

fn written(entries: &[Entry]) -> Content {
    let texts: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
    Content::new(format!("[{}]", texts.join(",")))
}
