//! Every test runs on both engines: SQLite always, PostgreSQL where its binaries are installed.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod accounts;
mod agents;
mod backup;
mod benchmarks;
mod candidates;
mod choices;
mod claims;
mod decisions;
mod delivery_log;
mod exchanges;
mod figures;
mod health;
mod once;
mod overview;
mod places;
mod recovery;
mod lived;
mod restarts;
mod retention;
mod last_release;
mod replay;
mod replicas;
mod rounds;
mod schema;
mod secrets;
mod support;
mod tasks;
mod webhooks;
