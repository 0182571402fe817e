//! From a status to an outcome.

use gavel_domain::invitation::Outcome;

/// The outcome and code of a status other than 200.
pub fn of_status(status: u16) -> (Outcome, &'static str) {
    match status {
        400 => (Outcome::AgentError, "status_400"),
        408 => (Outcome::Timeout, "status_408"),
        422 => (Outcome::Declined, "status_422"),
        429 => (Outcome::RateLimited, "status_429"),
        500 => (Outcome::ServerError, "status_500"),
        503 => (Outcome::Unavailable, "status_503"),
        300..=399 => (Outcome::AgentError, "redirect"),
        501..=599 => (Outcome::ServerError, "http_status"),
        _ => (Outcome::AgentError, "http_status"),
    }
}
