//! From posted to asked: a round's decision and its invitations, in one transaction.

use crate::db::{Tx, sql};
use crate::decisions::Decision;
use crate::dispatches::{self, Dispatch};
use crate::events::{Change, change_state, tell};
use crate::invitations::holds;
use crate::{Claimed, Guarded, Result, Store, attempts, decisions, exchanges, letters, locks};
use gavel_domain::event::{Actor, EventKind};
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Attempt, Invitation, Mode};
use gavel_domain::lifecycle::{TaskEvent, TaskState};
use gavel_domain::{AttemptId, Timestamp};
use serde_json::json;

/// A round as triage decided it: everything is stored before anything is sent.
#[derive(Debug, Clone)]
pub struct NewRound {
    /// Triage's record: the choice, and what it was made from.
    pub decision: Decision,
    /// One per agent picked.
    pub invitations: Vec<Invitation>,
    /// What every agent is sent, serialised once.
    pub letter: String,
    /// When the phase ends at the latest.
    pub phase_deadline: Timestamp,
    /// Fewer could be asked than were wanted.
    pub under_supplied: bool,
}

/// The first sends of a round.
#[derive(Debug, Clone, Default)]
pub struct FirstSends {
    /// Those whose agents have a place free here.
    pub attempts: Vec<Attempt>,
    /// Those that have to wait for one.
    pub waiting: Vec<ExchangeKey>,
}

/// A round as it was recorded.
#[derive(Debug)]
pub struct Recorded {
    /// The claim, kept.
    pub claimed: Claimed,
    /// The invitations, with what is needed to send them.
    pub dispatches: Vec<Dispatch>,
    /// The attempts that may leave now ([`Store::begin_attempts`]).
    pub begun: Vec<AttemptId>,
}

impl Store {
    /// open -> matching, where it waits until `ready_at`.
    pub async fn start(&self, claimed: Claimed, ready_at: Timestamp, now: Timestamp) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        let change = self.change(&claimed, TaskEvent::Start, None, Some(ready_at), None, now);
        self.conclude(tx_change(&mut tx, change).await?, tx, &claimed).await
    }

    /// open or matching -> prototyping, with the decision, every invitation and its `first_sends`. The claim is kept:
    /// whoever decided goes on and sends.
    pub async fn record_round(
        &self,
        claimed: Claimed,
        round: NewRound,
        first_sends: impl FnOnce(&[Dispatch]) -> FirstSends + Send,
        now: Timestamp,
    ) -> Result<Guarded<Recorded>> {
        let mut tx = self.begin().await?;
        let Guarded::Done(claimed) = self.matching(&mut tx, claimed, now).await? else {
            return Ok(Guarded::Lost);
        };
        let deadline = Some(round.phase_deadline);
        let change = self.change(&claimed, TaskEvent::Invite, deadline, None, None, now);
        if let Guarded::Lost = change_state(&mut tx, Change { keeps_claim: true, ..change }).await? {
            return Ok(Guarded::Lost);
        }
        let claimed = claimed.moved(TaskState::Prototyping, deadline);
        let task = claimed.task();
        decisions::insert(&mut tx, (task.id, task.round), &round.decision, now).await?;
        if task.under_supplied != round.under_supplied {
            sql!(
                tx,
                execute,
                "UPDATE tasks SET under_supplied = $2 WHERE id = $1",
                task.id.uuid(),
                round.under_supplied
            )?;
        }
        letters::insert(&mut tx, (task.id, task.round, Mode::Prototype, 0), &round.letter).await?;
        for invitation in &round.invitations {
            insert_invitation(&mut tx, invitation).await?;
        }
        locks::agents(&mut tx, task.id).await?; // no worker takes a place between our look and our commit
        exchanges::insert_round(&mut tx, (task.id, task.round), now).await?;
        let dispatches = dispatches::of_round(&mut tx, task.id, task.round).await?;
        let FirstSends { attempts, waiting } = first_sends(&dispatches);
        let begun = attempts::begin_all(&mut tx, &attempts, &waiting).await?;
        let data = json!({ "round": task.round, "invited": round.invitations.len(),
                           "under_supplied": round.under_supplied, "deadline_at": round.phase_deadline });
        if let Guarded::Lost =
            tell(&mut tx, claimed.guard(), EventKind::Invited, Actor::Gavel, data, now).await?
        {
            return Ok(Guarded::Lost);
        }
        tx.commit().await?;
        self.hints().told(task.id);
        round.invitations.iter().for_each(|invitation| self.hints().invited(invitation.agent));
        Ok(Guarded::Done(Recorded { claimed, dispatches, begun }))
    }

    /// Asks more agents in a round that is under way: their invitations, and the `first_sends` of those.
    pub async fn invite_more(
        &self,
        claimed: &Claimed,
        invitations: &[Invitation],
        first_sends: impl FnOnce(&[Dispatch]) -> FirstSends + Send,
        now: Timestamp,
    ) -> Result<Guarded<(Vec<Dispatch>, Vec<AttemptId>)>> {
        let mut tx = self.begin().await?;
        if !holds(&mut tx, claimed.lease()).await? {
            return Ok(Guarded::Lost);
        }
        let task = claimed.task();
        for invitation in invitations {
            insert_invitation(&mut tx, invitation).await?;
        }
        locks::agents(&mut tx, task.id).await?;
        exchanges::insert_round(&mut tx, (task.id, task.round), now).await?;
        let mut dispatches = dispatches::of_round(&mut tx, task.id, task.round).await?;
        dispatches.retain(|dispatch| invitations.iter().any(|new| new.id == dispatch.invitation.id));
        let FirstSends { attempts, waiting } = first_sends(&dispatches);
        let begun = attempts::begin_all(&mut tx, &attempts, &waiting).await?;
        let data = json!({ "round": task.round, "invited": invitations.len(), "reserve": true,
                           "deadline_at": task.expires_at });
        if let Guarded::Lost =
            tell(&mut tx, claimed.guard(), EventKind::Invited, Actor::Gavel, data, now).await?
        {
            return Ok(Guarded::Lost);
        }
        tx.commit().await?;
        self.hints().told(task.id);
        invitations.iter().for_each(|invitation| self.hints().invited(invitation.agent));
        Ok(Guarded::Done((dispatches, begun)))
    }

    /// open -> matching, for whoever goes on from there at once.
    async fn matching(&self, tx: &mut Tx, claimed: Claimed, now: Timestamp) -> Result<Guarded<Claimed>> {
        if claimed.task().state != TaskState::Open {
            return Ok(Guarded::Done(claimed));
        }
        let change = self.change(&claimed, TaskEvent::Start, None, None, None, now);
        Ok(match change_state(tx, Change { keeps_claim: true, ..change }).await? {
            Guarded::Done(matching) => Guarded::Done(claimed.moved(matching, None)),
            Guarded::Lost => Guarded::Lost,
        })
    }

    /// open or matching -> expired: triage found nobody; its record says why, for every candidate.
    pub async fn nobody_eligible(
        &self,
        claimed: Claimed,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<Guarded<()>> {
        let mut tx = self.begin().await?;
        let Guarded::Done(claimed) = self.matching(&mut tx, claimed, now).await? else {
            return Ok(Guarded::Lost);
        };
        sql!(tx, execute, "UPDATE tasks SET under_supplied = TRUE WHERE id = $1", claimed.task().id.uuid())?;
        let change =
            self.change(&claimed, TaskEvent::NobodyEligible, None, None, Some("no_eligible_agents"), now);
        let changed = tx_change(&mut tx, change).await?;
        decisions::insert(&mut tx, (claimed.task().id, claimed.task().round), decision, now).await?;
        self.conclude(changed, tx, &claimed).await
    }

    pub(crate) fn change<'a>(
        &self,
        claimed: &Claimed,
        event: TaskEvent,
        expires_at: Option<Timestamp>,
        ready_at: Option<Timestamp>,
        reason: Option<&'a str>,
        at: Timestamp,
    ) -> Change<'a> {
        let (task, from, fence) = claimed.guard();
        let (actor, keeps_claim) = (Actor::Gavel, false);
        Change { task, from, event, fence, keeps_claim, actor, reason, expires_at, ready_at, at }
    }

    /// Commits and tells the watchers when the guard held; rolls everything back when it did not.
    pub(crate) async fn conclude(
        &self,
        changed: Guarded<()>,
        tx: Tx,
        claimed: &Claimed,
    ) -> Result<Guarded<()>> {
        if changed == Guarded::Done(()) {
            tx.commit().await?;
            self.hints().changed(claimed.task().id);
        }
        Ok(changed)
    }
}

pub(crate) async fn tx_change(c: &mut crate::db::Conn, change: Change<'_>) -> Result<Guarded<()>> {
    Ok(match change_state(c, change).await? {
        Guarded::Done(_) => Guarded::Done(()),
        Guarded::Lost => Guarded::Lost,
    })
}

async fn insert_invitation(c: &mut crate::db::Conn, invitation: &Invitation) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO invitations (id, task_id, round, agent_id, created_at, deadline_at, own_limit, boosted, developer_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, (SELECT a.developer_id FROM agents a WHERE a.id = $4))",
        invitation.id.uuid(),
        invitation.task.uuid(),
        i64::from(invitation.round),
        invitation.agent.uuid(),
        invitation.created_at,
        invitation.deadline_at,
        invitation.deadline_is_own_limit,
        invitation.boosted
    )?;
    Ok(())
}
