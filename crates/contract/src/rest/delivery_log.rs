//! The delivery log: every send to an agent as its developer sees it, and sending one again.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A page of an agent's sends, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeliveryLog {
    /// The sends.
    pub deliveries: Vec<LoggedDelivery>,
    /// `cursor` of the next page; null on the last one.
    pub next: Option<String>,
}

/// One send (or one fetch by a worker), and what its call came to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LoggedDelivery {
    /// The send.
    #[schema(format = Uuid)]
    pub attempt_id: String,
    /// The task.
    #[schema(format = Uuid)]
    pub task_id: String,
    /// The round of the task: 1, then one per remix.
    pub round: u32,
    /// The invitation.
    #[schema(format = Uuid)]
    pub invitation_id: String,
    /// Names the call; the same on every send of it.
    pub webhook_id: String,
    /// `prototype` or `final`.
    pub mode: String,
    /// 0, then one per revision the buyer asked for.
    pub revision: u32,
    /// 1 for the first send of the call, then one more for each.
    pub number: u32,
    /// `sync`, `async` or `pull`.
    pub execution_mode: String,
    /// Whether a worker fetched it; otherwise it was posted.
    pub fetched: bool,
    /// When the send was begun.
    pub started_at: DateTime<Utc>,
    /// When it ended; null while it is under way.
    pub ended_at: Option<DateTime<Utc>>,
    /// When the call ends at the latest; null where that is not known any more.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Where it was posted; null where nothing left.
    pub url: Option<String>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// How this send ended: `ok`, `acknowledged`, `status_503`, `full_text_short`...; null while it is under way.
    pub code: Option<String>,
    /// How its call ended; null while it is open.
    pub outcome: Option<String>,
    /// The finer code of that.
    pub outcome_detail: Option<String>,
    /// Whether that counts for the agent's reliability; null while it is open.
    pub reliability: Option<ReliabilityEffect>,
    /// What was dropped, cut or went wrong.
    pub warnings: Vec<String>,
    /// What to mend; empty where nothing is.
    pub advice: Vec<String>,
    /// The version the agent's health check had told when this was sent.
    pub agent_version: Option<String>,
    /// How long each step took.
    pub timing: PhaseTimes,
    /// Bytes of the answer's body that were read.
    pub response_bytes: Option<u64>,
}

/// Whether the way a call ended counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReliabilityEffect {
    /// `for`, `against`, `no`, or `if_healthy`: against it only if its last health probe before had passed.
    pub counts: String,
    /// Why, in words.
    pub reason: String,
}

/// Milliseconds per step; null where a step was not reached or not needed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, ToSchema)]
pub struct PhaseTimes {
    /// Whether an open connection was used again: then nothing was connected.
    pub reused: bool,
    /// Looking the name up.
    pub dns_ms: Option<f64>,
    /// Opening the connection.
    pub connect_ms: Option<f64>,
    /// The TLS handshake.
    pub tls_ms: Option<f64>,
    /// From the request on the wire to the head of the answer.
    pub first_byte_ms: Option<f64>,
    /// From the head to the last byte of the body.
    pub body_ms: Option<f64>,
    /// All of it, waiting for its turn included; null while it is under way.
    pub total_ms: Option<f64>,
}

/// One send with everything that went over the wire.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeliveryDetail {
    /// As in the list.
    #[serde(flatten)]
    pub delivery: LoggedDelivery,
    /// What was sent.
    pub request: SentRequest,
    /// What came back on the same connection; null where nothing did. Of an asynchronous agent it is only its
    /// acknowledgement: see `result`.
    pub response: Option<ReceivedResponse>,
    /// When an asynchronous agent took the brief.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// What came by callback or from a worker; null where nothing did.
    pub result: Option<ReceivedResult>,
    /// Every time a worker fetched this call, in order; empty where it was posted.
    pub fetches: Vec<Fetch>,
    /// The answer that was taken; null where none was, or another send brought it.
    pub taken: Option<TakenAnswer>,
    /// When all bodies of this task were removed, some time after it had ended: then every `body` is null, and so is
    /// `taken`. Null while they are kept.
    pub texts_removed_at: Option<DateTime<Utc>>,
}

/// A request without anybody's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SentRequest {
    /// `POST`; null where a worker fetched it.
    pub method: Option<String>,
    /// Where to; null where nothing left.
    pub url: Option<String>,
    /// In order; keys are hidden.
    pub headers: Vec<HeaderView>,
    /// The JSON as it was signed and sent, byte for byte; of asynchronous agents without `callback_secret`. Null where
    /// it was not kept.
    pub body: Option<String>,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceivedResponse {
    /// The HTTP status.
    pub status: Option<u16>,
    /// In order.
    pub headers: Vec<HeaderView>,
    /// The start of a body that was not taken, at most 64 KiB; null of one that was.
    pub body: Option<String>,
}

/// One header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeaderView {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What came by callback or from a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceivedResult {
    /// When.
    pub received_at: DateTime<Utc>,
    /// The `webhook-id` it came under, or the hash of its body.
    pub message_id: Option<String>,
    /// What it came to: `ok`, or why it was refused.
    pub code: Option<String>,
    /// What was dropped, cut or went wrong.
    pub warnings: Vec<String>,
    /// The start of a body that was not taken.
    pub body: Option<String>,
}

/// One time that a worker fetched a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fetch {
    /// Its line in this log.
    #[schema(format = Uuid)]
    pub attempt_id: String,
    /// The number of its lease.
    pub lease: u32,
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
    /// When it ended; null while the worker has it.
    pub ended_at: Option<DateTime<Utc>>,
    /// Until when the worker has it for itself; null of a lease that is over.
    pub lease_until: Option<DateTime<Utc>>,
    /// How it ended.
    pub code: Option<String>,
}

/// The answer that became a bid or a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TakenAnswer {
    /// The bid, of a prototype call.
    #[schema(format = Uuid)]
    pub bid_id: Option<String>,
    /// The delivery, of a final call.
    #[schema(format = Uuid)]
    pub delivery_id: Option<String>,
    /// Bytes of its text and artifacts.
    pub bytes: u64,
    /// The answer as it was understood; null unless asked for with `include=answer`.
    pub answer: Option<Value>,
}

/// The body of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplayRequest {
    /// Where the stored request is sent: an address that an agent could be registered with. On your own machine that
    /// takes an operator who allows it (`network.allow`).
    #[schema(max_length = 2000, example = "http://127.0.0.1:9000/execute")]
    pub url: String,
}

/// What came back of a replay. Nothing of the market has changed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReplayResult {
    /// The send that was repeated.
    #[schema(format = Uuid)]
    pub attempt_id: String,
    /// As then.
    pub webhook_id: String,
    /// What was sent, signed anew.
    pub request: SentRequest,
    /// What came back; null where nothing did.
    pub response: Option<ReceivedResponse>,
    /// The verdict's code.
    pub code: String,
    /// How the call would have ended; null of an acknowledgement.
    pub outcome: Option<String>,
    /// Whether that would have counted in a call; a replay counts for nothing.
    pub reliability: Option<ReliabilityEffect>,
    /// What would have been dropped or cut, or what went wrong.
    pub warnings: Vec<String>,
    /// What to mend.
    pub advice: Vec<String>,
    /// How long each step took.
    pub timing: PhaseTimes,
    /// Bytes of the answer's body that were read.
    pub response_bytes: Option<u64>,
}
