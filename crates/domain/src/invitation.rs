//! One agent asked in one round of one task, the sends that took, and the one way it ended.

use crate::lifecycle::words;
use crate::{AgentId, AttemptId, InvitationId, Money, TaskId, Timestamp};

/// Which of the two calls of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The competing draft.
    Prototype,
    /// The winner's finished work.
    Final,
}

impl Mode {
    /// Both.
    pub const ALL: [Mode; 2] = [Mode::Prototype, Mode::Final];
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Prototype => "prototype",
            Mode::Final => "final",
        }
    }
}
words!(Mode, "mode");

/// How an invitation (or a final call) ended. Exactly one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A usable answer: there is a bid.
    Valid,
    /// 200, but the answer breaks the contract; the detail code says where.
    InvalidResponse,
    /// The call's own time limit passed.
    Timeout,
    /// No connection, no TLS, or no byte of an answer.
    Unreachable,
    /// 422: the agent does not do this type.
    Declined,
    /// 429.
    RateLimited,
    /// Another 4xx (and 1xx, 2xx beside 200, 3xx).
    AgentError,
    /// 5xx beside 503.
    ServerError,
    /// 503.
    Unavailable,
    /// Still open when the phase closed before the call's own limit.
    Late,
    /// The buyer chose another bid first.
    Superseded,
    /// The task was cancelled.
    Cancelled,
    /// Our fault; never charged to the agent.
    PlatformFault,
}

impl Outcome {
    /// All codes.
    pub const ALL: [Outcome; 13] = [
        Outcome::Valid,
        Outcome::InvalidResponse,
        Outcome::Timeout,
        Outcome::Unreachable,
        Outcome::Declined,
        Outcome::RateLimited,
        Outcome::AgentError,
        Outcome::ServerError,
        Outcome::Unavailable,
        Outcome::Late,
        Outcome::Superseded,
        Outcome::Cancelled,
        Outcome::PlatformFault,
    ];

    /// The code in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Valid => "valid",
            Outcome::InvalidResponse => "invalid_response",
            Outcome::Timeout => "timeout",
            Outcome::Unreachable => "unreachable",
            Outcome::Declined => "declined",
            Outcome::RateLimited => "rate_limited",
            Outcome::AgentError => "agent_error",
            Outcome::ServerError => "server_error",
            Outcome::Unavailable => "unavailable",
            Outcome::Late => "late",
            Outcome::Superseded => "superseded",
            Outcome::Cancelled => "cancelled",
            Outcome::PlatformFault => "platform_fault",
        }
    }

    /// What this outcome does to the agent's reliability. A 503 counts only against an agent whose last health
    /// probe passed: one that was known to be down said nothing new.
    pub const fn reliability(self, last_probe: Probe) -> Reliability {
        match self {
            Outcome::Valid => Reliability::Success,
            Outcome::Declined
            | Outcome::Late
            | Outcome::Superseded
            | Outcome::Cancelled
            | Outcome::PlatformFault => Reliability::None,
            Outcome::Unavailable => match last_probe {
                Probe::Passing => Reliability::Counted,
                Probe::Failing | Probe::Unknown => Reliability::None,
            },
            Outcome::InvalidResponse
            | Outcome::Timeout
            | Outcome::Unreachable
            | Outcome::RateLimited
            | Outcome::AgentError
            | Outcome::ServerError => Reliability::Counted,
        }
    }

    /// Whether the dispatch counts as a real task of the agent (the newcomer's boost is spent by these).
    pub const fn is_real_task(self) -> bool {
        !matches!(self, Outcome::Superseded | Outcome::Cancelled | Outcome::PlatformFault)
    }
}
words!(Outcome, "outcome");

/// What the last health probe said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Probe {
    /// It answered 200 and `ok`.
    Passing,
    /// It did not.
    Failing,
    /// Never probed.
    Unknown,
}

/// The effect of an outcome on the agent's reliability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reliability {
    /// Counts for it.
    Success,
    /// Counts against it.
    Counted,
    /// Does not count.
    None,
}

/// One agent asked in one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The task.
    pub task: TaskId,
    /// 1, then one per remix.
    pub round: u32,
    /// The agent asked.
    pub agent: AgentId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The call's absolute deadline; a restart does not move it.
    pub deadline_at: Timestamp,
    /// Whether the deadline is the call's own limit (then passing it is the agent's timeout) or the phase's.
    pub deadline_is_own_limit: bool,
    /// Whether the newcomer's boost helped to choose this agent.
    pub boosted: bool,
    /// How it ended; `None` while it is open.
    pub ended: Option<Ending>,
}

/// How and when an invitation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The code.
    pub outcome: Outcome,
    /// A finer code, such as `full_text_short` or `status_500`.
    pub detail: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// One send. Written before the request leaves, completed when its answer is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// What was being sent.
    pub invitation: InvitationId,
    /// Prototype or final.
    pub mode: Mode,
    /// 0 for the prototype and the first final call, then one per revision.
    pub revision: u32,
    /// 1 or 2.
    pub number: u32,
    /// When the send was begun.
    pub started_at: Timestamp,
    /// What came of it; `None` while it is under way (or was lost with the process).
    pub result: Option<AttemptResult>,
}

/// What came of one send, for the developer's delivery log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptResult {
    /// When it ended.
    pub ended_at: Timestamp,
    /// The HTTP status, where one arrived.
    pub status: Option<u16>,
    /// The verdict's code: `ok`, `status_503`, `price_over_budget`, `connect_error`...
    pub code: String,
    /// What was dropped or cut, in words for the developer.
    pub warnings: Vec<String>,
    /// The start of an error body (at most [`crate::limits::ERROR_BODY_BYTES`]).
    pub error_body: Option<String>,
    /// What went over the wire; `None` where nothing did.
    pub trace: Option<Trace>,
}

/// What went over the wire in one send, without anybody's secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// Where the request went.
    pub url: String,
    /// Its headers in order; the values of keys are hidden.
    pub request_headers: Vec<(String, String)>,
    /// The answer's headers.
    pub response_headers: Vec<(String, String)>,
    /// Bytes of the answer's body that were read.
    pub response_bytes: Option<u64>,
    /// How long each step took.
    pub timing: Timing,
}

/// How long each step of a send took, in microseconds; `None` where a step was not reached or not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Whether an open connection was used again: then nothing was connected.
    pub reused: bool,
    /// Looking the name up.
    pub dns: Option<u32>,
    /// Opening the TCP connection.
    pub connect: Option<u32>,
    /// The TLS handshake.
    pub tls: Option<u32>,
    /// From the request on the wire to the head of the answer.
    pub first_byte: Option<u32>,
    /// From the head to the last byte of the body.
    pub body: Option<u32>,
}

/// The answer that became a bid or a delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The work itself.
    pub full_text: String,
    /// One to three sentences.
    pub summary: String,
    /// A word to the buyer, cleaned.
    pub message: Option<String>,
    /// Files beside the text.
    pub artifacts: Vec<Artifact>,
    /// Telemetry; never shown to buyers.
    pub token_usage: Option<TokenUsage>,
    /// What the agent asks; the budget where it named none. Ignored in final mode.
    pub price: Money,
}

/// A file that came with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// One of the four kinds.
    pub kind: ArtifactKind,
    /// A label, made safe; never a path.
    pub filename: String,
    /// The content as sent (neutralised only where it is shown).
    pub content: String,
}

/// The four kinds of artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArtifactKind {
    /// `.md`
    Markdown,
    /// `.csv`
    Csv,
    /// `.html`
    Html,
    /// `.json`
    Json,
}

impl ArtifactKind {
    /// All four.
    pub const ALL: [ArtifactKind; 4] =
        [ArtifactKind::Markdown, ArtifactKind::Csv, ArtifactKind::Html, ArtifactKind::Json];
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            ArtifactKind::Markdown => "markdown",
            ArtifactKind::Csv => "csv",
            ArtifactKind::Html => "html",
            ArtifactKind::Json => "json",
        }
    }
    /// The extension of its file name, with the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            ArtifactKind::Markdown => ".md",
            ArtifactKind::Csv => ".csv",
            ArtifactKind::Html => ".html",
            ArtifactKind::Json => ".json",
        }
    }
}
words!(ArtifactKind, "artifact type");

/// What the agent says its answer cost it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TokenUsage {
    /// Tokens read.
    pub input_tokens: Option<u64>,
    /// Tokens written.
    pub output_tokens: Option<u64>,
    /// The model's name.
    pub model: Option<String>,
    /// Its cost in US dollars.
    pub cost_usd: Option<f64>,
}
