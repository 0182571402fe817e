//! The bytes and headers of one send, signed with the time at which it leaves.

use crate::call::Call;
use crate::transport::{Method, Request};
use gavel_contract::signature::{Dispatch, dispatch_headers};
use gavel_domain::Timestamp;
use gavel_domain::invitation::Trace;
use gavel_domain::limits::{ANSWER_BYTES, ERROR_BODY_BYTES};
use tokio::time::Instant;

/// One POST of `call` leaving at `now`. The webhook-id is that of every send of this call; the timestamp and with it
/// the signatures are new each time, so that a second send is not taken for a replay.
pub fn build(call: &Call, now: Timestamp, deadline: Instant) -> Request {
    let headers = dispatch_headers(&Dispatch {
        key: &call.credentials.key,
        secrets: &call.credentials.secrets,
        task: call.task,
        webhook_id: &call.key.to_string(),
        now,
        deadline: call.deadline_at,
        user_agent: &call.user_agent,
        body: &call.body,
    });
    Request {
        method: Method::Post,
        url: call.url.clone(),
        headers,
        body: call.body.clone(),
        deadline,
        body_cap: ANSWER_BYTES,
        error_body_cap: ERROR_BODY_BYTES,
    }
}

/// What the developer's log shows of a request.
pub fn trace(request: &Request) -> Trace {
    Trace { url: request.url.clone(), request_headers: shown(&request.headers), ..Trace::default() }
}

/// The headers as the developer's log shows them: the key is no more than recognisable.
fn shown(headers: &[(String, String)]) -> Vec<(String, String)> {
    let shown = |(name, value): &(String, String)| {
        let hide = name.eq_ignore_ascii_case("x-aitasker-key");
        (name.clone(), if hide { hint(value) } else { value.clone() })
    };
    headers.iter().map(shown).collect()
}

/// The last characters of a key tell its owner which one it is, and nobody anything else.
fn hint(key: &str) -> String {
    const SHOWN: usize = 4;
    let tail = key.char_indices().rev().nth(SHOWN - 1).map_or("", |(at, _)| &key[at..]);
    if key.len() < 4 * SHOWN { "[hidden]".to_owned() } else { format!("[hidden]...{tail}") }
}
