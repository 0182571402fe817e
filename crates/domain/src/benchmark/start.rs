//! May a run begin, and with which categories?

use super::Rules;
use crate::{BenchmarkRunId, Timestamp};
use chrono::TimeDelta;

/// Runs of a developer are counted over this long.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// What a run's beginning depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether the agent is active.
    pub active: bool,
    /// Whether it is taken out by the platform.
    pub hidden: bool,
    /// The categories that it declares, and whether it may be asked there.
    pub declared: Vec<(String, bool)>,
    /// The run that is under way.
    pub running: Option<BenchmarkRunId>,
    /// When its last run failed, if nothing came of it since.
    pub failed_at: Option<Timestamp>,
    /// When its developer's runs of the last hour or so began, oldest first.
    pub lately: Vec<Timestamp>,
}

/// Why a run may not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is active, and nothing of what is asked for is left to be shown.
    AlreadyActive,
    /// The platform has taken it out.
    Hidden,
    /// A run is under way.
    UnderWay(BenchmarkRunId),
    /// It does not declare this category.
    NotDeclared(String),
    /// There is nothing to be sent in these categories.
    NoSuite(Vec<String>),
    /// The last run failed too lately.
    CoolingDown(Timestamp),
    /// Its developer has begun too many.
    TooMany(Timestamp),
}

/// The categories that a run has, of those `asked` for or of all that are left; `suites` are those for which there are
/// tasks, and their order is the run's.
pub fn may_start(
    standing: &Standing,
    asked: Option<&[String]>,
    suites: &[String],
    rules: &Rules,
    now: Timestamp,
) -> Result<Vec<String>, Refusal> {
    let wanted = wanted(standing, asked)?;
    if wanted.is_empty() {
        return Err(Refusal::AlreadyActive);
    }
    if standing.hidden {
        return Err(Refusal::Hidden);
    }
    if let Some(run) = standing.running {
        return Err(Refusal::UnderWay(run));
    }
    let without: Vec<String> = wanted.iter().filter(|slug| !suites.contains(slug)).cloned().collect();
    if !without.is_empty() {
        return Err(Refusal::NoSuite(without));
    }
    if let Some(until) = standing.failed_at.map(|at| at + rules.cooldown).filter(|until| *until > now) {
        return Err(Refusal::CoolingDown(until));
    }
    match one_too_many(&standing.lately, rules.runs_per_hour, now) {
        Some(until) => Err(Refusal::TooMany(until)),
        None => Ok(suites.iter().filter(|slug| wanted.contains(slug)).cloned().collect()),
    }
}

/// What is left to be shown. An agent that is not active for another reason shows all it declares once more.
fn wanted(standing: &Standing, asked: Option<&[String]>) -> Result<Vec<String>, Refusal> {
    let declares = |slug: &String| standing.declared.iter().any(|(declared, _)| declared == slug);
    let asked = asked.unwrap_or_default();
    if let Some(stray) = asked.iter().find(|slug| !declares(slug)) {
        return Err(Refusal::NotDeclared(stray.clone()));
    }
    let all_shown = standing.declared.iter().all(|(_, ready)| *ready);
    let left = |ready: bool| !ready || (!standing.active && all_shown);
    let among = |slug: &String| asked.is_empty() || asked.contains(slug);
    let wanted = standing.declared.iter().filter(|(slug, ready)| left(*ready) && among(slug));
    Ok(wanted.map(|(slug, _)| slug.clone()).collect())
}

/// When the next run may begin, where an hour has as many as it may have.
fn one_too_many(began: &[Timestamp], most: u32, now: Timestamp) -> Option<Timestamp> {
    let within: Vec<Timestamp> = began.iter().copied().filter(|at| *at + HOUR > now).collect();
    let surplus = within.len().checked_sub(usize::try_from(most).unwrap_or(usize::MAX))?;
    within.get(surplus).or(within.last()).map(|at| *at + HOUR)
}
