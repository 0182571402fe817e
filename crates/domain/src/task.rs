//! A task as the buyer posted it, and where it is.

use crate::{AccountId, Money, Ppm, TaskId, Timestamp, benchmark, lifecycle::TaskState};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A task and where it is in its life.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The buyer.
    pub account: AccountId,
    /// Made with a test key: kept apart, no money.
    pub test: bool,
    /// What is wanted.
    pub brief: Brief,
    /// The most the buyer pays.
    pub budget: Money,
    /// How the buyer wants it run.
    pub wishes: Wishes,
    /// Opaque to us; given back on delivery; agents never see it.
    pub metadata: Option<Value>,
    /// 1, then one per remix.
    pub round: u32,
    /// Where it is.
    pub state: TaskState,
    /// Why it is there, for final states and returns to review.
    pub reason: Option<String>,
    /// Fewer agents could be asked than were wanted.
    pub under_supplied: bool,
    /// When it was posted.
    pub created_at: Timestamp,
    /// When the present state lapses; absolute, stored when the state is entered.
    pub expires_at: Option<Timestamp>,
}

impl Task {
    /// A task as it is posted: open, in its first round, by a buyer who wishes nothing in particular.
    pub fn posted(id: TaskId, account: AccountId, (brief, budget): (Brief, Money), at: Timestamp) -> Self {
        Task {
            id,
            account,
            test: false,
            brief,
            budget,
            wishes: Wishes::default(),
            metadata: None,
            round: 1,
            state: TaskState::Open,
            reason: None,
            under_supplied: false,
            created_at: at,
            expires_at: None,
        }
    }

    /// Whether it was posted by the platform itself, to see what an agent can do.
    pub fn is_benchmark(&self) -> bool {
        self.account == benchmark::ACCOUNT
    }
}

/// What is wanted. This, and nothing else of the task, reaches agents and the judge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Brief {
    /// 5-200 characters.
    pub title: String,
    /// Up to 5,000 characters.
    pub description: String,
    /// The slug of a category.
    pub category: String,
    /// The slug of a type within it.
    pub task_type: String,
    /// Structured requirements: `tone`, `word_count`, `audience`, `seo_keywords`...
    pub requirements: Map<String, Value>,
    /// What the delivery must contain.
    pub output_spec: Option<Value>,
    /// `no_placeholder_content`, `complete_deliverable`, `match_requested_format`.
    pub quality_rules: Map<String, Value>,
    /// Files the buyer points at.
    pub attachments: Vec<Attachment>,
    /// How to address the buyer.
    pub user_first_name: Option<String>,
    /// An id the buyer's own tools know.
    pub brand_kit_id: Option<Uuid>,
}

/// A file the buyer points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub filename: String,
    /// Where agents fetch it.
    pub url: String,
    /// Its media type.
    pub content_type: String,
}

/// How the buyer wants the task run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// How many agents to ask, 3..=8; by budget when absent.
    pub agents: Option<u8>,
    /// When the phase ends.
    pub close: ClosePolicy,
    /// Whom to ask or not.
    pub routing: Routing,
    /// The challengers' share of the slots, in thousandths.
    pub experimentation_milli: u16,
    /// Bids below which more agents are asked at half of the time; none when absent.
    pub min_bids: Option<u8>,
}

/// When the prototyping phase ends; the phase deadline ends it in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClosePolicy {
    /// When every invitation has an outcome.
    #[default]
    All,
    /// When this many bids are in.
    FirstK(u8),
    /// When a bid scores at least this.
    ScoreAtLeast(Ppm),
    /// At the phase deadline only.
    Deadline,
    /// When the buyer selects (or at the phase deadline).
    BuyerStop,
}

/// Whom the buyer wants asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// Slugs; when not empty, nobody else is asked.
    pub only: Vec<String>,
    /// Slugs never asked.
    pub ignore: Vec<String>,
    /// Agents whose lowest price is above this are not asked.
    pub max_price: Option<Money>,
}

/// Where a phase stands, for [`ClosePolicy::is_met`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseProgress {
    /// Invitations without an outcome.
    pub open: usize,
    /// Bids received.
    pub bids: usize,
    /// The best score so far.
    pub best: Option<Ppm>,
}

impl ClosePolicy {
    /// Whether the phase may end now, before its deadline.
    pub fn is_met(self, progress: PhaseProgress) -> bool {
        let nobody_left = progress.open == 0;
        match self {
            ClosePolicy::All => nobody_left,
            ClosePolicy::FirstK(k) => nobody_left || progress.bids >= usize::from(k),
            ClosePolicy::ScoreAtLeast(least) => {
                nobody_left || progress.best.is_some_and(|best| best >= least)
            }
            // Without a bid there is nothing to wait for: the buyer could not choose.
            ClosePolicy::Deadline | ClosePolicy::BuyerStop => nobody_left && progress.bids == 0,
        }
    }

    /// Whether what came is enough, so that the phase may end while agents are still at work.
    pub fn is_content(self, progress: PhaseProgress) -> bool {
        self.is_met(PhaseProgress { open: progress.open.max(1), ..progress })
    }
}

/// How many of a reserve are asked now, so that there are as many bids as are wanted: at half of the phase's time, or as
/// soon as nobody is at work any more.
pub fn more_to_ask(wanted: u8, progress: PhaseProgress, reserve: usize, half_is_over: bool) -> usize {
    let expected = progress.bids + progress.open;
    let missing = usize::from(wanted).saturating_sub(expected);
    if half_is_over || progress.open == 0 { missing.min(reserve) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_asked_when_too_few_bids_can_be_expected() {
        let check = |wanted, open, bids, reserve, half_is_over, more| {
            let progress = PhaseProgress { open, bids, best: None };
            assert_eq!(more_to_ask(wanted, progress, reserve, half_is_over), more, "{progress:?}");
        };
        check(3, 2, 0, 5, false, 0);
        check(3, 2, 0, 5, true, 1);
        check(3, 0, 1, 5, false, 2);
        check(3, 0, 1, 1, false, 1);
        check(3, 2, 1, 5, true, 0);
        check(0, 0, 0, 5, true, 0);
    }

    #[test]
    fn close_policies() {
        let at = |open, bids, best| PhaseProgress { open, bids, best: Option::map(best, Ppm::new) };
        let check = |policy: ClosePolicy, progress, met| {
            assert_eq!(policy.is_met(progress), met, "{policy:?} {progress:?}")
        };
        check(ClosePolicy::All, at(1, 3, Some(900_000)), false);
        check(ClosePolicy::All, at(0, 0, None), true);
        check(ClosePolicy::FirstK(2), at(3, 1, None), false);
        check(ClosePolicy::FirstK(2), at(3, 2, None), true);
        check(ClosePolicy::FirstK(2), at(0, 1, None), true);
        check(ClosePolicy::ScoreAtLeast(Ppm::new(700_000)), at(3, 2, Some(699_999)), false);
        check(ClosePolicy::ScoreAtLeast(Ppm::new(700_000)), at(3, 2, Some(700_000)), true);
        check(ClosePolicy::Deadline, at(0, 2, Some(1)), false);
        check(ClosePolicy::Deadline, at(0, 0, None), true);
        check(ClosePolicy::BuyerStop, at(0, 1, None), false);
        let content = |policy: ClosePolicy, progress| policy.is_content(progress);
        assert!(!content(ClosePolicy::All, at(0, 3, None)), "that nobody is left is not enough");
        assert!(
            content(ClosePolicy::FirstK(2), at(0, 2, None))
                && !content(ClosePolicy::FirstK(2), at(0, 1, None))
        );
        assert!(content(ClosePolicy::ScoreAtLeast(Ppm::new(5)), at(0, 1, Some(5))));
        assert!(!content(ClosePolicy::Deadline, at(0, 0, None)));
    }
}
