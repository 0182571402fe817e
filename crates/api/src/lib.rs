//! The REST server: the only crate that knows axum. Start at [`router()`]: every route on one screen.
//!
//! One endpoint per file, its tests at the bottom, going through the real router on a real database.

mod router;
mod serve;
mod state;

mod auth;
mod extract;
mod fields;
mod idempotency;
mod problem;
mod render;
mod reply;

mod categories;
mod developers;
mod health;
mod tasks;

#[cfg(test)]
mod testing;

pub use router::{openapi, router};
pub use serve::{ServeLimits, serve};
pub use state::{ApiSettings, AppState};
