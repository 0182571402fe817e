//! The REST server: the only crate that knows axum. Start at [`router()`]: every route on one screen.
//!
//! One endpoint per file, its tests at the bottom, going through the real router on a real database.

mod router;
mod serve;
mod shed;
mod state;

mod auth;
mod away;
mod credentials;
mod bodies;
mod extract;
mod fields;
mod idempotency;
mod peer;
mod problem;
mod render;
mod reply;
mod spans;

mod admin;
mod categories;
mod developers;
mod door;
mod health;
mod metrics;
mod ranking;
mod tasks;
mod webhooks;

#[cfg(test)]
mod testing;

pub use router::{health_router, openapi, router};
pub use serve::{ServeLimits, listen, serve};
pub use shed::RequestLimits;
pub use state::{ApiSettings, AppState, Benchmarks};
