//! What is counted of a policy in one market, and the figures made of it.

use crate::Kind;
use crate::books::Books;
use crate::fate::Sale;
use crate::model::*;
use crate::season::Season;
use gavel_triage::Tier;
use std::collections::BTreeMap;

/// The figures of one policy in one market. `None` where the market had nothing to count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    pub(crate) regret: f64,
    pub(crate) good_percent: f64,
    pub(crate) calls: f64,
    pub(crate) net_per_task: f64,
    pub(crate) exposure_gini: f64,
    pub(crate) starved_percent: f64,
    pub(crate) top_performers_percent: f64,
    pub(crate) newcomer_found_tasks: Option<f64>,
    pub(crate) newcomer_share_percent: Option<f64>,
    pub(crate) exposure: BTreeMap<Kind, f64>,
}

/// What is counted while a policy lives.
pub(crate) struct Tally {
    /// For each agent and each of its categories.
    exposed: Vec<Vec<Exposed>>,
    counted_from: i64,
    tasks: u32,
    lost: f64,
    good: u32,
    calls: u32,
    net_minor: f64,
    /// How often an eligible agent was no newcomer, and how often it was a Top Performer.
    ranked: u64,
    top_performers: u64,
    /// Calls, and how many there would have been by turns.
    kinds: BTreeMap<Kind, (f64, f64)>,
}

/// How an agent fared in a category since counting began.
#[derive(Debug, Clone, Copy, Default)]
struct Exposed {
    eligible: u32,
    called: u32,
    /// Eligible tasks until it had enough calls to be known.
    found_after: Option<u32>,
    /// Calls and eligible tasks once it may be known.
    later_called: u32,
    later_eligible: u32,
}

impl Tally {
    pub(crate) fn new(season: &Season) -> Tally {
        let agents = season.world.agents.iter();
        Tally {
            exposed: agents.map(|agent| vec![Exposed::default(); agent.homes.len()]).collect(),
            counted_from: season.world.counted_from(),
            tasks: 0,
            lost: 0.0,
            good: 0,
            calls: 0,
            net_minor: 0.0,
            ranked: 0,
            top_performers: 0,
            kinds: BTreeMap::new(),
        }
    }

    /// Counts a task, unless it is one of the first.
    pub(crate) fn count(
        &mut self,
        season: &Season,
        number: usize,
        asked: &[usize],
        sale: &Sale,
        books: &Books,
    ) {
        if number < season.world.warm_up {
            return;
        }
        let task = &season.world.tasks[number];
        let call = &season.calls[number];
        self.tasks += 1;
        self.lost += call.best_utility - sale.utility;
        self.good += u32::from(sale.bought.is_some_and(|bid| sale.fates[bid].quality >= GOOD));
        self.calls += asked.len() as u32;
        self.net_minor += task.budget_minor as f64 * sale.utility - CALL_COSTS_MINOR * asked.len() as f64;
        let fair = asked.len() as f64 / call.eligible.len().max(1) as f64;
        for agent in &call.eligible {
            let made = &season.world.agents[*agent];
            let Some(home) = made.home(task.category) else { continue };
            let called = asked.contains(agent);
            self.exposed[*agent][home].count(called);
            let tier = books.agents[*agent].homes[home].progress.tier;
            self.ranked += u64::from(tier != Tier::NewChallenger);
            self.top_performers += u64::from(tier == Tier::TopPerformer);
            let kind = self.kinds.entry(made.kind).or_default();
            *kind = (kind.0 + f64::from(u8::from(called)), kind.1 + fair);
        }
    }

    pub(crate) fn figures(&self, season: &Season) -> Figures {
        let tasks = f64::from(self.tasks.max(1));
        let rates = self.rates();
        let newcomers = self.great_newcomers(season);
        let found: Vec<f64> =
            newcomers.iter().map(|e| f64::from(e.found_after.unwrap_or(e.eligible))).collect();
        let later = |of: fn(&Exposed) -> u32| newcomers.iter().map(|e| f64::from(of(e))).sum::<f64>();
        let (later_called, later_eligible) = (later(|e| e.later_called), later(|e| e.later_eligible));
        Figures {
            regret: 1000.0 * self.lost / tasks,
            good_percent: 100.0 * f64::from(self.good) / tasks,
            calls: f64::from(self.calls) / tasks,
            net_per_task: self.net_minor / 100.0 / tasks,
            exposure_gini: gini(rates.clone()),
            starved_percent: starved(&rates),
            top_performers_percent: 100.0 * self.top_performers as f64 / self.ranked.max(1) as f64,
            newcomer_found_tasks: median(found),
            newcomer_share_percent: (later_eligible > 0.0).then(|| 100.0 * later_called / later_eligible),
            exposure: self.kinds.iter().map(|(kind, (calls, fair))| (*kind, calls / fair)).collect(),
        }
    }

    /// Calls for each eligible task, of all that were eligible often enough.
    fn rates(&self) -> Vec<f64> {
        let often = self.exposed.iter().flatten().filter(|e| e.eligible >= EXPOSED_TASKS_MIN);
        often.map(|e| f64::from(e.called) / f64::from(e.eligible)).collect()
    }

    /// The great ones that came while it was counted, and were watched long enough.
    fn great_newcomers(&self, season: &Season) -> Vec<Exposed> {
        let all = season.world.agents.iter().zip(&self.exposed);
        let new = all.filter(|(agent, _)| agent.kind == Kind::Honest && agent.comes_at >= self.counted_from);
        let homes = new.flat_map(|(agent, exposed)| agent.homes.iter().zip(exposed));
        homes
            .filter(|(home, exposed)| home.quality >= GREAT && exposed.eligible >= NEWCOMER_WATCHED_TASKS)
            .map(|(_, exposed)| *exposed)
            .collect()
    }
}

impl Exposed {
    fn count(&mut self, called: bool) {
        self.eligible += 1;
        self.called += u32::from(called);
        if self.called == NEWCOMER_CALLS && self.found_after.is_none() {
            self.found_after = Some(self.eligible);
        }
        if (NEWCOMER_UNKNOWN_TASKS + 1..=NEWCOMER_WATCHED_TASKS).contains(&self.eligible) {
            self.later_eligible += 1;
            self.later_called += u32::from(called);
        }
    }
}

/// 0 when all are called alike, towards 1 when one has all calls.
fn gini(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    let n = rates.len() as f64;
    let sum: f64 = rates.iter().sum();
    let weighted: f64 = rates.iter().zip(1_u32..).map(|(rate, rank)| rate * f64::from(rank)).sum();
    if sum > 0.0 { 2.0 * weighted / (n * sum) - (n + 1.0) / n } else { 0.0 }
}

fn starved(rates: &[f64]) -> f64 {
    let n = rates.len().max(1) as f64;
    let mean = rates.iter().sum::<f64>() / n;
    100.0 * rates.iter().filter(|rate| **rate < STARVED * mean).count() as f64 / n
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some((upper + lower) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-12, "{got} is not {wanted}");
    }

    #[test]
    fn measures_of_exposure() {
        close(gini(vec![0.5; 8]), 0.0);
        close(gini(vec![0.0, 0.0, 0.0, 1.0]), 0.75);
        close(gini(vec![1.0, 3.0]), 0.25);
        close(gini(Vec::new()), 0.0);
        close(starved(&[0.0, 0.05, 1.0, 1.0]), 50.0);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn a_newcomer_is_found_with_its_tenth_call() {
        let mut exposed = Exposed::default();
        (0..60).for_each(|n| exposed.count(n % 3 == 0));
        assert_eq!(exposed.found_after, Some(28));
        assert_eq!((exposed.later_eligible, exposed.later_called), (10, 3));
        assert_eq!((exposed.eligible, exposed.called), (60, 20));
    }
}
