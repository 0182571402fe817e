//! Settings: the shipped defaults, then a file, then the environment; checked whole before anything starts.
//!
//! [`load`] gives an [`AppConfig`], which holds plain values of the crates that use them: nothing past this folder
//! knows where a setting came from.

mod convert; // from what is written to what is used
mod file; // the shape of the file
mod known; // names that are no setting, and values of the wrong kind

pub use convert::AppConfig;

use ::config::{Config, File, FileFormat};
use std::ffi::OsString;
use std::path::Path;

/// Every setting with its default and one comment.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");
/// What settings are called in the environment: `GAVEL__SECTION__KEY`.
const PREFIX: &str = "GAVEL__";
const SEPARATOR: &str = "__";
/// How the environment is called in messages.
const ENVIRONMENT: &str = "the environment (GAVEL__SECTION__KEY)";

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
    // A variable that is not text is none of ours: every name and value of ours is.
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    read(file, std::env::vars_os().filter_map(text))
}

/// The shipped defaults alone, for commands and tests that set the rest themselves.
///
/// # Errors
/// Never for the shipped file; a test holds that.
pub fn defaults() -> Result<AppConfig, SettingsError> {
    read(None, [])
}

fn read(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<AppConfig, SettingsError> {
    let defaults = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml)).build()?;
    let in_file = match file {
        Some(path) => from_file(path, &defaults)?,
        None => Config::default(),
    };
    let in_environment = from_environment(environment, &defaults)?;
    let places = known::Places::new(file, &in_file, &in_environment);
    let all = Config::builder().add_source(defaults).add_source(in_file).add_source(in_environment).build()?;
    let written = all.try_deserialize().map_err(|error| places.locate(error))?;
    convert::convert(written, &places)
}

fn from_file(path: &Path, defaults: &Config) -> Result<Config, SettingsError> {
    let given = Config::builder().add_source(File::from(path).format(FileFormat::Toml)).build()?;
    known::check(defaults, &given, &path.display().to_string())?;
    Ok(given)
}

fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
    defaults: &Config,
) -> Result<Config, SettingsError> {
    let mut given = Config::builder();
    for (name, text) in variables {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        let key = key.to_lowercase().replace(SEPARATOR, ".");
        let value = known::typed(defaults, &key, &text)?;
        given = given.set_override(&key, value)?;
    }
    Ok(given.build()?)
}

#[cfg(test)]
mod tests;
