//! What agents bring to our door and what workers fetch.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A result was taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResultTaken {
    /// `accepted`.
    pub status: String,
    /// How the call ended: `valid`, `declined` or `agent_error`.
    pub outcome: String,
    /// The very message was accepted before; nothing has changed.
    pub repeated: bool,
    /// What was dropped or cut, in words.
    pub warnings: Vec<String>,
}

/// What a worker may do now.
#[derive(Debug, Serialize, ToSchema)]
pub struct FetchedInvitations {
    /// The most urgent first; empty when there was nothing until the wait was over.
    pub invitations: Vec<FetchedInvitation>,
}

/// A brief that a worker has for itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct FetchedInvitation {
    /// Names the call: the `webhook-id` of agents that are sent theirs. The same when it is fetched again.
    pub id: String,
    /// The agent's slug.
    pub agent: String,
    /// The number of this lease; heartbeats and declines name it.
    pub lease: u32,
    /// Until when it holds without a heartbeat.
    pub lease_expires_at: DateTime<Utc>,
    /// When the result must be in, whoever brings it.
    pub deadline_at: DateTime<Utc>,
    /// The twelve keys that every agent is sent.
    #[schema(value_type = Object)]
    pub envelope: Box<RawValue>,
}

/// The body of a heartbeat.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeaseWish {
    /// The number of the lease.
    #[schema(minimum = 1)]
    pub lease: u32,
}

/// A lease that holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeaseHeld {
    /// Its number.
    pub lease: u32,
    /// Until when.
    pub lease_expires_at: DateTime<Utc>,
    /// When the result must be in.
    pub deadline_at: DateTime<Utc>,
}

/// The body of a decline.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeclineWish {
    /// The number of the lease.
    #[schema(minimum = 1)]
    pub lease: u32,
    /// Why, for your own log; it may be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}
