//! What agents bring to our door: results by callback, and the work of those that fetch theirs.

pub(crate) mod callback;
mod failures;
pub(crate) mod pull_decline;
pub(crate) mod pull_fetch;
pub(crate) mod pull_heartbeat;
pub(crate) mod pull_result;

pub(crate) use failures::Failures;

use crate::auth::{ActOnAgents, May};
use crate::{AppState, credentials, developers::registered, problem::Problem, reply};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use bytes::Bytes;
use gavel_contract::agent::answer::Expectation;
use gavel_contract::rest::{FieldError, ResultTaken};
use gavel_dispatcher::read_result;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::{Arrived, ExchangeKey, Taken};
use gavel_domain::invitation::{Mode, Outcome};
use gavel_domain::task::Task;
use gavel_domain::{BidId, Money};
use gavel_store::dispatches::Dispatch;
use gavel_store::pull::Worker;
use http::{StatusCode, request::Parts};

/// `/pull/invitations/{invitation_id}`: the name of a call, its `webhook-id`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallPath(pub(crate) ExchangeKey);

impl<S: Send + Sync> FromRequestParts<S> for CallPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::field("path", "is not UTF-8"))?;
        let name = params.iter().find(|(key, _)| *key == "invitation_id").map_or("", |(_, value)| value);
        let malformed =
            |_| Problem::field("invitation_id", "must be the id of a fetched invitation: inv_...");
        Ok(CallPath(name.parse().map_err(malformed)?))
    }
}

/// The bytes of a result, whatever their type says: what is signed and read is what came.
#[derive(Debug)]
pub(crate) struct ResultBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for ResultBody {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // It is whole already: every lane reads it before a handler begins.
        let bytes = Bytes::from_request(request, state).await;
        bytes.map(ResultBody).map_err(|_| Problem::malformed("The body could not be read to its end."))
    }
}

/// A call of one of this developer's agents whose worker fetches. Whatever it says of it, it is a sign of life.
async fn own_call(
    state: &AppState,
    caller: &May<ActOnAgents>,
    key: ExchangeKey,
) -> Result<Dispatch, Problem> {
    let developer = registered(state, caller).await?;
    let dispatch = state.store.dispatch(key).await?.filter(|dispatch| {
        let fetched = dispatch.exchange.as_ref().is_some_and(|x| x.execution_mode == ExecutionMode::Pull);
        fetched && dispatch.developer == developer.id && dispatch.test == caller.test
    });
    let dispatch = dispatch.ok_or_else(|| Problem::not_found("invitation"))?;
    let agent = Some(dispatch.agent_slug.clone());
    state.store.seen(&Worker { developer: developer.id, test: caller.test, agent }, state.now()).await?;
    Ok(dispatch)
}

/// Reads a result as the answer to a POST would be read, takes it, and says what became of it.
async fn take(
    state: &AppState,
    (key, dispatch): (ExchangeKey, &Dispatch),
    message_id: String,
    body: &Bytes,
) -> Result<Response, Problem> {
    let at = state.now();
    let missing = || Problem::not_found("invitation");
    let task = state.store.task(dispatch.invitation.task).await?.ok_or_else(missing)?;
    let expectation = Expectation {
        mode: key.mode,
        budget: price(state, &task, key.mode).await?,
        currency: state.settings.currency.clone(),
    };
    let secret = state.vault.callback_secret(key.invitation, key.mode, key.revision);
    let credentials = credentials::of(state, dispatch, Some(secret.expose().to_owned()))?;
    let read = read_result(body, task.id, &expectation, &credentials);
    let arrived = Arrived {
        message_id,
        lease: None,
        outcome: read.outcome,
        code: read.code,
        answer: read.answer,
        warnings: read.warnings,
        error_body: read.error_body,
        at,
    };
    let bid = BidId::new(at, state.chance.as_ref());
    let until = at + state.settings.timers.answer_window;
    let taken = state.store.take_result(dispatch, key, &arrived, bid, until).await?;
    answer(taken, &arrived)
}

/// Says what became of what arrived.
fn answer(taken: Taken, arrived: &Arrived) -> Result<Response, Problem> {
    match taken {
        Taken::Accepted => accepted(arrived.outcome, false, arrived.warnings.clone()),
        Taken::Repeated(outcome) => accepted(outcome, true, Vec::new()),
        Taken::Refused => {
            let why = arrived.warnings.first().cloned().unwrap_or_default();
            let error = FieldError { code: Some(arrived.code.clone()), ..FieldError::new("", why) };
            Err(Problem::invalid(vec![error]))
        }
        Taken::Answered(outcome) => Err(Problem::conflict("already_answered", answered(outcome))),
        Taken::NotHeld { present } => Err(not_held(arrived.lease.unwrap_or_default(), present)),
        Taken::TooLate => Err(gone()),
    }
}

fn accepted(outcome: Outcome, repeated: bool, warnings: Vec<String>) -> Result<Response, Problem> {
    let (status, outcome) = ("accepted".to_owned(), outcome.name().to_owned());
    let view = ResultTaken { status, outcome, repeated, warnings };
    Ok(reply::text(StatusCode::ACCEPTED, reply::written(&view)?))
}

const fn answered(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Valid => "Another result was accepted for this call; only the first counts.",
        Outcome::Declined => "This call was declined; no result is awaited any more.",
        _ => "It was said before that this call will have no result; only the first word counts.",
    }
}

/// 409: somebody else has it now, or nobody ever had it.
fn not_held(named: u32, present: u32) -> Problem {
    let detail = if named > present {
        format!("Lease {named} was never given; the present one is {present}.")
    } else {
        "This lease has ended and the invitation was fetched again; leave it to that worker.".to_owned()
    };
    Problem::conflict("lease_lost", detail)
}

/// 410: the deadline has passed, or the task has moved on.
fn gone() -> Problem {
    let detail = "The time for this call is over, or nobody waits for its result any more.";
    Problem::new(StatusCode::GONE, "too_late", "Too late", detail)
}

/// What the result's price is held against; in final mode the accepted price stands.
async fn price(state: &AppState, task: &Task, mode: Mode) -> Result<Money, Problem> {
    if mode == Mode::Prototype {
        return Ok(task.budget);
    }
    Ok(state.store.selected_bid(task.id).await?.map_or(task.budget, |bid| bid.answer.price))
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
