//! Every test runs on both engines: SQLite always, PostgreSQL where its binaries are installed.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod accounts;
mod agents;
mod choices;
mod claims;
mod delivery_log;
mod exchanges;
mod health;
mod last_release;
mod places;
mod replicas;
mod rounds;
mod schema;
mod secrets;
mod support;
mod tasks;
