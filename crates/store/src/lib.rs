//! Everything Gavel remembers, in SQLite (the default) or PostgreSQL, behind one concrete [`Store`].
//!
//! One SQL text serves both engines wherever both can run it. Every public method of it is one transaction (or one
//! read): it either happened whole, durably, or not at all. A [`Deed`] is such a transaction in its caller's hands.
//! Changes of a task's state are guarded by the state and the fence that the caller read; a guard that does not hold is
//! an answer ([`Guarded`]), not an error.

mod currency; // the one in which everything is counted
mod db;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
#[cfg(not(feature = "faults"))]
#[allow(unreachable_pub, reason = "with the feature it is public")]
mod faults {
    //! Without the feature nothing strikes and nothing is planted.
    include!("faults/planted.rs");

    pub(crate) const fn planted(_: Planted) -> bool {
        false
    }
}
mod hints;
mod news; // hints as they travel
mod opening;
mod postgres;
mod pulse;
mod relay; // hints between processes
mod schema;
mod seldom; // what many meet at once is told once in a while
mod rows;
mod sqlite;
mod exchanges;
mod letters;
mod locks;
mod trace;

pub mod accounts;
pub mod agents;
pub mod answers;
pub mod arrivals;
pub mod attempts;
pub mod backup;
pub mod benchmarks;
pub mod candidates;
pub mod choices;
pub mod claim;
pub mod decisions;
pub mod deed;
pub mod deliveries;
pub mod delivery_log;
pub mod dispatches;
pub mod doctor;
pub mod events;
pub mod figures;
pub mod gallery;
pub mod health;
pub mod idempotency;
pub mod invitations;
pub mod ledger;
pub mod meta;
pub mod overview;
pub mod pull;
pub mod recovery;
pub mod results;
pub mod retention;
pub mod rounds;
pub mod scores;
pub mod secrets;
pub mod standings;
pub mod stats;
pub mod tasks;
pub mod webhooks;

#[cfg(test)]
extern crate self as gavel_store; // the suite's helpers name this crate as its users do
#[cfg(test)]
mod guards; // what the database itself refuses
#[cfg(test)]
#[allow(clippy::unwrap_used, dead_code, reason = "a test may stop here, and needs not all of it")]
#[path = "../tests/suite/lived.rs"]
mod lived;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    reason = "a test may stop here, and needs not all of it"
)]
#[path = "../tests/suite/support.rs"]
mod support;

pub use claim::{Claimed, Lease};
pub use db::{Engine, Store};
pub use deed::Deed;
pub use error::{Cause, Error, Result};
pub use hints::{Hints, InvitationWatch, Watch};
pub use idempotency::{Held, IdempotencyKey, Kept, KeptBody, Once};
pub use opening::{Migrate, Opening, Refused};
pub use pulse::{OFFSET_MAX, Pulse};
pub use schema::Older;
pub use seldom::Seldom;
pub use sqlite::path_of;

/// The answer of a write that is guarded by what the caller read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a write whose guard did not hold changed nothing"]
pub enum Guarded<T> {
    /// The guard held; it is done.
    Done(T),
    /// Somebody else was faster; nothing was changed.
    Lost,
}
