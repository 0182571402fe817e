//! The tasks that agents are tried with before they may be asked: for each category an easy one, a typical one and a
//! hard one, written as files and filled in from a seed, so that answers cannot be learnt by heart.
//!
//! An instance reads like any buyer's task. What it has beside is known to the judge alone: checks of what is right
//! in it, held against an answer by the same [`judge`](crate::judge) and rubric as every bid.

mod checks;
mod draw;
mod expression;
mod file;
mod fill;
mod flaw;
mod values;

use crate::brief::{CompiledBrief, compile};
use crate::hidden::{HiddenCheck, HiddenKind};
use crate::work::Work;
use file::File;
use gavel_domain::Ppm;
use gavel_domain::task::Brief;
use std::collections::BTreeMap;

pub use flaw::Flaw;

/// All tasks of all categories that have some.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// By category, each in the order of [`Level::ALL`].
    categories: BTreeMap<String, Vec<Template>>,
}

/// A task to be filled in.
#[derive(Debug, Clone)]
pub struct Template {
    key: String,
    category: String,
    level: Level,
    file: File,
}

/// How much a task asks of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Whoever offers the category can do it.
    Easy,
    /// What buyers ask for most days.
    Typical,
    /// Much at once, with traps in it.
    Hard,
}

/// One task for one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The key of its template.
    pub key: String,
    /// What it was drawn from.
    pub seed: u64,
    /// What the agent is asked.
    pub brief: Brief,
    /// The most that is paid, as a decimal number of the platform's currency.
    pub budget: String,
    /// What the judge knows beside.
    pub checks: Vec<HiddenCheck>,
    /// Work that does all that is asked.
    pub good: Work,
    /// What that work says of itself.
    pub summary: String,
    /// Work of other hands: it shows that the good one is not the only way to do it.
    pub others: Vec<Other>,
    /// Spoilt work that the file gives itself.
    bad: BTreeMap<Flaw, Work>,
}

/// Work of another hand, and what it must be worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Other {
    /// What it is like.
    pub name: String,
    /// It scores no less.
    pub at_least: Ppm,
    /// It scores no more.
    pub at_most: Ppm,
    /// The work.
    pub work: Work,
}

/// A file of the suite that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct SuiteError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

impl Suite {
    /// Reads files of the names `<category>/<level>.toml`, whatever folder they are in.
    ///
    /// # Errors
    /// The first file that cannot be used, with the line.
    pub fn read(files: &[(&str, &str)]) -> Result<Self, SuiteError> {
        let mut suite = Suite::default();
        for (name, text) in files {
            let template = file::read(name, text)?;
            suite.categories.entry(template.category.clone()).or_default().push(template);
        }
        suite.categories.values_mut().for_each(|templates| templates.sort_by_key(|t| t.level));
        Ok(suite)
    }

    /// The tasks of a category, easy to hard; none where it has no suite.
    pub fn of(&self, category: &str) -> &[Template] {
        self.categories.get(category).map_or(&[], Vec::as_slice)
    }

    /// The task of a key: `content-writing/easy`.
    pub fn template(&self, key: &str) -> Option<&Template> {
        self.templates().find(|template| template.key == key)
    }

    /// All tasks, by category and level.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.categories.values().flatten()
    }
}

impl Template {
    /// `<category>/<level>`
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The slug of its category.
    pub fn category(&self) -> &str {
        &self.category
    }

    /// How much it asks.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The slug of its type.
    pub fn task_type(&self) -> &str {
        self.file.task_type()
    }

    /// The task for a seed. The same seed gives the same task.
    pub fn instance(&self, seed: u64) -> Instance {
        self.file.instance(self, seed).0
    }
}

impl Level {
    /// All three, in order.
    pub const ALL: [Level; 3] = [Level::Easy, Level::Typical, Level::Hard];

    /// Its name in keys and files.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Easy => "easy",
            Level::Typical => "typical",
            Level::Hard => "hard",
        }
    }
}

impl Instance {
    /// What answers are judged with.
    pub fn yardstick(&self) -> CompiledBrief {
        compile(&self.brief).with_hidden(self.checks.clone())
    }

    /// The good work, spoilt.
    pub fn bad(&self, flaw: Flaw) -> Work {
        self.bad.get(&flaw).cloned().unwrap_or_else(|| flaw.spoil(self))
    }

    /// What is right in this instance and need not be in another.
    pub fn facts(&self) -> Vec<&str> {
        let facts = self.checks.iter().filter_map(|check| match &check.kind {
            HiddenKind::Fact(statement) => statement.says.first(),
            HiddenKind::Cell { value, .. } | HiddenKind::Json { value, .. } => value.first(),
            _ => None,
        });
        facts.map(String::as_str).collect()
    }
}
