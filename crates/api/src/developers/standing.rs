//! Where an agent stands in a category, worked out as triage does it.

use crate::render;
use gavel_candidates::candidate_of;
use gavel_contract::rest::{
    CategoryStanding, CategoryTier, DeclinedType, FactorView, HoldView, MissingView, NextTier, TermView,
    WinRate,
};
use gavel_domain::agent::Record;
use gavel_domain::ladder::{Ladder, Progress, mean_half_up};
use gavel_domain::rungs::{Hold, Missing, above, holds, missing};
use gavel_domain::{Timestamp, rungs};
use gavel_store::candidates::{Decline, Facts};
use gavel_triage::{Occasion, Policy, Rulebook, Terms, Weighed, weigh};
use std::collections::BTreeMap;

/// An agent's standing in the category that these facts are of.
pub(super) fn category(facts: &Facts, rules: &Rulebook, now: Timestamp) -> CategoryStanding {
    let (policy, ladder) = (rules.policy(), rules.policy().ladder());
    let candidate = candidate_of(facts.clone(), rules);
    let occasion = Occasion { now: now.timestamp(), specialist: false, health_fails: candidate.health_fails };
    let weighed = weigh(&candidate.standing, occasion, rules);
    let real_tasks = candidate.standing.real_tasks;
    let shown = facts.standing.as_ref().map(|standing| standing.progress.clone());
    let progress = shown.unwrap_or_else(|| Progress::new(real_tasks, &ladder));
    let view = progress.view(&ladder);
    CategoryStanding {
        tier: candidate.tier.name().to_owned(),
        dwell: progress.dwell,
        trend: view.trend.name().to_owned(),
        scores: view.scores,
        rolling: candidate.standing.rolling.map(share),
        benchmark: candidate.standing.benchmark.map(share),
        composite: share(weighed.composite),
        terms: terms(weighed.terms, policy),
        factors: factors(&weighed),
        weight: weighed.weight,
        win_rate: win_rate(&progress),
        next_tiers: next_tiers(&progress, real_tasks, &ladder),
        held_by: holds(&progress, &ladder).into_iter().map(hold).collect(),
    }
}

/// What is told of an agent's categories in a list.
pub(super) fn tiers(shown: &BTreeMap<String, Progress>) -> BTreeMap<String, CategoryTier> {
    let tier = |progress: &Progress| CategoryTier {
        tier: progress.tier.name().to_owned(),
        rolling: mean_half_up(&progress.scores).map(share),
        scores: progress.scores.len(),
    };
    shown.iter().map(|(category, progress)| (category.clone(), tier(progress))).collect()
}

/// The tier that is shown of an agent everywhere.
pub(super) fn badge(shown: &BTreeMap<String, Progress>, record: &Record, ladder: &Ladder) -> String {
    rungs::badge(shown.values(), record.real_tasks, ladder).name().to_owned()
}

pub(super) fn declined(decline: &Decline, policy: &Policy) -> DeclinedType {
    let until = decline.last_at + chrono::TimeDelta::days(policy.declines_days.into());
    DeclinedType {
        task_type: decline.task_type.clone(),
        in_a_row: decline.in_a_row,
        until: (decline.in_a_row >= policy.declines_max).then_some(until),
    }
}

fn terms(terms: Terms, policy: &Policy) -> Vec<TermView> {
    [
        ("rolling", terms.rolling, policy.rolling_percent),
        ("benchmark", terms.benchmark, policy.benchmark_percent),
        ("recency", terms.recency, policy.recency_percent),
        ("floor", terms.floor, policy.floor_percent),
    ]
    .into_iter()
    .map(|(term, value, weight_percent)| TermView {
        term: term.to_owned(),
        value: share(value),
        weight_percent,
        adds: render::rounded(share(value) * f64::from(weight_percent) / 100.0),
    })
    .collect()
}

fn factors(weighed: &Weighed) -> Vec<FactorView> {
    [
        ("reliability", milli(weighed.reliability_factor_milli)),
        ("newcomers_boost", f64::from(weighed.boost)),
        ("beta", milli(weighed.beta_milli)),
        ("failed_probes", milli(weighed.health_milli)),
    ]
    .into_iter()
    .map(|(factor, value)| FactorView { factor: factor.to_owned(), value })
    .collect()
}

fn win_rate(progress: &Progress) -> WinRate {
    let (wins, shown) = (progress.wins(), progress.shown.len() as u32);
    let share = (shown > 0).then(|| render::rounded(f64::from(wins) / f64::from(shown)));
    WinRate { wins, shown, share }
}

fn next_tiers(progress: &Progress, real_tasks: u32, ladder: &Ladder) -> Vec<NextTier> {
    let next = above(progress.tier).iter().map(|tier| NextTier {
        tier: tier.name().to_owned(),
        missing: missing(progress, *tier, real_tasks, ladder).into_iter().map(lack).collect(),
    });
    next.collect()
}

fn lack(missing: Missing) -> MissingView {
    let (have, need) = match missing {
        Missing::RealTasks { have, need }
        | Missing::Scores { have, need }
        | Missing::Shown { have, need } => (Some(f64::from(have)), f64::from(need)),
        Missing::Rolling { have, above } => (have.map(share), share(above)),
        Missing::Rising { by, .. } => (None, share(by)),
        Missing::WinRate { wins, shown, least_milli } => {
            (Some(render::rounded(f64::from(wins) / f64::from(shown.max(1)))), milli(least_milli))
        }
    };
    MissingView { what: missing.name().to_owned(), have, need, words: missing.to_string() }
}

fn hold(hold: Hold) -> HoldView {
    HoldView { what: hold.name().to_owned(), holds: hold.is_held(), words: hold.to_string() }
}

fn share(ppm: u32) -> f64 {
    f64::from(ppm) / 1e6
}

fn milli(milli: u32) -> f64 {
    f64::from(milli) / 1e3
}
