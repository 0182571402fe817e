//! The agent protocol: what an agent is sent, and what its answer means.
//!
//! Read in this order: [`envelope`] (what is sent), [`outcome`] (from a status line or a failure to an outcome),
//! [`answer`] (reading the body of a 200), [`artifacts`] (files beside it), [`message`] (its word to the
//! buyer), [`result`] (what comes to our door instead), [`health`] (how an agent is asked whether it is well).

pub mod advice;
pub mod answer;
pub mod artifacts;
pub mod envelope;
mod fields; // the body as raw JSON fields
pub mod health;
pub mod message;
pub mod outcome;
pub mod result;
