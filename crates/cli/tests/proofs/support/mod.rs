//! One small harness for all proofs: the processes, who calls them, what they were told, and what must hold of it.
//!
//! Read in this order: [`arena`] (one run), [`server`] and [`place`] (the processes), [`front`] (the address all know),
//! [`market`] (agents), [`buyer`] and [`watcher`] (the load), [`http`] (one request, however often it takes), [`told`]
//! and [`found`] (what was acknowledged, what is there), [`check`] (the comparison, pure).

pub(crate) mod arena;
pub(crate) mod buyer;
pub(crate) mod check;
mod check_tests;
pub(crate) mod dice;
pub(crate) mod found;
pub(crate) mod front;
pub(crate) mod http;
pub(crate) mod market;
pub(crate) mod place;
pub(crate) mod server;
pub(crate) mod told;
pub(crate) mod watcher;

pub(crate) use gavel_testkit::aloud;
use std::time::Duration;

/// How long anything is waited for; far above what a loaded machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The runs take the machine one after the other: beside each other they would measure one another.
pub(crate) static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A whole number from the environment, such as `GAVEL_KILLS=1000`.
pub(crate) fn wanted(name: &str, otherwise: u64) -> u64 {
    let named = std::env::var(name).ok();
    named.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
