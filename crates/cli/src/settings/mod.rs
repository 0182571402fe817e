//! Settings: the shipped defaults, then a file, then the environment; checked whole before anything starts.
//!
//! [`load`] gives an [`AppConfig`], which holds plain values of the crates that use them: nothing past this folder
//! knows where a setting came from.

mod convert; // from what is written to what is used
mod doubts; // what can be used and is probably not meant
mod categories; // what the catalogue says of each category, and what is said over it
mod file; // the shape of the file
mod known; // names that are no setting, and values of the wrong kind
mod values; // what a value may be
mod triage; // whom to ask
mod summary; // what is in force, without passwords

pub use convert::AppConfig;
pub(crate) use summary::place_of;
pub use triage::triage_policy;

use ::config::{Config, File, FileFormat};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// Every setting with its default and one comment.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");
/// What settings are called in the environment: `GAVEL__SECTION__KEY`.
const PREFIX: &str = "GAVEL__";
const SEPARATOR: &str = "__";
/// How the environment is called in messages.
const ENVIRONMENT: &str = "the environment (GAVEL__SECTION__KEY)";
/// How the command line is called in messages.
const ARGUMENTS: &str = "the command line (--database)";

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
    /// The settings' file cannot be read, or is not TOML.
    #[error("the settings file {path} {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What was written cannot be put together.
    #[error(transparent)]
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
    /// The catalogue cannot be used.
    #[error(transparent)]
    Catalog(#[from] crate::catalog::CatalogError),
    /// A task that agents are tried with is damaged.
    #[error(transparent)]
    Suite(#[from] gavel_judge::benchmark::SuiteError),
}

/// Reads the settings: the defaults, then `file`, then the environment of this process.
///
/// # Errors
/// The first thing that cannot be used, by name and place.
pub fn load(file: Option<&Path>) -> Result<AppConfig, SettingsError> {
    Merged::new(Sources { file, environment: environment(), database: None })?.convert()
}

/// The settings with another database than they name.
///
/// # Errors
/// The first thing that cannot be used, by name and place.
pub fn load_with_database(file: Option<&Path>, database: &str) -> Result<AppConfig, SettingsError> {
    Merged::new(Sources { file, environment: environment(), database: Some(database) })?.convert()
}

/// The shipped defaults alone, for commands and tests that set the rest themselves.
///
/// # Errors
/// Never for the shipped file; a test holds that.
pub fn defaults() -> Result<AppConfig, SettingsError> {
    Merged::new(Sources::default())?.convert()
}

/// Every setting by its name with the value that is in force; passwords are not shown.
///
/// # Errors
/// The first thing that cannot be used, by name and place.
pub fn in_force(file: Option<&Path>) -> Result<BTreeMap<String, Value>, SettingsError> {
    let merged = Merged::new(Sources { file, environment: environment(), database: None })?;
    let shown = summary::summary(&merged.all);
    merged.convert()?;
    Ok(shown)
}

/// What can be used and is probably not meant, as sentences: variables that are not read, and timers of which one makes
/// the other pointless.
pub fn doubts(config: &AppConfig) -> Vec<String> {
    let defaults = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml)).build();
    let overlooked = defaults.map(|defaults| doubts::overlooked(&environment(), &defaults));
    let overlooked = overlooked.into_iter().flatten();
    overlooked.chain(doubts::of_timers(&config.timers)).chain(doubts::of_activation(config)).collect()
}

/// Every setting by its name with its default.
///
/// # Errors
/// Never for the shipped file; a test holds that.
pub fn default_values() -> Result<BTreeMap<String, Value>, SettingsError> {
    Ok(summary::summary(&Merged::new(Sources::default())?.all))
}

type Variables = Vec<(String, String)>;

fn environment() -> Variables {
    // A variable that is not text is none of ours: every name and value of ours is.
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).collect()
}

/// Where settings come from beside the defaults; the last wins.
#[derive(Default)]
struct Sources<'a> {
    file: Option<&'a Path>,
    environment: Variables,
    /// `--database`.
    database: Option<&'a str>,
}

/// All sources over each other, not yet checked for more than names and kinds.
struct Merged {
    all: Config,
    places: known::Places,
}

impl Merged {
    fn new(sources: Sources<'_>) -> Result<Merged, SettingsError> {
        let defaults = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml)).build()?;
        let file_name = sources.file.map(|path| path.display().to_string()).unwrap_or_default();
        let in_file = sources.file.map_or(Ok(Config::default()), |path| from_file(path, &defaults))?;
        let in_environment = from_environment(sources.environment, &defaults)?;
        let in_arguments =
            Config::builder().set_override_option("database.url", sources.database)?.build()?;
        let given =
            [(&in_file, file_name.as_str()), (&in_environment, ENVIRONMENT), (&in_arguments, ARGUMENTS)];
        let places = known::Places::new(given);
        let all = [in_file, in_environment, in_arguments].into_iter();
        let all = all.fold(Config::builder().add_source(defaults), |all, given| all.add_source(given));
        Ok(Merged { all: all.build()?, places })
    }

    fn convert(self) -> Result<AppConfig, SettingsError> {
        let Merged { all, places } = self;
        let written = all.try_deserialize().map_err(|error| places.locate(error))?;
        convert::convert(written, &places)
    }
}

fn from_file(path: &Path, defaults: &Config) -> Result<Config, SettingsError> {
    let file = || path.display().to_string();
    let unusable = |problem| SettingsError::File { path: file(), problem };
    let text = std::fs::read_to_string(path).map_err(|e| unusable(format!("cannot be read: {e}")))?;
    let given = Config::builder().add_source(File::from_str(&text, FileFormat::Toml)).build();
    let given = given.map_err(|e| unusable(format!("is not TOML: {}", e.to_string().trim_end())))?;
    known::check(defaults, &given, &file())?;
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
