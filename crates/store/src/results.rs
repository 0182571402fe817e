//! Results that come to our door, by callback or from a worker: taken once, before their deadline, or not at all.

use crate::db::{Conn, sql};
use crate::dispatches::{self, Dispatch};
use crate::faults::{Planted, planted};
use crate::invitations::{self, Ended};
use crate::rows::to_json;
use crate::{Guarded, Result, Store, attempts, deliveries, exchanges, locks};
use gavel_domain::bid::{Bid, BidStatus};
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::exchange::{Arrived, ExchangeKey, Taken};
use gavel_domain::invitation::{Ending, Mode, Outcome};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{BidId, Timestamp};
use gavel_triage::Rules;

impl Store {
    /// Takes a result: the exchange ends, and the bid or the delivery is there before the agent is told. What does not
    /// count changes nothing, but for what the developer's log shows of a refused one. `bid` becomes the bid's id and
    /// `answer_until` the end of the buyer's wait for a delivery, where there will be one.
    pub async fn take_result(
        &self,
        dispatch: &Dispatch,
        key: ExchangeKey,
        arrived: &Arrived,
        bid: BidId,
        answer_until: Timestamp,
    ) -> Result<Taken> {
        let task = dispatch.invitation.task;
        let mut tx = self.begin().await?;
        let state = locks::task(&mut tx, task).await?;
        locks::agent(&mut tx, dispatch.invitation.agent).await?;
        let Some(exchange) = dispatches::exchange(&mut tx, key).await? else { return Ok(Taken::TooLate) };
        let taken = exchange.takes(arrived, state);
        let taken = match taken {
            Taken::TooLate if planted(Planted::OutcomeReplaced) => Taken::Accepted,
            Taken::Answered(_) if planted(Planted::SecondAnswer) => Taken::Accepted,
            taken => taken,
        };
        match taken {
            Taken::Repeated(_) | Taken::Answered(_) | Taken::NotHeld { .. } | Taken::TooLate => {
                return Ok(taken);
            }
            Taken::Refused => note(&mut tx, key, arrived, None).await?,
            Taken::Accepted => {
                note(&mut tx, key, arrived, Some(&arrived.message_id)).await?;
                let ended = match key.mode {
                    Mode::Prototype => end_prototype(&mut tx, dispatch, arrived, bid, self.rules()).await?,
                    Mode::Final => end_final(&mut tx, dispatch, key, arrived, answer_until).await?,
                };
                if ended == Guarded::Lost {
                    return Ok(Taken::TooLate); // rolled back with the transaction
                }
            }
        }
        tx.commit().await?;
        self.hints().decided(task);
        Ok(taken)
    }
}

/// What the developer's log shows of a result. The fetch it answers ends with it.
async fn note(c: &mut Conn, key: ExchangeKey, arrived: &Arrived, accepted: Option<&str>) -> Result<()> {
    let warnings = to_json(&arrived.warnings, "exchanges", "warnings")?;
    // PostgreSQL keeps no NUL in text.
    let error_body = arrived.error_body.as_ref().map(|body| body.replace('\0', "\u{FFFD}"));
    sql!(
        c,
        execute,
        "UPDATE exchanges SET result_at = $4, code = $5, warnings = $6, error_body = $7, message_id = $8
         WHERE invitation_id = $1 AND mode = $2 AND revision = $3",
        key.invitation.uuid(),
        key.mode.name(),
        i64::from(key.revision),
        arrived.at,
        &arrived.code,
        &warnings,
        &error_body,
        accepted
    )?;
    if accepted.is_some() {
        sql!(
            c,
            execute,
            "UPDATE attempts SET ended_at = $4, code = $5, warnings = $6, error_body = $7
             WHERE invitation_id = $1 AND mode = $2 AND revision = $3 AND ended_at IS NULL",
            key.invitation.uuid(),
            key.mode.name(),
            i64::from(key.revision),
            arrived.at,
            &arrived.code,
            &warnings,
            &error_body
        )?;
    }
    Ok(())
}

async fn end_prototype(
    c: &mut Conn,
    dispatch: &Dispatch,
    arrived: &Arrived,
    bid: BidId,
    rules: &Rules,
) -> Result<Guarded<()>> {
    let invitation = &dispatch.invitation;
    let detail = (arrived.outcome != Outcome::Valid).then(|| arrived.code.clone());
    let bid = arrived.answer.as_ref().map(|answer| Bid {
        id: bid,
        task: invitation.task,
        round: invitation.round,
        invitation: invitation.id,
        agent: invitation.agent,
        answer: answer.clone(),
        status: BidStatus::Received,
        score: None,
        presented: false,
        received_at: arrived.at,
    });
    let ended = Ended {
        invitation: invitation.id,
        agent: invitation.agent,
        agent_slug: dispatch.agent_slug.clone(),
        ending: Ending { outcome: arrived.outcome, detail, at: arrived.at },
        bid,
        attempt: None,
    };
    // No fence: a step that works on this task goes on, and sees the bid when it looks.
    let ended = invitations::end(c, (invitation.task, TaskState::Prototyping), &ended, rules).await?;
    // A task that was set aside waits for an operator, not for results.
    sql!(
        c,
        execute,
        "UPDATE tasks SET ready_at = $2 WHERE id = $1 AND dead_at IS NULL",
        invitation.task.uuid(),
        arrived.at
    )?;
    Ok(if ended == Guarded::Done(true) { Guarded::Done(()) } else { Guarded::Lost })
}

async fn end_final(
    c: &mut Conn,
    dispatch: &Dispatch,
    key: ExchangeKey,
    arrived: &Arrived,
    answer_until: Timestamp,
) -> Result<Guarded<()>> {
    let task = dispatch.invitation.task;
    let delivery = deliveries::latest(c, task).await?;
    let pending = |d: &gavel_domain::delivery::Delivery| {
        d.status == DeliveryStatus::Pending && d.revision == key.revision
    };
    let Some(delivery) = delivery.filter(pending) else { return Ok(Guarded::Lost) };
    if let Some(answer) = &arrived.answer {
        let guard = (task, TaskState::Delivering, None);
        return deliveries::ready(c, guard, &delivery, (answer, None), answer_until, arrived.at).await;
    }
    // The loop takes it from here: it knows what a failed final call means for the money.
    let ending = Ending { outcome: arrived.outcome, detail: None, at: arrived.at };
    exchanges::end_all(c, key.invitation, &ending).await?;
    attempts::abandon(c, key.invitation, &ending).await?;
    sql!(
        c,
        execute,
        "UPDATE tasks SET ready_at = $2, lease_owner = NULL, lease_until = NULL, fence = fence + 1, failures = 0,
             dead_at = NULL, dead_reason = NULL WHERE id = $1",
        task.uuid(),
        arrived.at
    )?;
    Ok(Guarded::Done(()))
}
