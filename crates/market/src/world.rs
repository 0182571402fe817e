//! A market as nobody in it sees it: all agents that will ever come, with what they can do, and all tasks.

use crate::dice::Dice;
use crate::model::*;
use crate::{Kind, Plan, Scenario};

/// A market, the same for every policy.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) judge_shift: f64,
    pub(crate) tasks: Vec<Task>,
    /// Tasks before those that are counted.
    pub(crate) warm_up: usize,
    /// In the order in which they come.
    pub(crate) agents: Vec<Agent>,
}

/// What a buyer asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    /// Seconds since the market opened.
    pub(crate) at: i64,
    pub(crate) category: usize,
    pub(crate) task_type: usize,
    pub(crate) budget_minor: i64,
}

/// An agent as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agent {
    pub(crate) kind: Kind,
    /// The number the draw knows it by.
    pub(crate) number: u64,
    /// Where its money would go.
    pub(crate) account: u32,
    pub(crate) account_name: String,
    pub(crate) comes_at: i64,
    pub(crate) goes_at: i64,
    /// What it is in each category it declares.
    pub(crate) homes: Vec<Home>,
    /// The share of dispatches it answers with a valid bid.
    pub(crate) answers: f64,
    /// What it asks for, as a share of the budget.
    pub(crate) price: f64,
    pub(crate) lowest_price_minor: i64,
    pub(crate) seconds: f64,
    /// What it has drifted by each day of its stay.
    drift: Vec<f64>,
}

/// An agent in a category.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Home {
    pub(crate) category: usize,
    pub(crate) quality: f64,
    /// What it has more or less in each type.
    pub(crate) types: [f64; TYPES],
    pub(crate) specialist: [bool; TYPES],
    pub(crate) benchmark_ppm: u32,
}

/// All of one operator's sybils are paid here.
const SYBILS_ACCOUNT: u32 = u32::MAX;
const DAY: f64 = 86_400.0;

impl World {
    /// The market of a seed.
    pub(crate) fn of(plan: &Plan, seed: u64) -> World {
        let mut dice = Dice::new(seed);
        let warm_up = plan.scenario.warm_up_tasks();
        let tasks = tasks(&mut dice, warm_up + plan.tasks);
        let end = tasks.last().map_or(0, |task| task.at);
        let mut settlers =
            Settlers { dice: Dice::new(dice.next()), shift: plan.judge_shift, end, agents: Vec::new() };
        settlers.settle(plan.scenario);
        let mut agents = settlers.agents;
        agents.sort_by_key(|agent| (agent.comes_at, agent.number));
        World { seed, judge_shift: plan.judge_shift, tasks, warm_up: warm_up as usize, agents }
    }

    /// When counting begins.
    pub(crate) fn counted_from(&self) -> i64 {
        self.tasks.get(self.warm_up).filter(|_| self.warm_up > 0).map_or(0, |task| task.at)
    }
}

impl Agent {
    /// What it can do in one of its categories and a type, at a time.
    pub(crate) fn quality(&self, home: &Home, task_type: usize, at: i64) -> f64 {
        let day = ((at - self.comes_at) as f64 / DAY) as usize;
        let drift = self.drift.get(day).or(self.drift.last()).copied().unwrap_or(0.0);
        home.quality + home.types[task_type] + drift
    }

    pub(crate) fn home(&self, category: usize) -> Option<usize> {
        self.homes.iter().position(|home| home.category == category)
    }
}

fn tasks(dice: &mut Dice, count: u32) -> Vec<Task> {
    let mut at = 0.0;
    let mut tasks = Vec::with_capacity(count as usize);
    for _ in 0..count {
        at += dice.exponential(TASK_EVERY_SECONDS);
        let budget = BUDGET_MEDIAN_MINOR * libm::exp(dice.normal(0.0, BUDGET_SPREAD));
        tasks.push(Task {
            at: at as i64,
            category: dice.below(CATEGORIES),
            task_type: dice.below(TYPES),
            budget_minor: budget.clamp(BUDGET_MIN_MINOR, BUDGET_MAX_MINOR) as i64,
        });
    }
    tasks
}

/// Who comes and goes.
struct Settlers {
    dice: Dice,
    shift: f64,
    end: i64,
    agents: Vec<Agent>,
}

impl Settlers {
    fn settle(&mut self, scenario: Scenario) {
        let categories_each = 1.0 + SECOND_CATEGORY * (1.0 + THIRD_CATEGORY);
        let honest = f64::from(scenario.honest_per_category()) * CATEGORIES as f64 / categories_each;
        for _ in 0..honest as usize {
            self.honest(0.0);
        }
        // As many come as go: the market keeps its size.
        let mut at = self.dice.exponential(STAYS_DAYS * DAY / honest);
        while at < self.end as f64 {
            self.honest(at);
            at += self.dice.exponential(STAYS_DAYS * DAY / honest);
        }
        for kind in Kind::CHEATS {
            for place in 0..scenario.cheats_per_category() as usize * CATEGORIES {
                self.cheats(kind, place % CATEGORIES);
            }
        }
    }

    fn honest(&mut self, at: f64) {
        let stays = self.dice.exponential(STAYS_DAYS * DAY);
        let categories = self.categories();
        let shared = self.dice.normal(0.0, QUALITY_DEVIATION * QUALITY_SHARED.sqrt());
        let mut homes = Vec::new();
        let specialist = self.dice.happens(SPECIALISTS);
        for category in categories {
            let own = self.dice.normal(0.0, QUALITY_DEVIATION * (1.0 - QUALITY_SHARED).sqrt());
            homes.push(self.home(category, QUALITY_MEAN + shared + own, specialist));
        }
        let account = self.account();
        let agent = self.agent(Kind::Honest, at, at + stays, account, homes);
        self.agents.push(agent);
    }

    /// Its own, or that of the developer who came before it.
    fn account(&mut self) -> u32 {
        let last = self.agents.last().map(|agent| agent.account);
        let further = self.dice.happens(FURTHER_AGENTS);
        last.filter(|_| further).unwrap_or_else(|| self.new_account())
    }

    fn new_account(&self) -> u32 {
        self.agents.len() as u32
    }

    fn categories(&mut self) -> Vec<usize> {
        let first = self.dice.below(CATEGORIES);
        let mut categories = vec![first];
        if self.dice.happens(SECOND_CATEGORY) {
            categories.push((first + 1) % CATEGORIES);
            if self.dice.happens(THIRD_CATEGORY) {
                categories.push((first + 2) % CATEGORIES);
            }
        }
        categories
    }

    /// A place of a kind of cheat: as one goes the next comes.
    fn cheats(&mut self, kind: Kind, category: usize) {
        let mut at = 0.0;
        while at < self.end as f64 {
            let goes = at + self.cheat_stays(kind) * DAY;
            let account = match kind {
                Kind::SybilOneAccount => SYBILS_ACCOUNT,
                _ => self.new_account(),
            };
            let quality = if kind == Kind::JudgePleaser { PLEASER_QUALITY } else { CHEAT_QUALITY };
            let home = self.home(category, quality, false);
            let cheat = self.agent(kind, at, goes, account, vec![home]);
            self.agents.push(cheating(cheat));
            at = goes;
        }
    }

    fn cheat_stays(&mut self, kind: Kind) -> f64 {
        match kind {
            Kind::SybilOneAccount | Kind::SybilManyAccounts => SYBIL_DAYS * self.dice.between(0.5, 1.5),
            _ => self.dice.exponential(STAYS_DAYS).max(1.0),
        }
    }

    fn home(&mut self, category: usize, quality: f64, specialist: bool) -> Home {
        let types: [f64; TYPES] = std::array::from_fn(|_| self.dice.normal(0.0, TYPE_DEVIATION));
        let own = self.dice.below(TYPES);
        let specialist: [bool; TYPES] = std::array::from_fn(|of| specialist && of == own);
        let types = std::array::from_fn(|of| types[of] + if specialist[of] { SPECIALIST_MORE } else { 0.0 });
        let benchmark_ppm = self.benchmark(quality);
        Home { category, quality, types, specialist, benchmark_ppm }
    }

    /// The benchmark is as noisy as tasks and their judging are.
    fn benchmark(&mut self, quality: f64) -> u32 {
        let noise = (TASK_DEVIATION * TASK_DEVIATION + JUDGE_DEVIATION * JUDGE_DEVIATION).sqrt();
        let scores = (0..BENCHMARK_TASKS).map(|_| ppm(self.dice.normal(quality + self.shift, noise)));
        scores.sum::<u32>() / BENCHMARK_TASKS
    }

    fn agent(&mut self, kind: Kind, comes: f64, goes: f64, account: u32, homes: Vec<Home>) -> Agent {
        let dice = &mut self.dice;
        Agent {
            kind,
            number: dice.next(),
            account,
            account_name: format!("account-{account}"),
            comes_at: comes as i64,
            goes_at: goes as i64,
            homes,
            answers: dice.between(ANSWERS.0, ANSWERS.1),
            price: dice.between(PRICES.0, PRICES.1),
            lowest_price_minor: dice.between(LOWEST_PRICES_MINOR.0, LOWEST_PRICES_MINOR.1) as i64,
            seconds: SECONDS_MEDIAN * libm::exp(dice.normal(0.0, SECONDS_SPREAD)),
            drift: drift(dice, ((goes.min(self.end as f64) - comes) / DAY).ceil().max(1.0) as usize),
        }
    }
}

fn drift(dice: &mut Dice, days: usize) -> Vec<f64> {
    let mut drift = 0.0;
    let day = |_| {
        let today = drift;
        drift = DRIFT_KEPT * drift + dice.normal(0.0, DRIFT_A_DAY);
        today
    };
    (0..days).map(day).collect()
}

/// The same agent with what its kind does otherwise.
fn cheating(mut agent: Agent) -> Agent {
    match agent.kind {
        Kind::FastPoor => agent.seconds = FAST_SECONDS,
        Kind::Dumper => (agent.price, agent.lowest_price_minor) = (DUMPING_PRICE, 0),
        Kind::JudgePleaser => {
            for home in &mut agent.homes {
                home.benchmark_ppm = ppm(f64::from(home.benchmark_ppm) / 1e6 + PLEASER_MORE);
            }
        }
        Kind::BenchGamer => {
            for home in &mut agent.homes {
                home.benchmark_ppm = ppm(GAMED_BENCHMARK);
            }
        }
        Kind::AlwaysFailing => agent.answers = 0.0,
        Kind::Honest | Kind::SybilOneAccount | Kind::SybilManyAccounts => {}
    }
    agent
}

/// A score as the product keeps it.
pub(crate) fn ppm(score: f64) -> u32 {
    (score.clamp(0.0, 1.0) * 1e6 + 0.5) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(scenario: Scenario) -> World {
        World::of(&Plan { scenario, tasks: 2_000, ..Plan::default() }, 5)
    }

    #[test]
    fn a_market_keeps_its_size() {
        let world = world(Scenario::Mature);
        for at in [0, world.counted_from(), world.tasks.last().unwrap().at] {
            let here = world.agents.iter().filter(|a| a.comes_at <= at && at < a.goes_at);
            let homes: usize = here.map(|agent| agent.homes.len()).sum();
            assert!((60..105).contains(&(homes / CATEGORIES)), "{} in a category", homes / CATEGORIES);
        }
    }

    #[test]
    fn few_are_great() {
        let world = world(Scenario::Mature);
        let homes: Vec<&Home> = world.agents.iter().flat_map(|agent| &agent.homes).collect();
        let great = homes.iter().filter(|home| home.quality >= GREAT).count() as f64 / homes.len() as f64;
        assert!((0.01..0.08).contains(&great), "{great}");
    }

    #[test]
    fn cheats_are_in_the_gaming_market_alone() {
        let of = |scenario, kind| world(scenario).agents.iter().filter(|agent| agent.kind == kind).count();
        for kind in Kind::CHEATS {
            assert_eq!(of(Scenario::Mature, kind), 0);
            assert!(of(Scenario::Gaming, kind) >= 4 * CATEGORIES, "{}", kind.name());
        }
        assert!(of(Scenario::Gaming, Kind::SybilOneAccount) > 3 * of(Scenario::Gaming, Kind::Dumper));
    }
}
