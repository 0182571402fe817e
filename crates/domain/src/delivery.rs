//! The winner's finished work and the buyer's answer to it.

use crate::lifecycle::words;
use crate::{BidId, DeliveryId, TaskId, Timestamp, invitation::Answer};

/// One final-mode answer; a revision makes the next one.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The task.
    pub task: TaskId,
    /// The bid that won.
    pub bid: BidId,
    /// 0, then one per revision asked for.
    pub revision: u32,
    /// Where it is.
    pub status: DeliveryStatus,
    /// What the buyer wants changed (for revisions after the first).
    pub notes: Option<String>,
    /// When the final call must have ended.
    pub deadline_at: Timestamp,
    /// The finished work, once ready.
    pub answer: Option<Answer>,
    /// When the work came in.
    pub ready_at: Option<Timestamp>,
}

/// Where a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// The winner is working.
    Pending,
    /// The work is in; the buyer's answer is awaited.
    Ready,
    /// The buyer asked for changes; a later revision is pending.
    RevisionRequested,
    /// The buyer disputes it; money is frozen.
    Disputed,
    /// The buyer (or silence) approved it.
    Approved,
    /// No usable work came, after all sends.
    Failed,
}

impl DeliveryStatus {
    /// All.
    pub const ALL: [DeliveryStatus; 6] = [
        DeliveryStatus::Pending,
        DeliveryStatus::Ready,
        DeliveryStatus::RevisionRequested,
        DeliveryStatus::Disputed,
        DeliveryStatus::Approved,
        DeliveryStatus::Failed,
    ];
    /// The word in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            DeliveryStatus::Pending => "pending",
            DeliveryStatus::Ready => "ready",
            DeliveryStatus::RevisionRequested => "revision_requested",
            DeliveryStatus::Disputed => "disputed",
            DeliveryStatus::Approved => "approved",
            DeliveryStatus::Failed => "failed",
        }
    }
}
words!(DeliveryStatus, "delivery status");
