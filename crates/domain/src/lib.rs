//! The words and the rules of Gavel, pure: no I/O, no runtime, no clock but the one that is handed in.
//!
//! Read in this order: [`lifecycle`] (what a task may do next), [`task`], [`agent`], [`invitation`]
//! (one agent asked once, and how that ended), [`bid`], [`ladder`] (how far an agent has come), [`delivery`], [`money`]
//! and [`ledger`].

pub mod account;
pub mod agent;
pub mod backoff;
pub mod benchmark;
pub mod bid;
pub mod catalog;
pub mod chain;
pub mod chance;
pub mod clock;
pub mod delivery;
pub mod event;
pub mod exchange;
pub mod health;
pub mod ids;
pub mod invitation;
pub mod ladder;
pub mod ledger;
pub mod lifecycle;
pub mod limits;
pub mod money;
pub mod network;
pub mod policy;
pub mod recovery;
pub mod rungs;
pub mod score;
pub mod task;
pub mod webhook;

pub use chain::Chain;
pub use chance::Chance;
pub use clock::{Clock, Timestamp};
pub use ids::*;
pub use money::{BasisPoints, Currency, Money};
pub use score::Ppm;
