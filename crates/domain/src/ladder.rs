//! How far an agent has come in a category: what it has shown there, and the tier that follows. Tiers change only with
//! what an agent does, never with the clock alone, so that they can be worked out again from its history.

use crate::lifecycle::words;

/// How many judged scores make up the rolling score of a category.
pub const ROLLING_WINDOW: usize = 50;
/// How many bids that a buyer had to choose from make up the win rate of a category.
pub const SHOWN_WINDOW: usize = 50;

/// How far an agent has come in a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Tier {
    /// Fewer than ten real tasks.
    #[default]
    NewChallenger,
    /// Ten or more, nothing special yet.
    Challenger,
    /// Good and rising.
    RisingStar,
    /// Very good, and buyers choose it.
    TopPerformer,
}

impl Tier {
    /// All four, lowest first.
    pub const ALL: [Tier; 4] = [Tier::NewChallenger, Tier::Challenger, Tier::RisingStar, Tier::TopPerformer];
    /// The word in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Tier::NewChallenger => "new_challenger",
            Tier::Challenger => "challenger",
            Tier::RisingStar => "rising_star",
            Tier::TopPerformer => "top_performer",
        }
    }

    /// Where an agent stands in a category in which it has shown nothing yet.
    pub const fn without_history(real_tasks: u32, ladder: &Ladder) -> Tier {
        if real_tasks < ladder.newcomer_tasks { Tier::NewChallenger } else { Tier::Challenger }
    }
}
words!(Tier, "tier");

/// Where an agent's scores are heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trend {
    /// The latest are clearly better than those before them.
    Rising,
    /// About the same.
    Flat,
    /// Clearly worse.
    Falling,
    /// Too few to tell.
    Unknown,
}

impl Trend {
    /// All four.
    pub const ALL: [Trend; 4] = [Trend::Rising, Trend::Flat, Trend::Falling, Trend::Unknown];
    /// The word in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Trend::Rising => "rising",
            Trend::Flat => "flat",
            Trend::Falling => "falling",
            Trend::Unknown => "unknown",
        }
    }
}
words!(Trend, "trend");

/// What each rung asks for. Scores in parts per million, shares in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    /// Real tasks after which an agent is no newcomer.
    pub newcomer_tasks: u32,
    /// Judged scores in the category without which nobody rises above Challenger.
    pub scores_min: u32,
    /// The rolling score above which an agent may become a Top Performer.
    pub top_above_ppm: u32,
    /// The rolling score below which a Top Performer is none any more.
    pub top_keeps_ppm: u32,
    /// The rolling score above which a rising agent becomes a Rising Star.
    pub star_above_ppm: u32,
    /// The rolling score below which a Rising Star is none any more.
    pub star_keeps_ppm: u32,
    /// The share of shown bids that a Top Performer has to win.
    pub win_strong_milli: u32,
    /// The share with which it remains one.
    pub win_keep_milli: u32,
    /// Shown bids without which the share says nothing.
    pub shown_min: u32,
    /// Events in the category for which a tier is kept before it may be lost.
    pub dwell_min: u32,
    /// Scores that are compared with as many before them: at most this many.
    pub trend_scores_max: u32,
    /// And at least this many.
    pub trend_scores_min: u32,
    /// The difference of their means that is a trend.
    pub trend_ppm: u32,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            newcomer_tasks: 10,
            scores_min: 10,
            top_above_ppm: 850_000,
            top_keeps_ppm: 820_000,
            star_above_ppm: 750_000,
            star_keeps_ppm: 720_000,
            win_strong_milli: 250,
            win_keep_milli: 175,
            shown_min: 10,
            dwell_min: 5,
            trend_scores_max: 10,
            trend_scores_min: 5,
            trend_ppm: 20_000,
        }
    }
}

/// What an agent has shown in a category, and the tier it holds there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The judged scores, oldest first, in parts per million; the last 50.
    pub scores: Vec<u32>,
    /// The bids that a buyer had to choose from, oldest first: whether each won; the last 50.
    pub shown: Vec<bool>,
    /// The tier as of the latest event.
    pub tier: Tier,
    /// Events since the tier changed.
    pub dwell: u32,
}

impl Progress {
    /// Of an agent that has shown nothing here yet.
    pub fn new(real_tasks: u32, ladder: &Ladder) -> Self {
        Progress { tier: Tier::without_history(real_tasks, ladder), ..Progress::default() }
    }

    /// After a prototype was judged. `real_tasks` counts it already.
    #[must_use]
    pub fn after_score(mut self, score: u32, real_tasks: u32, ladder: &Ladder) -> Self {
        push(&mut self.scores, score, ROLLING_WINDOW);
        self.moved_on(real_tasks, ladder)
    }

    /// After a dispatch that failed. `real_tasks` counts it already.
    #[must_use]
    pub fn after_failure(self, real_tasks: u32, ladder: &Ladder) -> Self {
        self.moved_on(real_tasks, ladder)
    }

    /// After a buyer chose: whether this bid, of those that were shown, was it. No event for the tier.
    #[must_use]
    pub fn after_choice(mut self, won: bool) -> Self {
        push(&mut self.shown, won, SHOWN_WINDOW);
        self
    }

    fn moved_on(mut self, real_tasks: u32, ladder: &Ladder) -> Self {
        self.dwell = self.dwell.saturating_add(1);
        self.settled(real_tasks, ladder)
    }

    /// The tier after an event that is counted in `dwell` already.
    #[must_use]
    pub fn settled(mut self, real_tasks: u32, ladder: &Ladder) -> Self {
        let next = self.view(ladder).tier_after(&self, real_tasks, ladder);
        if next != self.tier {
            (self.tier, self.dwell) = (next, 0);
        }
        self
    }

    /// Of the shown bids, those that won.
    pub fn wins(&self) -> u32 {
        self.shown.iter().filter(|won| **won).count() as u32
    }

    /// What the ladder sees of it.
    pub fn view(&self, ladder: &Ladder) -> View {
        View::of(&self.scores, (self.wins(), self.shown.len() as u32), ladder)
    }
}

/// What decides about a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// How many scores there are.
    pub scores: u32,
    /// Their mean, in parts per million; 0 where there are none.
    pub rolling: u32,
    /// By how much the sum of the latest scores is above that of as many before; absent where there are too few.
    pub trend_sum: Option<i64>,
    /// Where the scores are heading.
    pub trend: Trend,
    /// Buyers choose it often enough for a Top Performer.
    pub win_strong: bool,
    /// And often enough to remain one.
    pub win_keep: bool,
}

impl View {
    /// From scores (oldest first), and how many of the shown bids won.
    pub fn of(scores: &[u32], (wins, shown): (u32, u32), ladder: &Ladder) -> View {
        let (trend_sum, trend) = trend(scores, ladder);
        let share = |milli: u32| u64::from(wins) * 1000 >= u64::from(milli) * u64::from(shown);
        View {
            scores: scores.len() as u32,
            rolling: mean_half_up(scores).unwrap_or(0),
            trend_sum,
            trend,
            win_strong: shown >= ladder.shown_min && share(ladder.win_strong_milli),
            win_keep: shown < ladder.shown_min || share(ladder.win_keep_milli),
        }
    }

    /// Whether it may become a Top Performer now.
    pub const fn is_top(&self, ladder: &Ladder) -> bool {
        self.scores >= ladder.scores_min && self.rolling > ladder.top_above_ppm && self.win_strong
    }

    /// Whether it may become a Rising Star now.
    pub const fn is_star(&self, ladder: &Ladder) -> bool {
        self.scores >= ladder.scores_min
            && self.rolling > ladder.star_above_ppm
            && matches!(self.trend, Trend::Rising)
    }

    /// The tier after an event that `progress` counts already. Rising asks for no dwelling.
    fn tier_after(&self, progress: &Progress, real_tasks: u32, ladder: &Ladder) -> Tier {
        if real_tasks < ladder.newcomer_tasks {
            return Tier::NewChallenger;
        }
        let dwelt = progress.dwell >= ladder.dwell_min;
        let star_or = |other| if self.is_star(ladder) { Tier::RisingStar } else { other };
        match progress.tier {
            Tier::TopPerformer if dwelt && self.loses_top(ladder) => star_or(Tier::Challenger),
            Tier::TopPerformer => Tier::TopPerformer,
            _ if self.is_top(ladder) => Tier::TopPerformer,
            Tier::RisingStar if dwelt && self.loses_star(ladder) => Tier::Challenger,
            Tier::RisingStar => Tier::RisingStar,
            Tier::NewChallenger | Tier::Challenger => star_or(Tier::Challenger),
        }
    }

    const fn loses_top(&self, ladder: &Ladder) -> bool {
        self.rolling < ladder.top_keeps_ppm || !self.win_keep
    }

    const fn loses_star(&self, ladder: &Ladder) -> bool {
        self.rolling < ladder.star_keeps_ppm || matches!(self.trend, Trend::Falling)
    }
}

/// The mean of scores, half a millionth rounded up; none of none.
pub fn mean_half_up(scores: &[u32]) -> Option<u32> {
    let n = scores.len() as u64;
    let sum: u64 = scores.iter().map(|s| u64::from(*s)).sum();
    let mean = (2 * sum + n).checked_div(2 * n)?;
    u32::try_from(mean).ok()
}

fn trend(scores: &[u32], ladder: &Ladder) -> (Option<i64>, Trend) {
    let half = (scores.len() / 2).min(ladder.trend_scores_max as usize);
    if half == 0 || half < ladder.trend_scores_min as usize {
        return (None, Trend::Unknown);
    }
    let (before, latest) = scores[scores.len() - 2 * half..].split_at(half);
    let sum = |scores: &[u32]| scores.iter().map(|s| i64::from(*s)).sum::<i64>();
    let difference = sum(latest) - sum(before);
    let enough = i64::from(ladder.trend_ppm) * half as i64;
    let trend = match difference {
        d if d >= enough => Trend::Rising,
        d if d <= -enough => Trend::Falling,
        _ => Trend::Flat,
    };
    (Some(difference), trend)
}

fn push<T>(ring: &mut Vec<T>, value: T, window: usize) {
    ring.push(value);
    let surplus = ring.len().saturating_sub(window);
    ring.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(scores: impl IntoIterator<Item = u32>, wins: u32, shown: u32) -> Progress {
        let ladder = Ladder::default();
        let mut progress = Progress::new(0, &ladder);
        progress.shown = (0..shown).map(|n| n < wins).collect();
        for (n, score) in scores.into_iter().enumerate() {
            progress = progress.after_score(score, n as u32 + 1, &ladder);
        }
        progress
    }

    #[test]
    fn nobody_leaves_the_newcomers_before_the_tenth_task() {
        assert_eq!(scored([950_000; 9], 9, 9).tier, Tier::NewChallenger);
        assert_eq!(scored([950_000; 10], 9, 10).tier, Tier::TopPerformer);
        assert_eq!(scored([500_000; 10], 0, 0).tier, Tier::Challenger);
    }

    #[test]
    fn a_tier_is_kept_for_a_while() {
        let ladder = Ladder::default();
        let mut top = scored([900_000; 10], 9, 10);
        assert_eq!((top.tier, top.dwell), (Tier::TopPerformer, 0));
        for n in 1..5 {
            top = top.after_score(0, 10 + n, &ladder);
            assert_eq!((top.tier, top.dwell), (Tier::TopPerformer, n));
        }
        top = top.after_score(0, 15, &ladder);
        assert_eq!((top.tier, top.dwell), (Tier::Challenger, 0));
    }

    #[test]
    fn failures_move_on_without_a_score() {
        let ladder = Ladder::default();
        let mut progress = Progress::new(0, &ladder);
        for n in 1..=10 {
            progress = progress.after_failure(n, &ladder);
        }
        assert_eq!((progress.tier, progress.scores.len()), (Tier::Challenger, 0));
    }

    #[test]
    fn windows_forget() {
        let progress = (0..60).fold(Progress::default(), |p, n| p.after_choice(n >= 50));
        assert_eq!((progress.shown.len(), progress.wins()), (50, 10));
        assert_eq!(scored(0..60, 0, 0).scores.first(), Some(&10));
    }
}
