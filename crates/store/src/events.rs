//! Changes of a task and the events that tell of them: one place where a state is written.

use crate::db::{Conn, row, sql};
use crate::faults::{Planted, planted};
use crate::rows::{json, to_json, word};
use crate::{Error, Guarded, Result, Store, webhooks};
use gavel_domain::event::{Actor, Event, EventKind};
use gavel_domain::lifecycle::{TaskEvent, TaskState};
use gavel_domain::{TaskId, Timestamp};
use serde_json::{Value, json as value};
use uuid::Uuid;

/// One change of a task's state, with everything that is written beside it.
pub(crate) struct Change<'a> {
    pub(crate) task: TaskId,
    pub(crate) from: TaskState,
    pub(crate) event: TaskEvent,
    /// The fence the loop read; `None` for callers that guard by the state alone (the API).
    pub(crate) fence: Option<i64>,
    /// Whoever holds the claim goes on with the next step.
    pub(crate) keeps_claim: bool,
    pub(crate) actor: Actor,
    pub(crate) reason: Option<&'a str>,
    /// When the new state lapses.
    pub(crate) expires_at: Option<Timestamp>,
    /// When the loop should look next.
    pub(crate) ready_at: Option<Timestamp>,
    pub(crate) at: Timestamp,
}

/// Writes a change of state and its event, or nothing when the guard does not hold. Unless it is kept, every change ends
/// the present claim and moves the fence, so that whoever worked on the task notices; whatever failed before is forgotten.
pub(crate) async fn change_state(c: &mut Conn, change: Change<'_>) -> Result<Guarded<TaskState>> {
    let Ok(to) = change.from.after(change.event) else { return Ok(Guarded::Lost) };
    let row = sql!(
        c,
        fetch_optional as (i64,),
        "UPDATE tasks SET state = $3, reason = $4, expires_at = $5, ready_at = $6,
             lease_owner = CASE WHEN $8 THEN lease_owner END, lease_until = CASE WHEN $8 THEN lease_until END,
             fence = CASE WHEN $8 THEN fence ELSE fence + 1 END, event_seq = event_seq + 1, failures = 0,
             dead_at = NULL, dead_reason = NULL
         WHERE id = $1 AND state = $2 AND (fence = $7 OR $7 IS NULL) RETURNING event_seq",
        change.task.uuid(),
        change.from.name(),
        to.name(),
        change.reason,
        change.expires_at,
        change.ready_at,
        change.fence,
        change.keeps_claim
    )?;
    let Some((seq,)) = row else { return Ok(Guarded::Lost) };
    let event = Event {
        task: change.task,
        seq,
        kind: EventKind::State,
        from: Some(change.from),
        to: Some(to),
        actor: change.actor,
        reason: change.reason.map(str::to_owned),
        data: value!({ "expires_at": change.expires_at }),
        at: change.at,
    };
    if !(planted(Planted::StateUntold) && event.to == Some(TaskState::Accepted)) {
        insert(c, &event).await?;
    }
    Ok(Guarded::Done(to))
}

/// Writes an event that changes no state, guarded by state and fence.
pub(crate) async fn tell(
    c: &mut Conn,
    (task, state, fence): (TaskId, TaskState, Option<i64>),
    kind: EventKind,
    actor: Actor,
    data: Value,
    at: Timestamp,
) -> Result<Guarded<()>> {
    let row = sql!(
        c,
        fetch_optional as (i64,),
        "UPDATE tasks SET event_seq = event_seq + 1
         WHERE id = $1 AND state = $2 AND (fence = $3 OR $3 IS NULL) RETURNING event_seq",
        task.uuid(),
        state.name(),
        fence
    )?;
    let Some((seq,)) = row else { return Ok(Guarded::Lost) };
    insert(c, &Event { task, seq, kind, from: None, to: None, actor, reason: None, data, at }).await?;
    Ok(Guarded::Done(()))
}

pub(crate) async fn insert(c: &mut Conn, event: &Event) -> Result<()> {
    sql!(
        c,
        execute,
        "INSERT INTO task_events (task_id, seq, kind, from_state, to_state, actor, reason, data, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        event.task.uuid(),
        event.seq,
        event.kind.name(),
        event.from.map(TaskState::name),
        event.to.map(TaskState::name),
        event.actor.name(),
        &event.reason,
        to_json(&event.data, "task_events", "data")?,
        event.at
    )?;
    webhooks::outbox::put(c, event).await
}

row! {
    pub(crate) struct EventRow {
        pub(crate) task_id: Uuid,
        pub(crate) seq: i64,
        kind: String,
        from_state: Option<String>,
        to_state: Option<String>,
        actor: String,
        reason: Option<String>,
        data: String,
        at: Timestamp,
    }
}

impl TryFrom<EventRow> for Event {
    type Error = Error;
    fn try_from(row: EventRow) -> Result<Self> {
        const T: &str = "task_events";
        let state = |text: Option<String>, column| text.map(|t| word(&t, T, column)).transpose();
        Ok(Event {
            task: TaskId::from_uuid(row.task_id),
            seq: row.seq,
            kind: word(&row.kind, T, "kind")?,
            from: state(row.from_state, "from_state")?,
            to: state(row.to_state, "to_state")?,
            actor: word(&row.actor, T, "actor")?,
            reason: row.reason,
            data: json(&row.data, T, "data")?,
            at: row.at,
        })
    }
}

impl Store {
    /// The events of a task after `seq`, in order, at most `limit`.
    pub async fn events_after(&self, task: TaskId, seq: i64, limit: i64) -> Result<Vec<Event>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as EventRow,
            "SELECT task_id, seq, kind, from_state, to_state, actor, reason, data, at FROM task_events
             WHERE task_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            task.uuid(),
            seq,
            limit
        )?;
        rows.into_iter().map(Event::try_from).collect()
    }
}
