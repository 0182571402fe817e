//! Every test runs on both engines: SQLite always, PostgreSQL where its binaries are installed.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod accounts;
mod agents;
mod choices;
mod claims;
mod rounds;
mod support;
mod tasks;
