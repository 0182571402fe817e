//! Every test runs on both engines: SQLite always, PostgreSQL where its binaries are installed.

mod accounts;
mod agents;
mod choices;
mod claims;
mod rounds;
mod support;
mod tasks;
