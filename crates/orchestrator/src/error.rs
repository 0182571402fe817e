//! Why a step could not be taken now. The loop logs it once and tries again after a pause.

use gavel_domain::AgentId;

/// Why a step could not be taken now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The database could not be read or written.
    #[error("the store failed")]
    Store(#[from] gavel_store::Error),
    /// A stored secret does not open: the key file is another one.
    #[error(
        "a stored secret of agent {agent} does not open; is secrets.key_file the one it was sealed with?"
    )]
    Sealed {
        /// Whose.
        agent: AgentId,
        /// Why.
        #[source]
        source: gavel_vault::VaultError,
    },
    /// Whom to ask could not be decided.
    #[error("it could not be decided whom to ask")]
    Undecided(#[source] gavel_candidates::Error),
    /// A document of ours is no JSON, or could not be written as such.
    #[error("a {what} could not be read or written as JSON")]
    Document {
        /// What kind of document.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A row that must be there is not.
    #[error("{0}")]
    Missing(String),
}

impl From<gavel_candidates::Error> for StepError {
    fn from(error: gavel_candidates::Error) -> Self {
        match error {
            gavel_candidates::Error::Store(error) => StepError::Store(error),
            error => StepError::Undecided(error),
        }
    }
}

impl StepError {
    /// Whether it is only that the database is busy or away.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, StepError::Store(gavel_store::Error::Busy(_)))
    }
}
