//! What happened lately, for other processes: collected, written as few short texts, read again. It only says where to
//! look; the truth is read from the tables.

use gavel_domain::{AgentId, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A notification of PostgreSQL must be shorter than 8,000 bytes.
const TEXT_BYTES: usize = 7_900;
/// Beyond so many items it is cheaper for everybody to look at everything; it also bounds what is kept while the
/// database is away.
const ITEMS_MAX: usize = 1_000;

/// One thing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Something happened to a task.
    Task(TaskId, Touched),
    /// An agent was asked for something that its worker may fetch.
    Invited(AgentId),
    /// Nobody knows what was missed.
    Everything,
}

/// What happened to a task; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touched {
    /// An event was written.
    Told,
    /// It may be ready for its next step.
    Changed,
    /// Somebody outside the loop decided on it.
    Decided,
}

/// What happened lately.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct News {
    tasks: BTreeMap<TaskId, Touched>,
    invited: BTreeSet<AgentId>,
    everything: bool,
}

impl News {
    pub(crate) fn add(&mut self, hint: Hint) {
        match hint {
            Hint::Task(task, touched) => {
                let known = self.tasks.entry(task).or_insert(touched);
                *known = touched.max(*known);
            }
            Hint::Invited(agent) => drop(self.invited.insert(agent)),
            Hint::Everything => self.everything = true,
        }
        if self.tasks.len() + self.invited.len() > ITEMS_MAX {
            self.everything = true;
        }
        if self.everything {
            self.tasks.clear();
            self.invited.clear();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.everything && self.tasks.is_empty() && self.invited.is_empty()
    }

    pub(crate) fn hints(&self) -> impl Iterator<Item = Hint> {
        let everything = self.everything.then_some(Hint::Everything);
        let tasks = self.tasks.iter().map(|(task, touched)| Hint::Task(*task, *touched));
        everything.into_iter().chain(tasks).chain(self.invited.iter().copied().map(Hint::Invited))
    }

    /// As few texts as possible, each with the name of the process that speaks.
    pub(crate) fn texts(&self, speaker: &str) -> Vec<String> {
        let mut texts = Vec::new();
        let mut text = speaker.to_owned();
        for item in self.hints().map(written) {
            if text.len() + 1 + item.len() > TEXT_BYTES {
                texts.push(std::mem::replace(&mut text, speaker.to_owned()));
            }
            text.push(' ');
            text.push_str(&item);
        }
        texts.push(text);
        texts
    }
}

/// Who speaks, and of what. What cannot be read was written by another version: it is left out.
pub(crate) fn read(text: &str) -> (&str, impl Iterator<Item = Hint>) {
    let mut words = text.split(' ');
    (words.next().unwrap_or_default(), words.filter_map(item))
}

fn written(hint: Hint) -> String {
    match hint {
        Hint::Task(task, Touched::Told) => format!("t{}", task.uuid().simple()),
        Hint::Task(task, Touched::Changed) => format!("c{}", task.uuid().simple()),
        Hint::Task(task, Touched::Decided) => format!("d{}", task.uuid().simple()),
        Hint::Invited(agent) => format!("i{}", agent.uuid().simple()),
        Hint::Everything => "*".to_owned(),
    }
}

fn item(word: &str) -> Option<Hint> {
    if word == "*" {
        return Some(Hint::Everything);
    }
    let (kind, id) = word.split_at_checked(1)?;
    let id: Uuid = id.parse().ok()?;
    let task = |touched| Some(Hint::Task(TaskId::from_uuid(id), touched));
    match kind {
        "t" => task(Touched::Told),
        "c" => task(Touched::Changed),
        "d" => task(Touched::Decided),
        "i" => Some(Hint::Invited(AgentId::from_uuid(id))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(n: u128, touched: Touched) -> Hint {
        Hint::Task(TaskId::from_uuid(Uuid::from_u128(n)), touched)
    }

    fn news(hints: impl IntoIterator<Item = Hint>) -> News {
        let mut news = News::default();
        hints.into_iter().for_each(|hint| news.add(hint));
        news
    }

    #[test]
    fn what_was_written_is_read() {
        let agent = Hint::Invited(AgentId::from_uuid(Uuid::from_u128(9)));
        let said = [task(1, Touched::Told), task(2, Touched::Changed), task(3, Touched::Decided), agent];
        let texts = news(said).texts("gavel-1");
        assert_eq!(texts.len(), 1);
        let (speaker, heard) = read(&texts[0]);
        assert_eq!((speaker, heard.collect::<Vec<_>>()), ("gavel-1", said.to_vec()));
    }

    #[test]
    fn what_another_version_says_is_left_out() {
        let id = Uuid::from_u128(1).simple();
        let text = format!("gavel-2 z{id} t7 \u{e9} t{id}");
        assert_eq!(read(&text).1.collect::<Vec<_>>(), [task(1, Touched::Told)]);
        assert_eq!(read("").1.count(), 0);
    }

    #[test]
    fn a_task_is_named_once_for_the_most_that_happened_to_it() {
        let said = [task(1, Touched::Changed), task(1, Touched::Decided), task(1, Touched::Told)];
        assert_eq!(news(said).hints().collect::<Vec<_>>(), [task(1, Touched::Decided)]);
    }

    #[test]
    fn texts_are_short_and_few() {
        let many = news((0..ITEMS_MAX as u128).map(|n| task(n, Touched::Told)));
        let texts = many.texts("gavel-0123456789abcdef");
        assert_eq!(texts.len(), 5, "about 230 to a text");
        assert!(texts.iter().all(|text| text.len() < 8_000));
        let heard = texts.iter().flat_map(|text| read(text).1);
        assert_eq!(heard.collect::<Vec<_>>(), many.hints().collect::<Vec<_>>());
    }

    #[test]
    fn too_much_is_said_in_one_word() {
        let mut flood = news((0..=ITEMS_MAX as u128).map(|n| task(n, Touched::Told)));
        flood.add(task(5, Touched::Decided));
        assert_eq!(flood.texts("g"), ["g *"]);
        assert!(!flood.is_empty() && News::default().is_empty());
    }
}
