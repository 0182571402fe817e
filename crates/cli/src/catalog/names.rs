//! Slugs and aliases over all files: a word that somebody posts must mean one thing.

use super::{CatalogError, files::Files};
use std::collections::BTreeMap;

/// As long as a task may name one.
const SLUG_CHARS_MAX: usize = 100;

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Category,
    TaskType,
}

/// All names in the order in which they were read.
#[derive(Default)]
pub(super) struct Names {
    slugs: Vec<(String, String)>,
    aliases: Vec<Alias>,
}

struct Alias {
    of: Use,
    word: String,
    file: String,
}

impl Names {
    pub(super) fn note(&mut self, of: Use, slug: &str, aliases: &[String], file: &str) {
        self.slugs.push((slug.to_owned(), file.to_owned()));
        let alias = |word: &String| Alias { of, word: word.clone(), file: file.to_owned() };
        self.aliases.extend(aliases.iter().map(alias));
    }

    pub(super) fn check(&self, files: &Files) -> Result<(), CatalogError> {
        let mut slugs = BTreeMap::new();
        for (slug, file) in &self.slugs {
            let first = slugs.insert(slug.as_str(), file.as_str());
            let twice = first.map(|first| format!("the slug {slug:?} is used twice, first in {first}"));
            if let Some(problem) = misspelt(slug).or(twice) {
                return Err(files.wrong(file, "slug", slug, problem));
            }
        }
        let mut seen: Vec<&Alias> = Vec::new();
        for alias in &self.aliases {
            if let Some(problem) = misspelt(&alias.word).or_else(|| alias.clash(&slugs, &seen)) {
                return Err(files.wrong(&alias.file, "aliases", &alias.word, problem));
            }
            seen.push(alias);
        }
        Ok(())
    }
}

impl Alias {
    /// What else the word means. Only categories may share one: the task type tells which of them is meant.
    fn clash(&self, slugs: &BTreeMap<&str, &str>, seen: &[&Alias]) -> Option<String> {
        let word = &self.word;
        if let Some(file) = slugs.get(word.as_str()) {
            return Some(format!("the alias {word:?} is a slug, in {file}"));
        }
        let shared =
            |other: &Alias| self.of == Use::Category && other.of == Use::Category && self.file != other.file;
        let other = seen.iter().find(|other| other.word == *word && !shared(other))?;
        Some(format!("the alias {word:?} is used twice, first in {}", other.file))
    }
}

fn misspelt(word: &str) -> Option<String> {
    let spelled =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let right = word.len() <= SLUG_CHARS_MAX && word.split('-').all(spelled);
    (!right).then(|| {
        format!("{word:?} must be lowercase words joined by single hyphens, of {SLUG_CHARS_MAX} characters at most")
    })
}
