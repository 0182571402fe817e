//! Secrets: what must be recovered is sealed under one key file, what need not be stored is derived from it, and
//! keys are made here.

mod callback;
mod dispatch;
mod keys;
mod seal;
mod webhook;

pub use dispatch::SigningKeys;
pub use keys::{OsChance, Secret, hash_key, new_api_key, new_developer_key, new_signing_secret};
pub use seal::{Vault, VaultError};

use gavel_domain::{AccountId, AgentId, DeveloperId};

/// What a developer's `ait_` key is sealed for: it opens nowhere else.
pub fn developer_key_context(developer: DeveloperId) -> String {
    format!("developer:{developer}")
}

/// What an answer is sealed for that is kept under an account's idempotency key.
pub fn answer_context(account: AccountId, key: &str) -> String {
    format!("answer:{account}:{key}")
}

/// What an agent's signing secret is sealed for.
pub fn agent_secret_context(agent: AgentId) -> String {
    format!("agent:{agent}")
}
