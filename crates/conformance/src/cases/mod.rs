//! All cases, one file per heading, in the order in which they are played: what explains later failures comes first.

mod answer;
mod brief;
mod callback;
mod errors;
mod health;
mod key;
mod modes;
mod pull;
mod signature;

use crate::case::{Case, Via};

pub use pull::FETCHES;

const ALL: &[&[Case]] = &[
    health::CASES,
    pull::CASES,
    callback::CASES,
    answer::CASES,
    key::CASES,
    signature::CASES,
    modes::CASES,
    brief::CASES,
    errors::CASES,
];

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    ALL.iter().flat_map(|cases| cases.iter())
}

/// The cases of one transport, all or those that are named.
pub fn of(via: Via, only: &[String]) -> Vec<&'static Case> {
    let wanted = |case: &&Case| only.is_empty() || only.iter().any(|name| name == case.name);
    all().filter(|case| case.via.contains(&via)).filter(wanted).collect()
}
