//! Every number of the made-up market, each with its reason. Scores, prices and shares are between 0 and 1; a price is a
//! share of the budget.

/// Enough to see that a name in one category says nothing in another.
pub(crate) const CATEGORIES: usize = 4;
/// As in the catalogue, about.
pub(crate) const TYPES: usize = 5;
/// How many agents are asked where that is not the budget's to say; the oracle asks as many.
pub(crate) const AGENTS_ASKED: u8 = 5;
/// As many bids as the product presents.
pub(crate) const BIDS_PRESENTED: usize = 5;
/// The challengers' share, in thousandths: the product's default.
pub(crate) const EXPERIMENTATION_MILLI: u16 = 300;

/// Seconds from one task to the next, on average: 144 tasks a day, 36 in each category.
pub(crate) const TASK_EVERY_SECONDS: f64 = 600.0;
/// The middle budget, in minor units: the shipped rule then asks about 4.9 agents on average.
pub(crate) const BUDGET_MEDIAN_MINOR: f64 = 4_500.0;
/// How far budgets spread, as the deviation of their logarithm: few dear tasks carry much of the money.
pub(crate) const BUDGET_SPREAD: f64 = 0.9;
/// Below this nobody posts.
pub(crate) const BUDGET_MIN_MINOR: f64 = 1_000.0;
/// Above this a task is another kind of business.
pub(crate) const BUDGET_MAX_MINOR: f64 = 40_000.0;

/// An agent's quality in a category: mean and deviation over agents. So spread, some 4 in 100 are above 0.85: about as
/// many as the threshold for Top Performers was made for.
pub(crate) const QUALITY_MEAN: f64 = 0.66;
/// See there.
pub(crate) const QUALITY_DEVIATION: f64 = 0.11;
/// The part of that variance that an agent shows in all its categories alike: whoever writes well reads well.
pub(crate) const QUALITY_SHARED: f64 = 0.5;
/// How an agent differs from type to type within a category.
pub(crate) const TYPE_DEVIATION: f64 = 0.03;
/// What a specialist has more in its types: mostly true, little.
pub(crate) const SPECIALIST_MORE: f64 = 0.03;
/// The share of agents that declare types of theirs.
pub(crate) const SPECIALISTS: f64 = 0.3;
/// The share of agents whose developer has others: they share its payout account.
pub(crate) const FURTHER_AGENTS: f64 = 0.2;
/// The share of agents that work in a second category, and of those the share in a third: 1.6 on average.
pub(crate) const SECOND_CATEGORY: f64 = 0.45;
/// See there.
pub(crate) const THIRD_CATEGORY: f64 = 0.33;

/// How the same agent's work differs from task to task.
pub(crate) const TASK_DEVIATION: f64 = 0.06;
/// How the judge errs. With the former a score is 0.117 away from its agent's quality: the variance that `thompson`
/// begins with.
pub(crate) const JUDGE_DEVIATION: f64 = 0.10;
/// How many judged tasks a benchmark is worth: its tasks are few and alike, so that all of them together tell no more of
/// an agent in a category than one task does.
pub(crate) const BENCHMARK_TASKS: u32 = 1;

/// How an agent's quality moves in a day: models are updated, prompts change. With the next number an agent is some 0.06
/// away from where it began after a month.
pub(crate) const DRIFT_A_DAY: f64 = 0.015;
/// What a day leaves of the drift so far: nobody drifts away for good.
pub(crate) const DRIFT_KEPT: f64 = 0.98;
/// Days an agent stays, on average: after three weeks half of the market is new.
pub(crate) const STAYS_DAYS: f64 = 30.0;

/// The share of dispatches that agents answer with a valid bid, least and most.
pub(crate) const ANSWERS: (f64, f64) = (0.88, 1.0);
/// What agents ask for, as a share of the budget, least and most.
pub(crate) const PRICES: (f64, f64) = (0.3, 1.0);
/// How an agent's price differs from task to task.
pub(crate) const PRICE_DEVIATION: f64 = 0.06;
/// The lowest prices that agents work for at all, in minor units, least and most: some pass over small tasks.
pub(crate) const LOWEST_PRICES_MINOR: (f64, f64) = (0.0, 1_500.0);
/// How long agents take, in seconds: the middle, and the spread of the logarithm over agents.
pub(crate) const SECONDS_MEDIAN: f64 = 38.0;
/// See there.
pub(crate) const SECONDS_SPREAD: f64 = 0.5;
/// And from task to task.
pub(crate) const SECONDS_TASK_SPREAD: f64 = 0.3;

/// What a price of the whole budget takes from a bid's worth to its buyer.
pub(crate) const PRICE_MATTERS: f64 = 0.15;
/// What a wait of two minutes takes; one minute takes nothing.
pub(crate) const WAITING_MATTERS: f64 = 0.05;
/// What a bid must be worth to be bought rather than nothing. A task's utility is what the bought bid is worth above it.
pub(crate) const NOTHING_WORTH: f64 = 0.45;
/// How unsure buyers are: the scale of their softmax over the bids and over buying nothing. Of two bids 0.06 apart nearly
/// three buyers in four take the better one.
pub(crate) const BUYER_SCALE: f64 = 0.06;
/// A bid of this quality is good work.
pub(crate) const GOOD: f64 = 0.75;
/// An agent of this quality is great.
pub(crate) const GREAT: f64 = 0.85;
/// What one call costs its agent, in minor units: a prototype by a large model.
pub(crate) const CALL_COSTS_MINOR: f64 = 10.0;

/// How good cheats' work is.
pub(crate) const CHEAT_QUALITY: f64 = 0.45;
/// What dumpers ask for.
pub(crate) const DUMPING_PRICE: f64 = 0.15;
/// How long the fast take, in seconds.
pub(crate) const FAST_SECONDS: f64 = 5.0;
/// How good the work of judge-pleasers is: mediocre, as the text that judges like is.
pub(crate) const PLEASER_QUALITY: f64 = 0.55;
/// What the judge sees in it more than there is: twice as much as it errs by chance.
pub(crate) const PLEASER_MORE: f64 = 0.20;
/// What bench-gamers score in benchmarks.
pub(crate) const GAMED_BENCHMARK: f64 = 0.95;
/// Days a sybil stays: until about its boost is used up.
pub(crate) const SYBIL_DAYS: f64 = 3.0;

/// A newcomer is one that so many eligible tasks were watched of.
pub(crate) const NEWCOMER_WATCHED_TASKS: u32 = 300;
/// Of those, the first so many are left out of the share of tasks a newcomer gets: by then it may be known.
pub(crate) const NEWCOMER_UNKNOWN_TASKS: u32 = 50;
/// Calls after which a newcomer counts as found.
pub(crate) const NEWCOMER_CALLS: u32 = 10;
/// Agents with fewer eligible tasks are left out of the measures of exposure.
pub(crate) const EXPOSED_TASKS_MIN: u32 = 50;
/// Called less than this share of the mean rate, an agent starves.
pub(crate) const STARVED: f64 = 0.1;
