//! Settings that can be used, and are probably not what was meant.

use super::known::leaves;
use super::{AppConfig, PREFIX, SEPARATOR, Variables};
use crate::suite;
use ::config::Config;
use chrono::TimeDelta;
use gavel_domain::benchmark::Activation;
use gavel_domain::policy::Timers;

/// Variables that look like settings and are none, each with what was probably meant.
pub(super) fn overlooked(variables: &Variables, defaults: &Config) -> Vec<String> {
    let keys: Vec<String> = leaves(defaults).into_keys().collect();
    let flat = |name: &str| name.to_lowercase().replace(SEPARATOR, "_").replace('.', "_");
    let one = |(name, _): &(String, String)| {
        let rest = name.strip_prefix("GAVEL_").filter(|_| !name.starts_with(PREFIX))?;
        let meant = keys.iter().find(|key| flat(key) == flat(rest))?;
        let meant = meant.to_uppercase().replace('.', SEPARATOR);
        Some(format!("the variable {name} is not read: settings have two underscores, {PREFIX}{meant}"))
    };
    variables.iter().filter_map(one).collect()
}

/// Timers of which one makes the other pointless.
pub(super) fn of_timers(timers: &Timers) -> Option<String> {
    let calls = timers.prototype_call_by_category.values().copied();
    let longest = calls.fold(timers.prototype_call, TimeDelta::max);
    (timers.phase < longest).then(|| {
        format!(
            "timers.phase_seconds ({}) is below the longest prototype call ({} s, timers.prototype_call_seconds and by \
             category): such calls are cut when the phase ends, and slowness counts against no agent",
            timers.phase.num_seconds(),
            longest.num_seconds()
        )
    })
}

/// Agents that have to pass where there is nothing to be passed would never be asked there.
pub(super) fn of_activation(config: &AppConfig) -> Option<String> {
    let slugs = config.catalog.categories.iter().map(|category| &category.slug);
    let without: Vec<&str> =
        slugs.filter(|slug| !suite::is_whole(&config.suite, slug)).map(String::as_str).collect();
    (config.activation == Activation::Benchmark && !without.is_empty()).then(|| {
        format!(
            "agents are asked once they have passed a benchmark (agents.activation), but there is none for {}: nobody \
             new is asked there",
            without.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::{DEFAULTS, defaults};
    use super::*;
    use ::config::{File, FileFormat};

    #[test]
    fn a_single_underscore_is_told() {
        let all = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml)).build().unwrap();
        let check = |name: &str, expected: Option<&str>| {
            let told = overlooked(&vec![(name.to_owned(), "1".to_owned())], &all);
            assert_eq!(told.len(), expected.iter().len(), "{name}: {told:?}");
            assert!(expected.is_none_or(|meant| told[0].ends_with(meant)), "{name}: {told:?}");
        };
        check("GAVEL_TIMERS__PHASE_SECONDS", Some("GAVEL__TIMERS__PHASE_SECONDS"));
        check("GAVEL_MONEY_MODE", Some("GAVEL__MONEY__MODE"));
        check("GAVEL__MONEY__MODE", None);
        for ours in ["GAVEL_CONFIG", "GAVEL_AGENT_KEY", "GAVEL_CORPORA", "MONEY_MODE"] {
            check(ours, None);
        }
    }

    #[test]
    fn a_phase_that_is_shorter_than_a_call_is_told() {
        let mut timers = defaults().unwrap().timers;
        assert_eq!(of_timers(&timers), None);
        timers.phase = TimeDelta::seconds(179);
        let told = of_timers(&timers).unwrap();
        assert!(told.contains("(179)") && told.contains("180 s"), "{told}");
    }

    #[test]
    fn agents_that_nothing_is_there_to_try_with_are_told_of() {
        let mut config = defaults().unwrap();
        config.suite = Default::default();
        assert_eq!(of_activation(&config), None, "they are asked at once");
        config.activation = Activation::Benchmark;
        let told = of_activation(&config).unwrap();
        assert!(
            told.contains("agents.activation") && told.contains("content-writing, data-spreadsheets"),
            "{told}"
        );
    }
}
