//! How a command ends when it does not succeed, and the exit code that tells so.

use crate::settings::SettingsError;
use gavel_domain::Chain;
use gavel_vault::VaultError;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// What was asked cannot be done as asked.
    #[error("{0}")]
    Usage(String),
    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] VaultError),
    /// The key file is not the one this database was made with.
    #[error(
        "the key file {path} is not the one this database was made with; name the right one in secrets.key_file (restore it from your backup: what is sealed opens with no other)"
    )]
    WrongKeyFile {
        /// The file.
        path: String,
    },
    /// The database counts in another currency.
    #[error(
        "platform.currency is {set}, but this database counts in {kept}: set platform.currency to {kept}, or begin with another database for {set}"
    )]
    OtherCurrency {
        /// The database's.
        kept: String,
        /// The settings'.
        set: String,
    },
    /// No agent answered with anything usable.
    #[error("no valid bid: {0}")]
    NoValidBid(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] gavel_store::Error),
    /// Something else failed.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// 1 failed, 2 wrong usage or settings, 3 no valid bid.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Failure::Store(_) | Failure::Other(_) => 1,
            Failure::Settings(_)
            | Failure::Usage(_)
            | Failure::KeyFile(_)
            | Failure::WrongKeyFile { .. }
            | Failure::OtherCurrency { .. } => 2,
            Failure::NoValidBid(_) => 3,
        }
    }

    /// The sentence with its causes, for a person.
    pub fn told(&self) -> String {
        match self {
            Failure::Other(_) => self.to_string(), // `anyhow` writes its own causes
            _ => Chain(self).to_string(),
        }
    }
}
