//! What becomes of a task: the agents that are asked do what they can, the judge errs, the buyer takes one bid or none.
//! The luck belongs to the agent and the task: whoever asks an agent gets the same work.

use crate::Kind;
use crate::dice::Dice;
use crate::model::*;
use crate::world::{Agent, Home, Task, World, ppm};

/// What an agent made of a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fate {
    /// Whether a valid bid came.
    pub(crate) ok: bool,
    pub(crate) quality: f64,
    pub(crate) score_ppm: u32,
    pub(crate) price_minor: i64,
    pub(crate) took_ms: u64,
    /// What the bid is worth to the buyer.
    worth: f64,
    /// What it looks worth.
    looks: f64,
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sale {
    /// What each agent that was asked made of it, in their order.
    pub(crate) fates: Vec<Fate>,
    /// The bids that the buyer was shown, as indices.
    pub(crate) presented: Vec<usize>,
    /// The bid that was bought, as an index.
    pub(crate) bought: Option<usize>,
    /// What the buyer has of it beyond buying nothing.
    pub(crate) utility: f64,
}

/// What luck is named by, beside the task and the agent.
const WORK: u64 = 1;
const BUYER: u64 = 2;

/// What becomes of a task when these agents are asked.
pub(crate) fn sell(world: &World, task: usize, asked: &[usize]) -> Sale {
    let fates: Vec<Fate> = asked.iter().map(|agent| fate(world, task, *agent)).collect();
    let mut presented: Vec<usize> = (0..fates.len()).filter(|i| fates[*i].ok).collect();
    presented.sort_by_key(|i| (std::cmp::Reverse(fates[*i].score_ppm), world.agents[asked[*i]].number));
    presented.truncate(BIDS_PRESENTED);

    let mut dice = Dice::named(world.seed, [task as u64, 0, BUYER]);
    let nothing = NOTHING_WORTH + BUYER_SCALE * dice.gumbel();
    let best = presented.iter().copied().max_by(|a, b| fates[*a].looks.total_cmp(&fates[*b].looks));
    let bought = best.filter(|best| fates[*best].looks > nothing);
    let utility = bought.map_or(0.0, |bought| fates[bought].worth - NOTHING_WORTH);
    Sale { fates, presented, bought, utility }
}

fn fate(world: &World, number: usize, asked: usize) -> Fate {
    let (task, agent) = (&world.tasks[number], &world.agents[asked]);
    let mut dice = Dice::named(world.seed, [number as u64, asked as u64, WORK]);
    let ok = dice.happens(agent.answers);
    let able = agent.home(task.category).map_or(0.0, |home| able(agent, home, task));
    let quality = dice.normal(able, TASK_DEVIATION).clamp(0.0, 1.0);
    let pleasing = if agent.kind == Kind::JudgePleaser { PLEASER_MORE } else { 0.0 };
    let score = dice.normal(quality + pleasing + world.judge_shift, JUDGE_DEVIATION);
    let price = dice.normal(agent.price, PRICE_DEVIATION).clamp(0.05, 1.0);
    let price_minor =
        ((price * task.budget_minor as f64) as i64).max(agent.lowest_price_minor).min(task.budget_minor);
    let seconds = agent.seconds * libm::exp(dice.normal(0.0, SECONDS_TASK_SPREAD));
    let worth = worth(quality, price_minor as f64 / task.budget_minor as f64, seconds);
    Fate {
        ok,
        quality,
        score_ppm: ppm(score),
        price_minor,
        took_ms: (seconds * 1000.0) as u64,
        worth,
        looks: worth + BUYER_SCALE * dice.gumbel(),
    }
}

/// What asking an agent is worth, to somebody who knows it.
pub(crate) fn expected(agent: &Agent, task: &Task) -> f64 {
    let able = agent.home(task.category).map_or(0.0, |home| able(agent, home, task));
    let lowest = agent.lowest_price_minor as f64 / task.budget_minor as f64;
    agent.answers * (worth(able, agent.price.max(lowest), agent.seconds) - NOTHING_WORTH)
}

fn able(agent: &Agent, home: usize, task: &Task) -> f64 {
    let home: &Home = &agent.homes[home];
    agent.quality(home, task.task_type, task.at)
}

fn worth(quality: f64, price: f64, seconds: f64) -> f64 {
    let waiting = ((seconds - 60.0) / 60.0).clamp(0.0, 1.0);
    quality - PRICE_MATTERS * price - WAITING_MATTERS * waiting
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Plan, Scenario};

    fn world(plan: &Plan) -> World {
        World::of(plan, 11)
    }

    fn plan() -> Plan {
        Plan { scenario: Scenario::Gaming, tasks: 200, ..Plan::default() }
    }

    /// Agents at home in the category of a task.
    fn at_home(world: &World, task: usize, kind: Kind) -> Vec<usize> {
        let category = world.tasks[task].category;
        let of = |agent: &Agent| agent.kind == kind && agent.home(category).is_some();
        (0..world.agents.len()).filter(|i| of(&world.agents[*i])).collect()
    }

    #[test]
    fn an_agent_does_the_same_work_whoever_else_is_asked() {
        let world = world(&plan());
        let agents = at_home(&world, 7, Kind::Honest);
        let alone = sell(&world, 7, &agents[..1]);
        let among = sell(&world, 7, &agents[..6]);
        assert_eq!(alone.fates[0], among.fates[0]);
        assert!(among.presented.len() <= BIDS_PRESENTED);
    }

    #[test]
    fn scores_scatter_as_the_policy_was_told() {
        let world = world(&plan());
        let agent = at_home(&world, 0, Kind::Honest)[0];
        let category = world.tasks[0].category;
        let alike = (0..world.tasks.len()).filter(|t| world.tasks[*t].category == category);
        let off: Vec<f64> = alike
            .map(|t| {
                let able = able(&world.agents[agent], 0, &world.tasks[t]);
                f64::from(fate(&world, t, agent).score_ppm) / 1e6 - able
            })
            .collect();
        let variance = off.iter().map(|o| o * o).sum::<f64>() / off.len() as f64;
        assert!((0.010..0.017).contains(&variance), "{variance}");
    }

    #[test]
    fn cheats_are_what_they_are_called() {
        let world = world(&plan());
        let fates = |kind| -> Vec<Fate> {
            (0..60)
                .flat_map(|t| at_home(&world, t, kind).into_iter().map(move |a| (t, a)))
                .map(|(t, a)| fate(&world, t, a))
                .collect()
        };
        assert!(fates(Kind::AlwaysFailing).iter().all(|fate| !fate.ok));
        assert!(fates(Kind::FastPoor).iter().all(|fate| fate.took_ms < 30_000));
        let mean = |kind, of: fn(&Fate) -> f64| {
            let fates = fates(kind);
            fates.iter().map(of).sum::<f64>() / fates.len() as f64
        };
        let score = |fate: &Fate| f64::from(fate.score_ppm) / 1e6;
        assert!(mean(Kind::JudgePleaser, score) > mean(Kind::JudgePleaser, |fate| fate.quality) + 0.2);
        assert!(mean(Kind::Honest, |fate| fate.quality) > mean(Kind::Dumper, |fate| fate.quality) + 0.1);
    }

    #[test]
    fn another_judge_shifts_scores_and_nothing_else() {
        let (world, harsh) = (world(&plan()), world(&Plan { judge_shift: -0.1, ..plan() }));
        let agent = at_home(&world, 3, Kind::Honest)[0];
        let (before, after) = (fate(&world, 3, agent), fate(&harsh, 3, agent));
        assert_eq!((before.quality, before.price_minor), (after.quality, after.price_minor));
        assert!(before.score_ppm.abs_diff(after.score_ppm).abs_diff(100_000) < 2 || after.score_ppm == 0);
        let benchmark = |world: &World| world.agents[agent].homes[0].benchmark_ppm;
        assert!(benchmark(&harsh) < benchmark(&world));
    }
}
