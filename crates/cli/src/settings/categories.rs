//! What the catalogue says of each category, and what other settings say over it.

use super::SettingsError;
use super::convert::{policy_file, seconds};
use super::known::Places;
use crate::catalog;
use chrono::TimeDelta;
use gavel_domain::catalog::{Catalog, Timeouts};
use gavel_judge::Rubrics;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// The shipped weights are a file in `config/policy`; a test holds them equal to the crate's own defaults.
const RUBRICS: &str = include_str!("../../../../config/policy/judge.toml");

/// The catalogue with the weights that are in force, and these by themselves.
pub(super) fn catalog(folder: &str, policy: &str) -> Result<(Catalog, Rubrics), SettingsError> {
    let mut catalog = catalog::load(folder)?;
    let rubrics = rubrics(policy, &catalog)?;
    for category in &mut catalog.categories {
        category.rubric = Some(rubrics.for_category(&category.slug));
    }
    Ok((catalog, rubrics))
}

/// A file of the operator's wins over the catalogue, the catalogue over what is shipped for all.
fn rubrics(path: &str, catalog: &Catalog) -> Result<Rubrics, SettingsError> {
    let rubrics: Rubrics = policy_file("judge.policy_file", path, RUBRICS)?;
    let rows = catalog.categories.iter().filter_map(|c| Some((c.slug.clone(), c.rubric?)));
    match path {
        "" => Ok(rubrics.completed_by(rows)),
        _ if rubrics.says_all() => Ok(rubrics),
        _ => Ok(rubrics.completed_by(rows)),
    }
}

/// What the catalogue says of a category, unless the settings say otherwise.
pub(super) fn by_category(
    table: &str,
    entries: BTreeMap<String, NonZeroU32>,
    of: fn(&Timeouts) -> Option<TimeDelta>,
    catalog: &Catalog,
    places: &Places,
) -> Result<BTreeMap<String, TimeDelta>, SettingsError> {
    let in_catalog = catalog.categories.iter().filter_map(|c| Some((c.slug.clone(), of(&c.timeouts)?)));
    let one = |(category, value): (String, NonZeroU32)| {
        let key = format!("{table}.{category}");
        if catalog.category(&category).is_none() {
            return Err(places.value(&key, format!("there is no category {category:?}")));
        }
        Ok((category, seconds(&key, value, places)?))
    };
    in_catalog.map(Ok).chain(entries.into_iter().map(one)).collect()
}
