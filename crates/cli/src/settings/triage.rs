//! Whom to ask: from what is written to what is used.

use super::SettingsError;
use super::convert::{named, policy_file};
use super::file::Triage;
use super::known::Places;
use gavel_domain::catalog::Catalog;
use gavel_domain::limits::AGENTS_MAX;
use gavel_triage::{AlarmRules, Policy, Rulebook, Rules, thompson};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The shipped parameters are a file in `config/policy`; a test holds them equal to the crate's own defaults.
const TRIAGE: &str = include_str!("../../../../config/policy/triage.toml");
const THOMPSON: &str = include_str!("../../../../config/policy/thompson.toml");

/// By which rules agents are chosen, category by category.
pub(super) fn rules(
    triage: &Triage,
    catalog: &Catalog,
    places: &Places,
) -> Result<Arc<Rules>, SettingsError> {
    let path = &triage.policy_file;
    let policy: Policy = policy_file("triage.policy_file", path, TRIAGE)?;
    let lanes = Rulebook::new(policy).map_err(|e| named("triage.policy_file", path, e))?;
    let opened = thompson_categories(&triage.thompson_categories, catalog, places)?;
    let path = &triage.thompson_file;
    let thompson: thompson::Policy = policy_file("triage.thompson_file", path, THOMPSON)?;
    let rules = Rules::lanes(lanes).opened(thompson, opened);
    rules.map(Arc::new).map_err(|e| named("triage.thompson_file", path, e))
}

/// Parameters of `aitasker-v1` from a file of somebody's own.
///
/// # Errors
/// When the file cannot be read or names what is no parameter.
pub fn triage_policy(path: &Path) -> Result<Policy, SettingsError> {
    policy_file("--policy", &path.to_string_lossy(), TRIAGE)
}

pub(super) fn min_bids(bids: u8, places: &Places) -> Result<Option<u8>, SettingsError> {
    match bids {
        0 => Ok(None),
        1..=AGENTS_MAX => Ok(Some(bids)),
        _ => Err(places.value("triage.min_bids", format!("it must be at most {AGENTS_MAX}"))),
    }
}

fn thompson_categories(
    text: &str,
    catalog: &Catalog,
    places: &Places,
) -> Result<BTreeSet<String>, SettingsError> {
    let slugs = text.split(',').map(str::trim).filter(|slug| !slug.is_empty());
    let known = |slug: &str| match catalog.category(slug) {
        Some(category) => Ok(category.slug.clone()),
        None => {
            let valid: Vec<_> = catalog.categories.iter().map(|category| category.slug.as_str()).collect();
            let problem = format!("{slug:?} is no category; valid are: {}", valid.join(", "));
            Err(places.value("triage.thompson_categories", problem))
        }
    };
    slugs.map(known).collect()
}

pub(super) fn alarms(triage: &Triage, places: &Places) -> Result<AlarmRules, SettingsError> {
    let (low, high) = (triage.alarm_top_share_low_milli, triage.alarm_top_share_high_milli);
    let high_key = "triage.alarm_top_share_high_milli";
    if high > 1000 {
        return Err(places.value(high_key, "it is a share in thousandths: it must be at most 1000"));
    }
    if low > high {
        let problem = format!("{low} thousandths is above the highest share, {high}");
        return Err(places.pair("triage.alarm_top_share_low_milli", high_key, &problem));
    }
    Ok(AlarmRules {
        top_share_low_milli: low.into(),
        top_share_high_milli: high.into(),
        agents_min: triage.alarm_agents_min,
    })
}

pub(super) fn forced_seed(text: &str, places: &Places) -> Result<Option<u64>, SettingsError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| places.value("triage.forced_seed", "it must be a whole number"))
}
