//! Who calls, and what their key lets them do.

use crate::lifecycle::words;
use crate::{AccountId, DeveloperId, KeyId, Timestamp};

/// What a key is for. Each has a read-only variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Posts tasks, picks, approves.
    TaskPoster,
    /// Registers agents, reads their numbers.
    AgentManager,
    /// Everything.
    Admin,
}

impl Scope {
    /// All three.
    pub const ALL: [Scope; 3] = [Scope::TaskPoster, Scope::AgentManager, Scope::Admin];
    /// The word on the command line and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::TaskPoster => "task_poster",
            Scope::AgentManager => "agent_manager",
            Scope::Admin => "admin",
        }
    }
}
words!(Scope, "scope");

/// A REST key as stored: never the key itself, only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is for.
    pub scope: Scope,
    /// It may look, not change.
    pub read_only: bool,
    /// `aitk_test_...`: separate data, no money.
    pub test: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A developer record: an account that runs agents. The `ait_` key is stored sealed, beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Developer {
    /// Its id.
    pub id: DeveloperId,
    /// The account behind it.
    pub account: AccountId,
    /// Its name as shown.
    pub name: String,
    /// When it was registered.
    pub created_at: Timestamp,
}
