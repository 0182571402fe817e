//! How a database is opened, and why it may be refused.

use gavel_triage::Rules;
use std::sync::Arc;
use std::time::Duration;

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Connections to PostgreSQL that this process may have in work; three more look and listen.
    pub connections: u32,
    /// How long a caller waits for a connection before it is told that we are busy.
    pub acquire: Duration,
    /// How long PostgreSQL may work on one statement; `None`: as long as it takes.
    pub statement: Option<Duration>,
    /// What is done about an older database.
    pub migrate: Migrate,
    /// By which rules agents' standings are kept: with every score, failure and choice that is stored.
    pub rules: Arc<Rules>,
}

/// What is done about a database of an older version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// It is brought up to date.
    Auto,
    /// It is refused; somebody runs `gavel migrate` before.
    Never,
}

impl Default for Opening {
    fn default() -> Self {
        let five = Duration::from_secs(5); // no statement of a server needs a tenth of it
        Opening {
            connections: 16,
            acquire: five,
            statement: Some(five),
            migrate: Migrate::Auto,
            rules: Arc::default(),
        }
    }
}

impl Opening {
    /// For a command that one person waits for, and that may look at everything there is.
    pub fn unhurried(self) -> Self {
        Opening { statement: None, ..self }
    }
}

/// Why a database was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is older, and is not to be migrated here.
    #[error(
        "the database is at version {found}, this gavel needs {needed}: run `gavel migrate` first, or set database.migrate to \"auto\""
    )]
    Older {
        /// The database's version.
        found: i64,
        /// Ours.
        needed: i64,
    },
    /// A newer gavel has changed it more than this one can bear.
    #[error(
        "the database is at version {found}, which is more than one release ahead of this gavel ({known}): use a newer gavel"
    )]
    Newer {
        /// The database's version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A migration that this database has was another one.
    #[error(
        "migration {version} of this database is not the one this gavel knows: it was made by another build"
    )]
    Foreign {
        /// Which.
        version: i64,
    },
    /// Commits would be answered before they are durable.
    #[error(
        "synchronous_commit is {found:?} for our connections, so what was answered could be lost: take it out of database.url"
    )]
    NotDurable {
        /// What it is set to.
        found: String,
    },
}
