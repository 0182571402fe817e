//! The way out: the one client that talks to addresses strangers gave us.
//!
//! What it keeps to, whoever asks: the guard's word on every URL and on every address a name resolves to, those very
//! addresses dialled and no others; no redirect, no proxy, no cookie, no second try, no decoding; bounded in time and
//! in bytes.

mod client; // `Outbound`: one request out, one answer or one named failure back
mod failure; // which kind of failure an error of the client is
mod limits; // every bound, with its reason
mod resolver; // one look-up per request; what was checked is what is dialled

pub use client::Outbound;
pub use limits::Limits;
pub use resolver::{Lookup, SystemLookup};
