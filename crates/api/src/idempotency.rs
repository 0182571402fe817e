//! The caller's `Idempotency-Key`, read before anything is done.

use crate::problem::Problem;
use axum::extract::{FromRequestParts, OriginalUri};
use gavel_domain::account::ApiKey;
use gavel_store::IdempotencyKey;
use http::{StatusCode, request::Parts};
use sha2::{Digest, Sha256};

const HEADER: &str = "idempotency-key";
/// Longer keys are a mistake: a UUID has 36 characters.
const KEY_CHARS_MAX: usize = 255;

/// The caller's key with the request it came with.
#[derive(Debug)]
pub(crate) struct Repeatable {
    key: Option<String>,
    request: String,
}

impl Repeatable {
    /// The key as the store takes it, with a fingerprint of method, path and body.
    pub(crate) fn of(self, caller: &ApiKey, body: &[u8]) -> Option<IdempotencyKey> {
        let fingerprint = Sha256::new().chain_update(&self.request).chain_update(body).finalize();
        let fingerprint = hex::encode(fingerprint);
        // Test and live keys of one account are two worlds.
        let world = if caller.test { "test" } else { "live" };
        let key = self.key.map(|key| format!("{world}:{key}"))?;
        Some(IdempotencyKey { account: caller.account, key, fingerprint })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Repeatable {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Inside a nest the URI has lost its prefix; the original one has not.
        let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
        let request = format!("{} {path}\n", parts.method);
        let mut values = parts.headers.get_all(HEADER).iter();
        let key = match (values.next(), values.next()) {
            (None, _) => None,
            (Some(one), None) => Some(checked(one.as_bytes())?),
            (Some(_), Some(_)) => return Err(invalid()),
        };
        Ok(Repeatable { key, request })
    }
}

fn checked(bytes: &[u8]) -> Result<String, Problem> {
    let fits = (1..=KEY_CHARS_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(bytes).ok().filter(|_| fits);
    text.map(str::to_owned).ok_or_else(invalid)
}

fn invalid() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "idempotency_key_invalid",
        "The Idempotency-Key cannot be used",
        "Send one Idempotency-Key of 1 to 255 visible ASCII characters without spaces, such as a UUID.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let check = |key: &[u8], fits| assert_eq!(checked(key).is_ok(), fits, "{key:?}");
        check(b"a", true);
        check(&[b'k'; 255], true);
        check(b"", false);
        check(&[b'k'; 256], false);
        check(b"two words", false);
        check("schlüssel".as_bytes(), false);
        check(b"tab\there", false);
    }
}
