//! Runs a plan: every policy in every market, on all processors.

use crate::choose::Rules;
use crate::life::live;
use crate::season::Season;
use crate::tally::Figures;
use crate::world::World;
use crate::{Plan, PlanError, Report};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// Runs a plan. `progress` is told how many lives of how many are over, from any thread.
///
/// # Errors
/// The plan is one nobody could run.
pub fn run(plan: &Plan, progress: &(dyn Fn(u32, u32) + Sync)) -> Result<Report, PlanError> {
    plan.check()?;
    let rules: Vec<Rules> =
        plan.policies.iter().map(|policy| Rules::of(*policy)).collect::<Result<_, _>>()?;
    let total = plan.seeds * plan.policies.len() as u32;
    let (next, done) = (AtomicU32::new(0), AtomicU32::new(0));
    let results: Mutex<Vec<(u32, Vec<Figures>)>> = Mutex::new(Vec::new());
    let work = || {
        loop {
            let market = next.fetch_add(1, Ordering::Relaxed);
            if market >= plan.seeds {
                return;
            }
            let lived =
                lives(plan, &rules, market, &|| progress(done.fetch_add(1, Ordering::Relaxed) + 1, total));
            results.lock().unwrap_or_else(|broken| broken.into_inner()).push((market, lived));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(plan.seeds as usize);
    thread::scope(|scope| {
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    let mut results = results.into_inner().unwrap_or_else(|broken| broken.into_inner());
    results.sort_by_key(|(market, _)| *market); // whoever was first
    Ok(Report::of(plan, &results.into_iter().map(|(_, figures)| figures).collect::<Vec<_>>()))
}

/// Every policy's life in one market.
fn lives(plan: &Plan, rules: &[Rules], market: u32, over: &dyn Fn()) -> Vec<Figures> {
    let Some(any) = rules.first() else { return Vec::new() };
    let season = Season::of(World::of(plan, u64::from(market) + 1), any);
    let life = |rules| {
        let figures = live(&season, rules);
        over();
        figures
    };
    rules.iter().map(life).collect()
}
