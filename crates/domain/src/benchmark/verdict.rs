//! What a run sends next, and who has passed. Every score is an integer: equal runs have equal verdicts.

use super::{FAULTS_MAX, Purpose, Rules};
use crate::Ppm;

/// A task that a run has, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The category.
    pub category: String,
    /// The template of the suite.
    pub template: String,
}

/// A task that was sent, and has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The template it was made from.
    pub template: String,
    /// What came of it.
    pub came: Came,
}

/// What came of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// A work that was judged; `grave`: with a fault that no other merit makes up for.
    Judged {
        /// Its score.
        score: Ppm,
        /// Whether it has such a fault.
        grave: bool,
    },
    /// No valid bid, and that is the agent's own doing: it counts as 0.
    Nothing,
    /// Nothing, by a fault of ours: it does not count.
    Ours,
}

/// How a template's task was done, all its variants together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskScore {
    /// The template.
    pub template: String,
    /// The mean of its variants.
    pub score: Ppm,
    /// Whether one of them has a grave fault.
    pub grave: bool,
    /// How many variants were judged.
    pub looks: usize,
}

/// How a category was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryVerdict {
    /// The category.
    pub category: String,
    /// The mean of its tasks.
    pub mean: Ppm,
    /// Each task.
    pub tasks: Vec<TaskScore>,
    /// What is missing; nothing: it is passed.
    pub missing: Vec<Missing>,
}

/// What a category lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// The mean is too low.
    Mean,
    /// A task's score is too low.
    Score(String),
    /// A task's work has a grave fault.
    Grave(String),
    /// Nothing was sent: the run was decided before.
    NotSent,
}

impl CategoryVerdict {
    /// Whether the agent may be asked in this category.
    pub fn passed(&self) -> bool {
        self.missing.is_empty()
    }

    /// The scores of its tasks, in their order.
    pub fn scores(&self) -> Vec<Ppm> {
        self.tasks.iter().map(|task| task.score).collect()
    }
}

/// What is to be done with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// One more task.
    Send {
        /// The category.
        category: String,
        /// The template.
        template: String,
        /// Why.
        purpose: Purpose,
    },
    /// Nothing more is sent.
    Over(End),
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With a verdict on every category: it is passed when each is.
    Judged(Vec<CategoryVerdict>),
    /// Without one: too much went wrong on our side.
    Aborted,
}

/// What a run does next. Categories come one after the other; each is looked at a second time, at most once, when its
/// verdict hangs on a hair. An agent of which nothing came in a whole category is sent no more.
pub fn next(plan: &[Planned], sent: &[Sent], rules: &Rules) -> Next {
    if sent.iter().filter(|one| one.came == Came::Ours).count() >= FAULTS_MAX {
        return Next::Over(End::Aborted);
    }
    for category in categories(plan) {
        if let Some((template, purpose)) = open(plan, category, sent) {
            return send(category, template, purpose);
        }
        let tasks = scores(plan, category, sent);
        if let Some(template) = second_look(&tasks, rules) {
            return send(category, template, Purpose::SecondLook);
        }
        if is_mute(plan, category, sent) {
            break;
        }
    }
    Next::Over(End::Judged(verdict(plan, sent, rules)))
}

fn send(category: &str, template: &str, purpose: Purpose) -> Next {
    Next::Send { category: category.to_owned(), template: template.to_owned(), purpose }
}

/// The verdict on every category, as far as it has come.
pub fn verdict(plan: &[Planned], sent: &[Sent], rules: &Rules) -> Vec<CategoryVerdict> {
    let one = |category: &str| {
        let tasks = scores(plan, category, sent);
        let whole = tasks.len() == of(plan, category).count();
        let mean = mean(&tasks.iter().map(|task| task.score).collect::<Vec<_>>());
        let missing = if whole { missing(mean, &tasks, rules) } else { vec![Missing::NotSent] };
        CategoryVerdict { category: category.to_owned(), mean, tasks, missing }
    };
    categories(plan).into_iter().map(one).collect()
}

fn missing(mean: Ppm, tasks: &[TaskScore], rules: &Rules) -> Vec<Missing> {
    let low = tasks.iter().filter(|task| task.score < rules.pass_each);
    let grave = tasks.iter().filter(|task| task.grave);
    let of_mean = (mean < rules.pass_mean).then_some(Missing::Mean);
    of_mean
        .into_iter()
        .chain(low.map(|task| Missing::Score(task.template.clone())))
        .chain(grave.map(|task| Missing::Grave(task.template.clone())))
        .collect()
}

/// The categories of a plan, each once, in its order.
fn categories(plan: &[Planned]) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for planned in plan {
        if !all.contains(&planned.category.as_str()) {
            all.push(&planned.category);
        }
    }
    all
}

fn of<'a>(plan: &'a [Planned], category: &'a str) -> impl Iterator<Item = &'a str> {
    plan.iter().filter(move |planned| planned.category == category).map(|planned| planned.template.as_str())
}

/// The first task of a category of which nothing that counts has come yet.
fn open<'a>(plan: &'a [Planned], category: &'a str, sent: &[Sent]) -> Option<(&'a str, Purpose)> {
    let is_open = |template: &&str| came_of(template, sent).all(|came| came == Came::Ours);
    let template = of(plan, category).find(is_open)?;
    let purpose = if came_of(template, sent).next().is_none() { Purpose::First } else { Purpose::Again };
    Some((template, purpose))
}

/// Whether nothing came of all that was sent in a category.
fn is_mute(plan: &[Planned], category: &str, sent: &[Sent]) -> bool {
    of(plan, category)
        .all(|template| came_of(template, sent).all(|came| matches!(came, Came::Nothing | Came::Ours)))
}

/// What came of the tasks of a template, in their order.
fn came_of<'a>(template: &'a str, sent: &'a [Sent]) -> impl Iterator<Item = Came> {
    sent.iter().filter(move |one| one.template == template).map(|one| one.came)
}

fn scores(plan: &[Planned], category: &str, sent: &[Sent]) -> Vec<TaskScore> {
    of(plan, category).filter_map(|template| score(template, sent)).collect()
}

fn score(template: &str, sent: &[Sent]) -> Option<TaskScore> {
    let counted: Vec<(Ppm, bool)> = came_of(template, sent)
        .filter_map(|came| match came {
            Came::Judged { score, grave } => Some((score, grave)),
            Came::Nothing => Some((Ppm::ZERO, false)),
            Came::Ours => None,
        })
        .collect();
    let scores: Vec<Ppm> = counted.iter().map(|(score, _)| *score).collect();
    (!counted.is_empty()).then(|| TaskScore {
        template: template.to_owned(),
        score: mean(&scores),
        grave: counted.iter().any(|(_, grave)| *grave),
        looks: counted.len(),
    })
}

/// Half up.
fn mean(scores: &[Ppm]) -> Ppm {
    let (sum, n) = (scores.iter().map(|score| u64::from(score.get())).sum::<u64>(), scores.len() as u64);
    Ppm::new(u32::try_from((2 * sum + n) / (2 * n).max(1)).unwrap_or(0))
}

/// The task of which another variant is to be sent: the one nearest to the line that the category's verdict hangs on.
/// None where all is clear, or lost anyway, or where a second look was taken already.
fn second_look<'a>(tasks: &'a [TaskScore], rules: &Rules) -> Option<&'a str> {
    let band = rules.second_look.get();
    let mean = mean(&tasks.iter().map(|task| task.score).collect::<Vec<_>>());
    let least = tasks.iter().map(|task| task.score).min()?;
    let lies_below = |score: Ppm, line: Ppm| score.get() + band < line.get();
    let is_near = |score: Ppm, line: Ppm| score.get().abs_diff(line.get()) <= band;
    let lost = lies_below(mean, rules.pass_mean) || lies_below(least, rules.pass_each);
    if band == 0 || lost || tasks.iter().any(|task| task.grave || task.looks > 1) {
        return None;
    }
    let line = [(least, rules.pass_each), (mean, rules.pass_mean)]
        .into_iter()
        .find_map(|(score, line)| is_near(score, line).then_some(line))?;
    let nearest = tasks.iter().min_by_key(|task| task.score.get().abs_diff(line.get()))?;
    Some(&nearest.template)
}
