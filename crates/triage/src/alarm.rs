//! Does the ladder still tell good agents from the best? Where a judge has become milder or stricter, the share of Top
//! Performers shows it first.

/// Which share of Top Performers is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmRules {
    /// Below this share, in thousandths, too few are.
    pub top_share_low_milli: u32,
    /// Above this share too many are.
    pub top_share_high_milli: u32,
    /// With fewer agents a share says nothing: one agent more or less would move it out of its range.
    pub agents_min: u32,
}

impl Default for AlarmRules {
    fn default() -> Self {
        AlarmRules { top_share_low_milli: 20, top_share_high_milli: 60, agents_min: 100 }
    }
}

/// How many agents of a category stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// That declare it.
    pub agents: u32,
    /// Of those that may be asked, how many have enough scores for a tier above Challenger.
    pub scored: u32,
    /// And are Top Performers.
    pub top: u32,
}

impl Census {
    /// The share of Top Performers, in thousandths, to the nearest; `None` where nobody has enough scores.
    pub fn top_share_milli(&self) -> Option<u32> {
        let (top, scored) = (u64::from(self.top.min(self.scored)), u64::from(self.scored));
        u32::try_from((2000 * top + scored).checked_div(2 * scored)?).ok()
    }
}

/// What is wrong with a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// Too few Top Performers.
    TooFew,
    /// Too many.
    TooMany,
}

impl Alarm {
    /// The word in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Alarm::TooFew => "too_few_top_performers",
            Alarm::TooMany => "too_many_top_performers",
        }
    }

    /// What an operator may look at.
    pub const fn advice(self) -> &'static str {
        match self {
            Alarm::TooFew => {
                "The judge may have become stricter, or buyers choose evenly among many: look at the mean score of recent \
                 bids, and at win rates, before you move top_above_ppm or win_strong_milli."
            }
            Alarm::TooMany => {
                "The judge may have become milder, or nearly all agents of the category are good: look at the mean score of \
                 recent bids before you move top_above_ppm or win_strong_milli."
            }
        }
    }
}

/// Whether a category needs an operator's eye.
pub fn alarm(census: &Census, rules: &AlarmRules) -> Option<Alarm> {
    if census.scored < rules.agents_min.max(1) {
        return None;
    }
    // Compared without division: the borders belong to what is right.
    let (top, scored) = (u64::from(census.top) * 1000, u64::from(census.scored));
    if top < scored * u64::from(rules.top_share_low_milli) {
        Some(Alarm::TooFew)
    } else if top > scored * u64::from(rules.top_share_high_milli) {
        Some(Alarm::TooMany)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ladder, Progress, Tier};

    #[test]
    fn shares_and_alarms() {
        let check = |scored, top, share, expected| {
            let census = Census { agents: scored + 7, scored, top };
            assert_eq!((census.top_share_milli(), alarm(&census, &AlarmRules::default())), (share, expected));
        };
        check(0, 0, None, None);
        check(99, 50, Some(505), None); // too few agents to tell
        check(100, 0, Some(0), Some(Alarm::TooFew));
        check(100, 1, Some(10), Some(Alarm::TooFew));
        check(100, 2, Some(20), None);
        check(100, 6, Some(60), None);
        check(100, 7, Some(70), Some(Alarm::TooMany));
        check(1000, 19, Some(19), Some(Alarm::TooFew));
        check(3, 2, Some(667), None);
        let eager = AlarmRules { agents_min: 0, ..AlarmRules::default() };
        assert_eq!(alarm(&Census::default(), &eager), None);
        assert_eq!(alarm(&Census { agents: 1, scored: 1, top: 1 }, &eager), Some(Alarm::TooMany));
    }

    /// Agents whose skills lie between 0.60 and 0.86, each with its scores around its skill; the best are chosen most.
    fn market(shift: i32) -> Census {
        let ladder = Ladder::default();
        let agents = 400_u32;
        let grown = (0..agents).map(|n| {
            let skill = 600_000 + 260_000 * n / agents;
            let mut progress = Progress::new(0, &ladder);
            for task in 1..=30_u32 {
                let noise = ((n * 7 + task * 13) % 21) as i32 - 10;
                let score = (skill as i32 + noise * 4_000 + shift).clamp(0, 1_000_000);
                let won = (n * 3 + task * 5) % 100 < 8 + 30 * n / agents;
                progress = progress.after_choice(won).after_score(score.cast_unsigned(), task, &ladder);
            }
            progress.tier
        });
        let top = grown.filter(|tier| *tier == Tier::TopPerformer).count() as u32;
        Census { agents, scored: agents, top }
    }

    #[test]
    fn a_judge_that_has_moved_raises_the_alarm() {
        let rules = AlarmRules::default();
        assert_eq!(alarm(&market(0), &rules), None, "{:?}", market(0));
        assert_eq!(
            alarm(&market(-100_000), &rules),
            Some(Alarm::TooFew),
            "stricter by 0.10: {:?}",
            market(-100_000)
        );
        assert_eq!(
            alarm(&market(100_000), &rules),
            Some(Alarm::TooMany),
            "milder by 0.10: {:?}",
            market(100_000)
        );
    }
}
