//! From what the log keeps of a call back to a call that can be sent.

use crate::{AppState, credentials, problem::Problem};
use bytes::Bytes;
use chrono::TimeDelta;
use gavel_contract::agent::answer::Expectation;
use gavel_contract::agent::envelope::{Callback, with_callback};
use gavel_dispatcher::Call;
use gavel_dispatcher::lanes::Ask;
use gavel_domain::Timestamp;
use gavel_domain::agent::{Agent, ExecutionMode};
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::task::Task;
use gavel_store::delivery_log::{LoggedSend, SendDetail};

/// The longest a replay may take: whoever asked for it is waiting for the answer.
const REPLAY_LIMIT: TimeDelta = TimeDelta::seconds(120);
/// What stands in a body that is shown for the secret that was sent.
pub(super) const HIDDEN: &str = "[hidden]";

/// The call as it was, but for where it goes and how long it may take.
pub(super) async fn call(
    state: &AppState,
    agent: &Agent,
    (detail, task): (&SendDetail, &Task),
    url: String,
    now: Timestamp,
) -> Result<Call, Problem> {
    let (key, asynchronous) = (detail.send.key(), detail.send.execution_mode == ExecutionMode::Async);
    let secret = asynchronous.then(|| state.vault.callback_secret(key.invitation, key.mode, key.revision));
    if asynchronous && detail.send.ended.is_none() {
        let why = "This call is still open, and its result would count: replay it once it has ended.";
        return Err(Problem::conflict("call_open", why));
    }
    let letter = detail.letter.as_deref().ok_or_else(|| match detail.removed_at {
        Some(at) => Problem::removed(at),
        None => Problem::conflict(
            "not_kept",
            "What was sent here was not kept; only newer calls can be replayed.",
        ),
    })?;
    let limit = state.settings.timers.call_limit(detail.send.execution_mode, key.mode, &task.brief.category);
    let limit = limit.min(REPLAY_LIMIT);
    let secret = secret.as_ref().map(gavel_vault::Secret::expose);
    let dispatch = state.store.dispatch(key).await?.ok_or_else(|| Problem::not_found("delivery"))?;
    Ok(Call {
        key,
        ask: Ask {
            agent: agent.id,
            agent_max: agent.max_concurrency,
            developer: agent.developer,
            host: String::new(), // a replay takes no place of the agent's
            buyer: task.account,
        },
        task: task.id,
        url,
        body: Bytes::from(body_sent(state, &detail.send, letter, secret)),
        deadline_at: now + limit,
        deadline_is_own_limit: true,
        acknowledge_within: asynchronous.then(|| limit.to_std().unwrap_or_default()),
        sends_so_far: 0,
        credentials: credentials::of(state, &dispatch, secret.map(str::to_owned))?,
        user_agent: state.settings.user_agent.clone(),
        expectation: Expectation {
            mode: key.mode,
            budget: task.budget,
            currency: state.settings.currency.clone(),
        },
    })
}

/// What an agent was sent of a letter: asynchronous ones get three keys more. Without the secret it is only to be
/// looked at.
pub(super) fn body_sent(state: &AppState, send: &LoggedSend, letter: &str, secret: Option<&str>) -> String {
    if send.execution_mode != ExecutionMode::Async {
        return letter.to_owned();
    }
    let ExchangeKey { invitation, mode, revision } = send.key();
    let token = state.vault.callback_token(invitation, mode, revision);
    let callback = Callback {
        url: format!("{}/api/v1/callbacks/{token}", state.settings.public_url.trim_end_matches('/')),
        secret: secret.unwrap_or(HIDDEN).to_owned(),
        timeout_seconds: state.settings.timers.async_call.num_seconds(),
    };
    let body = with_callback(letter.as_bytes(), &callback);
    String::from_utf8_lossy(&body).into_owned()
}
