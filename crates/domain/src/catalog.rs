//! Categories and task types, read from files by the binary. What a task or an agent names is resolved here: a slug or
//! an alias in, the one slug that is stored out.

mod field; // what a buyer may say of a task, and what a value may be
mod pricing; // what a type is counted in

pub use field::{EVERYWHERE, Fault, Field, Kind, Reading, Remark, Shape, check};
pub use pricing::{Pricing, Quantity};

use crate::score::{Origin, Rubric};
use chrono::TimeDelta;

/// The catalogue of what may be asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalog {
    /// In the order in which they are listed.
    pub categories: Vec<Category>,
}

/// A kind of work.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Category {
    /// Its slug.
    pub slug: String,
    /// Its name as shown.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Other names it is asked for by. Two categories may share one: the task type tells which is meant.
    pub aliases: Vec<String>,
    /// What counts how much in it; `None`: as where nothing is said.
    pub rubric: Option<Rubric>,
    /// How long calls may take in it.
    pub timeouts: Timeouts,
    /// The types within it.
    pub task_types: Vec<TaskType>,
}

/// How long calls may take in a category; `None`: as in every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeouts {
    /// One prototype call.
    pub prototype_call: Option<TimeDelta>,
    /// One final call.
    pub final_call: Option<TimeDelta>,
}

/// A type of task within a category.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskType {
    /// Its slug.
    pub slug: String,
    /// Its name as shown.
    pub name: String,
    /// What is made, in a sentence.
    pub description: String,
    /// Whether a marketplace published it, or this project chose it.
    pub origin: Origin,
    /// Other names it is asked for by.
    pub aliases: Vec<String>,
    /// What a buyer may say in `requirements`; nothing is checked where this is empty.
    pub input: Vec<Field>,
    /// What the delivery consists of.
    pub output: Vec<Field>,
    /// What it is counted in, where that is not the piece.
    pub pricing: Option<Pricing>,
}

/// Why a category and a task type are no kind of work. Every variant lists what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// No category of that name.
    #[error("is not known; valid are: {}", .valid.join(", "))]
    Category {
        /// The slugs of all categories.
        valid: Vec<String>,
    },
    /// No type of that name in that category.
    #[error("is no type of {category}{}; valid are: {}", elsewhere(.home), .valid.join(", "))]
    TaskType {
        /// The category as it was named.
        category: String,
        /// The category that has such a type, if one has.
        home: Option<String>,
        /// The slugs of the types of the category; of all, where the name stands for several.
        valid: Vec<String>,
    },
}

fn elsewhere(home: &Option<String>) -> String {
    home.as_ref().map(|home| format!(" but of {home}")).unwrap_or_default()
}

impl Catalog {
    /// A category by slug.
    pub fn category(&self, slug: &str) -> Option<&Category> {
        self.categories.iter().find(|c| c.slug == slug)
    }

    /// The category a task type belongs to, by the type's slug.
    pub fn category_of(&self, task_type: &str) -> Option<&Category> {
        self.categories.iter().find(|c| c.has_type(task_type))
    }

    /// The kind of work that a category and a type name, each by its slug or by an alias.
    pub fn resolve(&self, category: &str, task_type: &str) -> Result<(&Category, &TaskType), Unresolved> {
        let named = self.named(category)?;
        let found = named.iter().find_map(|c| Some((*c, c.task_type(task_type)?)));
        found.ok_or_else(|| Unresolved::TaskType {
            category: category.to_owned(),
            home: self.home_of(task_type).map(|home| home.slug.clone()),
            valid: named.iter().flat_map(|c| &c.task_types).map(|t| t.slug.clone()).collect(),
        })
    }

    /// The categories that a category's slug or alias stands for; at least one.
    pub fn named(&self, category: &str) -> Result<Vec<&Category>, Unresolved> {
        let named: Vec<_> =
            self.categories.iter().filter(|c| is_named(&c.slug, &c.aliases, category)).collect();
        match named.is_empty() {
            true => Err(Unresolved::Category { valid: self.slugs() }),
            false => Ok(named),
        }
    }

    /// The categories that an agent works in when it says `word`: what a category's slug or alias stands for, and the
    /// category of a task type. Empty where the word is none of them.
    pub fn capability(&self, word: &str) -> Vec<&Category> {
        self.named(word).unwrap_or_else(|_| self.home_of(word).into_iter().collect())
    }

    /// A task type of any category, by slug or alias.
    pub fn task_type(&self, word: &str) -> Option<&TaskType> {
        self.categories.iter().find_map(|c| c.task_type(word))
    }

    /// The slugs of all categories.
    pub fn slugs(&self) -> Vec<String> {
        self.categories.iter().map(|c| c.slug.clone()).collect()
    }

    fn home_of(&self, task_type: &str) -> Option<&Category> {
        self.categories.iter().find(|c| c.task_type(task_type).is_some())
    }
}

impl Category {
    /// Whether a type belongs to it, by the type's slug.
    pub fn has_type(&self, slug: &str) -> bool {
        self.task_types.iter().any(|t| t.slug == slug)
    }

    /// A type of it, by slug or alias.
    pub fn task_type(&self, word: &str) -> Option<&TaskType> {
        self.task_types.iter().find(|t| is_named(&t.slug, &t.aliases, word))
    }
}

fn is_named(slug: &str, aliases: &[String], word: &str) -> bool {
    slug == word || aliases.iter().any(|alias| alias == word)
}

#[cfg(test)]
mod tests;
