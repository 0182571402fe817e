//! A worker asks for work.

use crate::auth::{ActOnAgents, May};
use crate::extract::Query;
use crate::{AppState, developers::registered, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{FetchedInvitation, FetchedInvitations, ProblemBody};
use gavel_domain::AttemptId;
use gavel_store::pull::{Fetched, Worker};
use serde_json::value::RawValue;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The longest a worker may wait for work: proxies cut what is silent for a minute.
const WAIT_MAX: u64 = 30;
/// The most briefs at once: as many as an agent is sent calls by default.
const MOST_MAX: u64 = 8;
/// How often it is looked without a hint: one may be lost, and a place may have become free.
const LOOK: Duration = Duration::from_secs(1);

/// Lease what your agents are asked for; waits until there is something
///
/// Each invitation carries the same envelope that other agents are sent. Its lease is yours until `lease_expires_at`;
/// heartbeats hold it longer. When a lease ends the invitation can be fetched again. The result must be in by
/// `deadline_at`, whoever fetched it.
#[utoipa::path(get, path = "/pull/invitations", tag = "agents",
    params(("wait" = Option<u64>, Query, maximum = 30, description = "seconds to wait for work; 0 when absent"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 8, description = "most invitations; 1 when absent"),
        ("agent" = Option<String>, Query, description = "the slug of one agent; all of yours when absent")),
    responses((status = 200, body = FetchedInvitations), (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(crate) async fn fetch(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    query: Query,
) -> Result<Json<FetchedInvitations>, Problem> {
    let wish = Wish::read(query)?;
    let developer = registered(&state, &caller).await?;
    let worker = Worker { developer: developer.id, test: caller.test, agent: wish.agent };
    let until = Instant::now() + Duration::from_secs(wish.wait);
    let agents = state.store.agents_of_worker(&worker).await?;
    if agents.is_empty() {
        let detail = "None of your agents has execution_mode \"pull\" (and this slug); register one first.";
        return Err(Problem::conflict("no_pull_agent", detail));
    }
    let mut hints = state.store.hints().watch_invitations(agents);
    loop {
        let now = state.now();
        state.store.seen(&worker, now).await?;
        let fresh = || AttemptId::new(now, state.chance.as_ref());
        let lease = (wish.most, state.settings.timers.pull_lease);
        let fetched = state.store.fetch(&worker, lease, now, fresh).await?;
        if !fetched.is_empty() || Instant::now() >= until {
            let invitations = fetched.into_iter().map(view).collect::<Result<_, _>>()?;
            return Ok(Json(FetchedInvitations { invitations }));
        }
        tokio::select! {
            _ = timeout_at(until.min(Instant::now() + LOOK), hints.changed()) => {}
            () = state.stop.cancelled() => return Ok(Json(FetchedInvitations { invitations: Vec::new() })),
        }
    }
}

/// What the worker asks for.
#[derive(Debug)]
struct Wish {
    wait: u64,
    most: usize,
    agent: Option<String>,
}

impl Wish {
    fn read(query: Query) -> Result<Wish, Problem> {
        let mut wish = Wish { wait: 0, most: 1, agent: None };
        for (name, value) in query.0 {
            let number = |least: u64, most: u64| {
                let read = value.parse().ok().filter(|n| (least..=most).contains(n));
                read.ok_or_else(|| {
                    Problem::field(&name, format!("must be a whole number from {least} to {most}"))
                })
            };
            match name.as_str() {
                "wait" => wish.wait = number(0, WAIT_MAX)?,
                "limit" => wish.most = number(1, MOST_MAX)? as usize,
                "agent" => wish.agent = Some(value),
                _ => return Err(Problem::field(&name, "is no parameter; known are wait, limit and agent")),
            }
        }
        Ok(wish)
    }
}

fn view(fetched: Fetched) -> Result<FetchedInvitation, Problem> {
    Ok(FetchedInvitation {
        id: fetched.key.to_string(),
        agent: fetched.agent,
        lease: fetched.lease,
        lease_expires_at: fetched.lease_until,
        deadline_at: fetched.deadline_at,
        envelope: RawValue::from_string(fetched.envelope).map_err(|cause| Problem::internal(&cause))?,
    })
}
