//! Every way in which agents of a farm go wrong, over real sockets, seen by callers that speak plain bytes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod callbacks;
mod corpus;
mod modes;
mod process;
mod pulled;
mod record;
mod support;
#[cfg(feature = "tls")]
mod tls;
