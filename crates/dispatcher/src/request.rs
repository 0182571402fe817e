//! The bytes and headers of one send, signed with the time at which it leaves.

use crate::call::Call;
use crate::transport::{Method, Request};
use gavel_contract::signature::{Dispatch, dispatch_headers, webhook_id};
use gavel_domain::Timestamp;
use gavel_domain::limits::{ANSWER_BYTES, ERROR_BODY_BYTES};
use tokio::time::Instant;

/// One POST of `call` leaving at `now`. The webhook-id is that of every send of this call; the timestamp and with it
/// the signatures are new each time, so that a second send is not taken for a replay.
pub fn build(call: &Call, now: Timestamp, deadline: Instant) -> Request {
    let headers = dispatch_headers(&Dispatch {
        key: &call.credentials.key,
        secrets: &call.credentials.secrets,
        task: call.task,
        webhook_id: &webhook_id(call.invitation, call.mode, call.revision),
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
