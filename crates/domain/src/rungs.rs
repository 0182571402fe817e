//! What an agent lacks for a higher tier, and what it holds its own by: the same conditions that [`crate::ladder`] decides
//! with, told one by one.

use crate::ladder::{Ladder, Progress, Tier, Trend};
use std::fmt;

/// Something that a tier asks for and an agent has not shown yet. Scores in parts per million, shares in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Real tasks.
    RealTasks {
        /// It has had so many.
        have: u32,
        /// And needs so many.
        need: u32,
    },
    /// Judged scores in the category.
    Scores {
        /// It has so many.
        have: u32,
        /// And needs so many.
        need: u32,
    },
    /// A higher rolling score.
    Rolling {
        /// It has this one; `None` before the first.
        have: Option<u32>,
        /// And needs one above this.
        above: u32,
    },
    /// Scores that rise.
    Rising {
        /// Where they are heading.
        trend: Trend,
        /// The latest scores have to be better by this than as many before them, in the mean.
        by: u32,
    },
    /// Bids that were shown to buyers.
    Shown {
        /// It had so many, of its last 50.
        have: u32,
        /// And needs so many.
        need: u32,
    },
    /// Being chosen more often.
    WinRate {
        /// It won so many
        wins: u32,
        /// of these.
        shown: u32,
        /// And needs this share.
        least_milli: u32,
    },
}

impl Missing {
    /// The word in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Missing::RealTasks { .. } => "real_tasks",
            Missing::Scores { .. } => "scores",
            Missing::Rolling { .. } => "rolling_score",
            Missing::Rising { .. } => "trend",
            Missing::Shown { .. } => "presented_bids",
            Missing::WinRate { .. } => "win_rate",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Missing::RealTasks { have, need } => {
                write!(f, "{} more real tasks: it has had {have} of {need}.", need.saturating_sub(have))
            }
            Missing::Scores { have, need } => write!(
                f,
                "{} more judged prototypes in this category: it has {have} of {need}.",
                need.saturating_sub(have)
            ),
            Missing::Rolling { have: None, above } => {
                write!(f, "A rolling score above {}: it has none yet.", score(above))
            }
            Missing::Rolling { have: Some(have), above } => {
                write!(f, "A rolling score above {}: it has {}.", score(above), score(have))
            }
            Missing::Rising { trend: Trend::Unknown, .. } => {
                write!(f, "Rising scores: there are too few yet to tell a trend.")
            }
            Missing::Rising { trend, by } => write!(
                f,
                "Rising scores: the latest have to be better by {} than as many before them; they are {}.",
                score(by),
                trend.name()
            ),
            Missing::Shown { have, need } => write!(
                f,
                "{} more bids that are presented to buyers: it had {have} of {need}.",
                need.saturating_sub(have)
            ),
            Missing::WinRate { wins, shown, least_milli } => write!(
                f,
                "Being chosen more often: it won {wins} of its last {shown} presented bids, and needs {}.",
                percent(least_milli)
            ),
        }
    }
}

/// The tiers above one, the next first.
pub const fn above(tier: Tier) -> &'static [Tier] {
    match tier {
        Tier::NewChallenger => &[Tier::Challenger],
        Tier::Challenger => &[Tier::RisingStar, Tier::TopPerformer],
        Tier::RisingStar => &[Tier::TopPerformer],
        Tier::TopPerformer => &[],
    }
}

/// What is missing for a tier. Nothing: the next event in the category (a judged prototype, a failed call) brings it.
pub fn missing(progress: &Progress, tier: Tier, real_tasks: u32, ladder: &Ladder) -> Vec<Missing> {
    let view = progress.view(ladder);
    let (wins, shown) = (progress.wins(), progress.shown.len() as u32);
    let rolling = |above| {
        let have = (view.scores > 0).then_some(view.rolling);
        (have.unwrap_or(0) <= above).then_some(Missing::Rolling { have, above })
    };
    let tasks = (real_tasks < ladder.newcomer_tasks)
        .then_some(Missing::RealTasks { have: real_tasks, need: ladder.newcomer_tasks });
    let scores = (view.scores < ladder.scores_min)
        .then_some(Missing::Scores { have: view.scores, need: ladder.scores_min });
    let rising =
        (view.trend != Trend::Rising).then_some(Missing::Rising { trend: view.trend, by: ladder.trend_ppm });
    let enough_shown =
        (shown < ladder.shown_min).then_some(Missing::Shown { have: shown, need: ladder.shown_min });
    let wins_enough = (enough_shown.is_none() && !view.win_strong).then_some(Missing::WinRate {
        wins,
        shown,
        least_milli: ladder.win_strong_milli,
    });
    let all = match tier {
        Tier::NewChallenger => vec![],
        Tier::Challenger => vec![tasks],
        Tier::RisingStar => vec![tasks, scores, rolling(ladder.star_above_ppm), rising],
        Tier::TopPerformer => vec![tasks, scores, rolling(ladder.top_above_ppm), enough_shown, wins_enough],
    };
    all.into_iter().flatten().collect()
}

/// Something that an agent holds its tier by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Its rolling score, as long as it is not below this.
    Rolling {
        /// It has this one.
        have: u32,
        /// And holds its tier with this one.
        least: u32,
    },
    /// Its trend, as long as it does not fall.
    Trend(Trend),
    /// The share of its presented bids that won; it counts once enough were shown.
    WinRate {
        /// It won so many
        wins: u32,
        /// of these.
        shown: u32,
        /// Fewer say nothing.
        shown_min: u32,
        /// It holds its tier with this share.
        least_milli: u32,
    },
    /// Events for which it keeps its tier whatever happens.
    Dwell {
        /// So many more, with the one that may lose it.
        left: u32,
    },
}

impl Hold {
    /// The word in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Hold::Rolling { .. } => "rolling_score",
            Hold::Trend(_) => "trend",
            Hold::WinRate { .. } => "win_rate",
            Hold::Dwell { .. } => "dwell",
        }
    }

    /// Whether it holds. When one of those that count does not, the tier is lost with the next event, unless it is kept by
    /// its dwell.
    pub const fn is_held(self) -> bool {
        match self {
            Hold::Rolling { have, least } => have >= least,
            Hold::Trend(trend) => !matches!(trend, Trend::Falling),
            Hold::WinRate { wins, shown, shown_min, least_milli } => {
                shown < shown_min || wins as u64 * 1000 >= least_milli as u64 * shown as u64
            }
            Hold::Dwell { left } => left > 0,
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Hold::Rolling { have, least } => {
                write!(f, "A rolling score below {} loses the tier; it has {}.", score(least), score(have))
            }
            Hold::Trend(trend) => write!(f, "Falling scores lose the tier; they are {}.", trend.name()),
            Hold::WinRate { wins, shown, shown_min, least_milli } => write!(
                f,
                "Winning less than {} of the last presented bids loses the tier, once there are {shown_min}; it won {wins} \
                 of {shown}.",
                percent(least_milli)
            ),
            Hold::Dwell { left: 0 } => {
                write!(f, "The tier can be lost with any judged prototype or failed call.")
            }
            Hold::Dwell { left } => {
                write!(
                    f,
                    "The tier is kept for the next {left} judged prototypes or failed calls whatever they bring."
                )
            }
        }
    }
}

/// What an agent holds its tier by; nothing for tiers that are not lost.
pub fn holds(progress: &Progress, ladder: &Ladder) -> Vec<Hold> {
    let view = progress.view(ladder);
    // The event that makes the dwell long enough may lose the tier.
    let left = ladder.dwell_min.saturating_sub(progress.dwell.saturating_add(1));
    let rolling = |least| Hold::Rolling { have: view.rolling, least };
    match progress.tier {
        Tier::NewChallenger | Tier::Challenger => Vec::new(),
        Tier::RisingStar => {
            vec![rolling(ladder.star_keeps_ppm), Hold::Trend(view.trend), Hold::Dwell { left }]
        }
        Tier::TopPerformer => {
            let (wins, shown) = (progress.wins(), progress.shown.len() as u32);
            let (shown_min, least_milli) = (ladder.shown_min, ladder.win_keep_milli);
            let wins = Hold::WinRate { wins, shown, shown_min, least_milli };
            vec![rolling(ladder.top_keeps_ppm), wins, Hold::Dwell { left }]
        }
    }
}

/// The tier that is shown of an agent everywhere: the best of the categories in which it has shown enough.
pub fn badge<'a>(
    categories: impl IntoIterator<Item = &'a Progress>,
    real_tasks: u32,
    ladder: &Ladder,
) -> Tier {
    let shown = categories
        .into_iter()
        .filter(|progress| progress.scores.len() as u64 >= u64::from(ladder.scores_min));
    shown.map(|progress| progress.tier).max().unwrap_or_else(|| Tier::without_history(real_tasks, ladder))
}

fn score(ppm: u32) -> String {
    format!("{:.3}", f64::from(ppm) / 1e6)
}

fn percent(milli: u32) -> String {
    format!("{} %", f64::from(milli) / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(tier: Tier, scores: &[u32], (wins, shown): (usize, usize), dwell: u32) -> Progress {
        Progress { scores: scores.to_vec(), shown: (0..shown).map(|n| n < wins).collect(), tier, dwell }
    }

    #[test]
    fn what_is_missing() {
        let check = |p: &Progress, tier, real_tasks, expected: &[&str]| {
            let words: Vec<_> =
                missing(p, tier, real_tasks, &Ladder::default()).iter().map(ToString::to_string).collect();
            assert_eq!(words, expected, "{p:?}");
        };
        let new = progress(Tier::NewChallenger, &[900_000; 3], (1, 2), 0);
        check(&new, Tier::Challenger, 4, &["6 more real tasks: it has had 4 of 10."]);
        let none = progress(Tier::Challenger, &[], (0, 0), 0);
        check(
            &none,
            Tier::RisingStar,
            12,
            &[
                "10 more judged prototypes in this category: it has 0 of 10.",
                "A rolling score above 0.750: it has none yet.",
                "Rising scores: there are too few yet to tell a trend.",
            ],
        );
        let flat = progress(Tier::Challenger, &[750_000; 20], (2, 20), 9);
        check(
            &flat,
            Tier::RisingStar,
            40,
            &[
                "A rolling score above 0.750: it has 0.750.",
                "Rising scores: the latest have to be better by 0.020 than as many before them; they are flat.",
            ],
        );
        check(
            &flat,
            Tier::TopPerformer,
            40,
            &[
                "A rolling score above 0.850: it has 0.750.",
                "Being chosen more often: it won 2 of its last 20 presented bids, and needs 25 %.",
            ],
        );
        let good = progress(Tier::RisingStar, &[900_000; 20], (3, 9), 9);
        check(&good, Tier::TopPerformer, 40, &["1 more bids that are presented to buyers: it had 9 of 10."]);
        let there = progress(Tier::RisingStar, &[900_000; 20], (3, 12), 9);
        check(&there, Tier::TopPerformer, 40, &[]);
    }

    /// Every history of a small world: where nothing is missing the ladder gives the tier, and where something is it does
    /// not.
    #[test]
    fn what_is_missing_is_what_the_ladder_asks_for() {
        let ladder = Ladder::default();
        let levels = [700_000, 751_000, 840_000, 851_000];
        let mut met = [0, 0];
        for (before, latest) in levels.iter().flat_map(|b| levels.iter().map(move |l| (*b, *l))) {
            for (n, wins, shown) in [(8, 3, 12), (10, 3, 12), (20, 2, 12), (20, 3, 12), (20, 9, 9)] {
                let scores = [vec![before; n / 2], vec![latest; n - n / 2]].concat();
                for target in [Tier::RisingStar, Tier::TopPerformer] {
                    let p = progress(Tier::Challenger, &scores, (wins, shown), 0);
                    let complete = missing(&p, target, 30, &ladder).is_empty();
                    let view = p.view(&ladder);
                    let asked = if target == Tier::TopPerformer {
                        view.is_top(&ladder)
                    } else {
                        view.is_star(&ladder)
                    };
                    assert_eq!(complete, asked, "{target:?} {p:?}");
                    met[usize::from(complete)] += 1;
                }
            }
        }
        assert!(met[0] > 9 && met[1] > 9, "{met:?}");
    }

    #[test]
    fn what_a_tier_is_held_by() {
        let ladder = Ladder::default();
        let held =
            |p: &Progress| holds(p, &ladder).iter().map(|h| (h.name(), h.is_held())).collect::<Vec<_>>();
        let top = progress(Tier::TopPerformer, &[830_000; 20], (3, 20), 4);
        assert_eq!(held(&top), [("rolling_score", true), ("win_rate", false), ("dwell", false)]);
        assert_eq!(top.after_failure(40, &ladder).tier, Tier::Challenger, "with the next event");
        let fresh = progress(Tier::TopPerformer, &[100_000; 20], (3, 9), 3);
        assert_eq!(held(&fresh), [("rolling_score", false), ("win_rate", true), ("dwell", true)]);
        assert_eq!(fresh.after_failure(40, &ladder).tier, Tier::TopPerformer, "once more");
        let falling: Vec<u32> = (0..20).map(|n| 900_000 - n * 9_000).collect();
        let star = progress(Tier::RisingStar, &falling, (0, 0), 9);
        assert_eq!(held(&star), [("rolling_score", true), ("trend", false), ("dwell", false)]);
        assert_eq!(held(&progress(Tier::Challenger, &[], (0, 0), 0)), []);
    }

    #[test]
    fn badges() {
        let ladder = Ladder::default();
        let good = progress(Tier::TopPerformer, &[900_000; 9], (9, 9), 0);
        let enough = progress(Tier::RisingStar, &[800_000; 10], (0, 0), 0);
        assert_eq!(badge([&good], 30, &ladder), Tier::Challenger, "too few scores");
        assert_eq!(badge([&good, &enough], 30, &ladder), Tier::RisingStar);
        assert_eq!(badge([], 3, &ladder), Tier::NewChallenger);
    }
}
