//! Names that are no setting, values of the wrong kind, and where a value came from. The shipped defaults name every
//! setting, so they are the list that names are held against.

use super::values::{about_number, wrong_word};
use super::{ENVIRONMENT, SettingsError};
use ::config::{Config, ConfigError, Value, ValueKind};
use std::collections::BTreeMap;

/// Tables whose keys the operator chooses: categories.
const OPEN: &[&str] = &["timers.prototype_call_seconds_by_category", "timers.final_call_seconds_by_category"];

/// Where the settings that were changed stand.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<String, String>);

impl Places {
    /// From what each place gave; the last place wins here as it does for the value.
    pub(super) fn new<'a>(given: impl IntoIterator<Item = (&'a Config, &'a str)>) -> Self {
        let all = given
            .into_iter()
            .flat_map(|(given, place)| leaves(given).into_keys().map(move |key| (key, place.to_owned())));
        Places(all.collect())
    }

    /// An error about a setting's value.
    pub(super) fn value(&self, key: &str, problem: impl ToString) -> SettingsError {
        let whole = key.split('[').next().unwrap_or(key); // of a list's entry: the list
        let origin = self.0.get(whole).map_or("the defaults", String::as_str);
        bad_value(key, origin, &problem.to_string())
    }

    /// An error about two settings that contradict each other, told of the one that was changed.
    pub(super) fn pair(&self, key: &str, other: &str, problem: &str) -> SettingsError {
        let (blamed, against) = if self.0.contains_key(key) { (key, other) } else { (other, key) };
        self.value(blamed, format!("{problem} (against {against})"))
    }

    /// The reader's error, with the place it does not know any more.
    pub(super) fn locate(&self, error: ConfigError) -> SettingsError {
        match error {
            ConfigError::At { error, key: Some(key), .. } => self.value(&key, plain(error.to_string())),
            ConfigError::Type { unexpected, expected, key: Some(key), .. } => {
                self.value(&key, plain(format!("{unexpected}, expected {expected}")))
            }
            other => SettingsError::Source(other),
        }
    }
}

/// A complaint in a person's words, where there are some.
fn plain(complaint: String) -> String {
    about_number(&complaint).unwrap_or(complaint)
}

/// Holds what was given against the defaults.
pub(super) fn check(defaults: &Config, given: &Config, origin: &str) -> Result<(), SettingsError> {
    for (key, value) in leaves(given) {
        let default = default_of(defaults, &key, origin)?;
        if let Some(problem) = mismatch(&default, &value) {
            return Err(bad_value(&key, origin, problem));
        }
        check_word(&key, &value, origin)?;
    }
    Ok(())
}

/// The text of a variable as a value of its setting's kind.
pub(super) fn typed(defaults: &Config, key: &str, text: &str) -> Result<ValueKind, SettingsError> {
    let number = |text: &str| {
        let number = text.trim().parse().map(ValueKind::I64);
        number.map_err(|_| bad_value(key, ENVIRONMENT, &format!("{text:?} is no whole number")))
    };
    Ok(match default_of(defaults, key, ENVIRONMENT)? {
        ValueKind::I64(_) => number(text)?,
        ValueKind::Array(_) => {
            let list = text.split(',').map(|one| Ok(Value::new(None, number(one)?)));
            ValueKind::Array(list.collect::<Result<_, SettingsError>>()?)
        }
        _ => {
            let value = ValueKind::String(text.to_owned());
            check_word(key, &value, ENVIRONMENT)?;
            value
        }
    })
}

fn check_word(key: &str, value: &ValueKind, origin: &str) -> Result<(), SettingsError> {
    match wrong_word(key, &Value::new(None, value.clone()).to_string()) {
        Some(problem) => Err(bad_value(key, origin, &problem)),
        None => Ok(()),
    }
}

fn default_of(defaults: &Config, key: &str, origin: &str) -> Result<ValueKind, SettingsError> {
    let mut known = leaves(defaults);
    if OPEN.iter().any(|table| is_entry_of(key, table)) {
        return Ok(ValueKind::I64(0)); // seconds
    }
    known.remove(key).ok_or_else(|| SettingsError::Unknown {
        hint: hint(key, &known),
        key: key.to_owned(),
        origin: origin.to_owned(),
    })
}

fn bad_value(key: &str, origin: &str, problem: &str) -> SettingsError {
    SettingsError::Value { key: key.to_owned(), origin: origin.to_owned(), problem: problem.to_owned() }
}

fn is_entry_of(key: &str, table: &str) -> bool {
    key.strip_prefix(table).and_then(|rest| rest.strip_prefix('.')).is_some_and(|name| !name.contains('.'))
}

/// The reader would round 2.5 to a whole number and take true for 1: both are more likely mistakes.
fn mismatch(default: &ValueKind, given: &ValueKind) -> Option<&'static str> {
    match (default, given) {
        (ValueKind::I64(_), ValueKind::I64(_)) => None,
        (ValueKind::I64(_), _) => Some("it must be a whole number"),
        (ValueKind::Array(_), ValueKind::Array(_)) => None,
        (ValueKind::Array(_), _) => Some("it must be a list"),
        (_, ValueKind::Table(_) | ValueKind::Array(_)) => Some("it must be one value"),
        _ => None,
    }
}

/// Every value by its full name; empty tables have none.
pub(super) fn leaves(config: &Config) -> BTreeMap<String, ValueKind> {
    let mut found = BTreeMap::new();
    walk(String::new(), &config.cache, &mut found);
    found
}

fn walk(name: String, value: &Value, found: &mut BTreeMap<String, ValueKind>) {
    let ValueKind::Table(table) = &value.kind else {
        found.insert(name, value.kind.clone());
        return;
    };
    for (key, value) in table {
        let full = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        walk(full, value, found);
    }
}

/// The known name that differs least, when it differs by little.
fn hint(key: &str, known: &BTreeMap<String, ValueKind>) -> String {
    let nearest = known.keys().map(|name| (distance(key, name), name)).min();
    match nearest {
        Some((edits, name)) if edits <= 1 + name.len() / 6 => format!("; did you mean {name}?"),
        _ => "; `gavel check-config --defaults` prints all of them".to_owned(),
    }
}

/// How many letters must be put in, taken out or changed to get from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let change = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
