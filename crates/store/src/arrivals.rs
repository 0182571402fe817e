//! What a phase brings: outcomes with their bids, and verdicts, as they come. What came together is written together.

use crate::invitations::{self, Ended, holds};
use crate::scores::{Judged, by_agent, score_all};
use crate::{Claimed, Guarded, Result, Store, locks};
use gavel_domain::{InvitationId, Timestamp};
use std::collections::BTreeSet;

/// What came since the last time.
#[derive(Debug, Clone, Default)]
pub struct Arrivals {
    /// Invitations that have ended.
    pub ended: Vec<Ended>,
    /// Bids that were judged; they came before, or are among those of `ended`.
    pub judged: Vec<Judged>,
}

impl Arrivals {
    /// Whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.judged.is_empty()
    }
}

impl Store {
    /// Writes what came in one transaction, and gives the invitations that have ended by it: each ends exactly once, and
    /// what has its outcome already keeps it.
    pub async fn keep(
        &self,
        claimed: &Claimed,
        arrivals: &Arrivals,
        now: Timestamp,
    ) -> Result<Guarded<BTreeSet<InvitationId>>> {
        let mut tx = self.begin().await?;
        if !holds(&mut tx, claimed.lease()).await? {
            return Ok(Guarded::Lost);
        }
        let (task, state, _) = claimed.guard();
        if !arrivals.judged.is_empty() {
            locks::agents(&mut tx, task).await?; // of those that have ended and those that were judged in one order
        }
        let mut kept = BTreeSet::new();
        for ended in by_agent(&arrivals.ended, |ended| ended.agent) {
            match invitations::end(&mut tx, (task, state), ended, self.rules()).await? {
                Guarded::Done(true) => drop(kept.insert(ended.invitation)),
                Guarded::Done(false) => {}
                Guarded::Lost => return Ok(Guarded::Lost),
            }
        }
        if let Guarded::Lost = score_all(&mut tx, claimed, &arrivals.judged, self.rules(), now).await? {
            return Ok(Guarded::Lost);
        }
        tx.commit().await?;
        self.hints().told(task);
        Ok(Guarded::Done(kept))
    }
}
