//! The way out: the one client that talks to addresses strangers gave us.
//!
//! What it keeps to, whoever asks: the guard's word on every URL and on every address a name resolves to, those very
//! addresses dialled and no others; no redirect, no proxy, no cookie, no second try, no decoding; bounded in time and
//! in bytes.

mod answer; // what comes back, and how much of it is read
mod client; // `Outbound`: one request out, one answer or one named failure back
mod connector; // from a URL to an open connection
mod failure; // which kind of failure an error of the client is
mod limits; // every bound, with its reason
mod meter; // every byte a connection reads is counted, and none of them makes others wait
mod request; // what leaves
mod resolver; // one look-up per request; what was checked is what is dialled
mod steps; // how long each step took
mod tls; // whom we trust

pub use client::{Outbound, Surroundings};
pub use connector::{Dial, SystemDial};
pub use limits::Limits;
pub use resolver::{Lookup, SystemLookup};
pub use tls::{BadRoots, ExtraRoots, NoTrust};
