//! Settings: the shipped defaults, then a file, then the environment; checked whole before anything starts.
//!
//! [`load`] gives an [`AppConfig`], which holds plain values of the crates that use them: nothing past this folder
//! knows where a setting came from.

mod convert; // from what is written to what is used
mod file; // the shape of the file
mod known; // names that are no setting, and values of the wrong kind

pub use convert::AppConfig;

use ::config::{Config, Environment, File, FileFormat};
use std::collections::HashMap;
use std::path::Path;

/// Every setting with its default and one comment.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");
/// What settings are called in the environment: `GAVEL__SECTION__KEY`.
const PREFIX: &str = "GAVEL";
const SEPARATOR: &str = "__";

/// Why the settings cannot be used. Every sentence names the setting and where it stands.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A name that is no setting.
    #[error("{key} in {origin} is no setting{hint}")]
    Unknown {
        /// The name, as `section.key`.
        key: String,
        /// The file or the environment.
        origin: String,
        /// What was probably meant.
        hint: String,
    },
    /// A value that its setting cannot take.
    #[error("{key} in {origin} cannot be used: {problem}")]
    Value {
        /// The name, as `section.key`.
        key: String,
        /// The file or the environment.
        origin: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that cannot be read, or is not TOML.
    #[error("{0}")]
    Source(#[from] ::config::ConfigError),
    /// A further file that a setting names cannot be used.
    #[error("the file {path}, named by {key}, cannot be used: {problem}")]
    Named {
        /// The setting that names it.
        key: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of the catalogue is damaged.
    #[error(transparent)]
    Catalog(#[from] crate::catalog::CatalogError),
}

/// Reads the settings: the defaults, then `file`, then the environment of this process.
///
/// # Errors
/// The first thing that cannot be used, by name and place.
pub fn load(file: Option<&Path>) -> Result<AppConfig, SettingsError> {
    read(file, None)
}

/// The shipped defaults alone, for commands and tests that set the rest themselves.
///
/// # Errors
/// Never for the shipped file; a test holds that.
pub fn defaults() -> Result<AppConfig, SettingsError> {
    read(None, Some(HashMap::new()))
}

fn read(file: Option<&Path>, env: Option<HashMap<String, String>>) -> Result<AppConfig, SettingsError> {
    let defaults = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml)).build()?;
    let (mut merged, mut given) = (Config::builder().add_source(defaults.clone()), Config::builder());
    if let Some(path) = file {
        let source = File::from(path).format(FileFormat::Toml);
        known::check(&defaults, &Config::builder().add_source(source.clone()).build()?, &path.display().to_string())?;
        (merged, given) = (merged.add_source(source.clone()), given.add_source(source));
    }
    let environment = environment().source(env);
    known::check(&defaults, &Config::builder().add_source(environment.clone()).build()?, ENVIRONMENT)?;
    let merged = merged.add_source(environment.clone()).build()?;
    let places = known::Places::new(file, &given.build()?, &Config::builder().add_source(environment).build()?);
    let written: file::Written = merged.try_deserialize()?;
    convert::convert(written, &places)
}

/// How the environment is called in messages.
const ENVIRONMENT: &str = "the environment (GAVEL__SECTION__KEY)";

fn environment() -> Environment {
    Environment::with_prefix(PREFIX)
        .prefix_separator(SEPARATOR)
        .separator(SEPARATOR)
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("network.ports")
}

#[cfg(test)]
mod tests;
