//! An accepted prototype answer, and which of them the buyer is shown first.

use crate::lifecycle::words;
use crate::{AgentId, BidId, InvitationId, Ppm, TaskId, Timestamp, invitation::Answer};

/// An accepted prototype answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Bid {
    /// Its id.
    pub id: BidId,
    /// The task.
    pub task: TaskId,
    /// The round it was made in.
    pub round: u32,
    /// The invitation it answers.
    pub invitation: InvitationId,
    /// Who made it.
    pub agent: AgentId,
    /// What was answered.
    pub answer: Answer,
    /// Where it is.
    pub status: BidStatus,
    /// The composite score; `None` until judged.
    pub score: Option<Ppm>,
    /// Whether it is among those shown first.
    pub presented: bool,
    /// When it came in.
    pub received_at: Timestamp,
}

/// Where a bid is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BidStatus {
    /// In, not yet judged.
    Received,
    /// Judged.
    Scored,
    /// Among the best of its round.
    Presented,
    /// The winner.
    Selected,
    /// Another one won.
    NotSelected,
}

impl BidStatus {
    /// All.
    pub const ALL: [BidStatus; 5] = [
        BidStatus::Received,
        BidStatus::Scored,
        BidStatus::Presented,
        BidStatus::Selected,
        BidStatus::NotSelected,
    ];
    /// The word in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            BidStatus::Received => "received",
            BidStatus::Scored => "scored",
            BidStatus::Presented => "presented",
            BidStatus::Selected => "selected",
            BidStatus::NotSelected => "not_selected",
        }
    }
}
words!(BidStatus, "bid status");

/// How many scored bids are presented at the end of a phase.
pub const PRESENTED_MAX: usize = 5;

/// A scored bid as the shortlist sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The bid.
    pub bid: BidId,
    /// Its composite.
    pub score: Ppm,
    /// When it came in.
    pub received_at: Timestamp,
}

/// The best scored bids, best first: higher score, then earlier arrival, then lower id.
pub fn shortlist(mut standings: Vec<Standing>) -> Vec<BidId> {
    standings.sort_by(|a, b| {
        b.score.cmp(&a.score).then(a.received_at.cmp(&b.received_at)).then(a.bid.cmp(&b.bid))
    });
    standings.into_iter().take(PRESENTED_MAX).map(|s| s.bid).collect()
}
