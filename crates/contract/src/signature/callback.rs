//! Checking what an asynchronous agent sends back: the Standard Webhooks trio or the older pair, whichever it uses.

use super::{ID_BYTES_MAX, Secret, TOLERANCE_SECONDS, find, fits_any, is_message_id, is_recent, verify_hex};
use sha2::{Digest, Sha256};

const ID: &str = "webhook-id";
const TIME: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
const PAIR_TIME: &str = "X-AITasker-Timestamp";
const PAIR_SIGNATURE: &str = "X-AITasker-Signature";

/// Why a callback is not taken for what it claims to be; the sentence goes to the developer of its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackRefused {
    /// It is not signed.
    #[error("neither {SIGNATURE} nor {PAIR_SIGNATURE} is there; sign the body with the callback_secret")]
    Unsigned,
    /// A header without which a signature says nothing.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header that may stand once: whoever reads another of them than we do would be fooled.
    #[error("the header {0} stands there more than once")]
    Repeated(&'static str),
    /// An id that could be taken apart in two ways, or that nobody can store.
    #[error("webhook-id must be 1 to {ID_BYTES_MAX} characters without a dot")]
    Id,
    /// A timestamp of another time, or none.
    #[error("{0} must be the unix time in whole seconds, within {TOLERANCE_SECONDS} of ours")]
    Stale(&'static str),
    /// The signature is not this body's under this secret.
    #[error(
        "{0} does not match: it must be made over the exact bytes of the body, with this call's callback_secret"
    )]
    Mismatch(&'static str),
}

impl CallbackRefused {
    /// The word for logs and counters.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Missing(_) => "header_missing",
            Self::Repeated(_) => "header_repeated",
            Self::Id => "bad_webhook_id",
            Self::Stale(_) => "stale_timestamp",
            Self::Mismatch(_) => "signature_mismatch",
        }
    }
}

type Headers = [(String, String)];

/// Checks a callback against the secret of its call. Gives the message's id: the same on a second send of the same.
///
/// Where both signatures are there, one that fits is enough; the trio is looked at first.
///
/// # Errors
/// Why it is refused.
pub fn verify_callback(
    secret: &str,
    headers: &Headers,
    body: &[u8],
    now: i64,
) -> Result<String, CallbackRefused> {
    let (id, time) = (once(headers, ID)?, once(headers, TIME)?);
    let (signature, pair_time) = (once(headers, SIGNATURE)?, once(headers, PAIR_TIME)?);
    let pair_signature = once(headers, PAIR_SIGNATURE)?;
    let by_trio = signature.map(|signature| check_trio(secret, (id, time, signature), body, now));
    let by_pair = pair_signature.map(|signature| check_pair(secret, (pair_time, signature), body, now));
    match (by_trio, by_pair) {
        (Some(Ok(id)), _) => Ok(id.to_owned()),
        (_, Some(Ok(()))) => Ok(message_id(id, body)),
        (Some(Err(refused)), _) | (None, Some(Err(refused))) => Err(refused),
        (None, None) => Err(CallbackRefused::Unsigned),
    }
}

fn check_trio<'h>(
    secret: &str,
    (id, time, signature): (Option<&'h str>, Option<&str>, &str),
    body: &[u8],
    now: i64,
) -> Result<&'h str, CallbackRefused> {
    let id = id.ok_or(CallbackRefused::Missing(ID))?;
    let time = time.ok_or(CallbackRefused::Missing(TIME))?;
    if !is_message_id(id) {
        return Err(CallbackRefused::Id);
    }
    if !is_recent(time, now) {
        return Err(CallbackRefused::Stale(TIME));
    }
    let secret = Secret::parse(secret).map_err(|_| CallbackRefused::Mismatch(SIGNATURE))?;
    if fits_any(&[secret], (id, time, body), signature) {
        Ok(id)
    } else {
        Err(CallbackRefused::Mismatch(SIGNATURE))
    }
}

/// The pair does not sign its time: the tolerance only keeps honest senders from repeating themselves for ever.
fn check_pair(
    secret: &str,
    (time, signature): (Option<&str>, &str),
    body: &[u8],
    now: i64,
) -> Result<(), CallbackRefused> {
    let time = time.ok_or(CallbackRefused::Missing(PAIR_TIME))?;
    if !is_recent(time, now) {
        return Err(CallbackRefused::Stale(PAIR_TIME));
    }
    let fits = !secret.is_empty() && verify_hex(&[secret.as_bytes()], body, signature);
    if fits { Ok(()) } else { Err(CallbackRefused::Mismatch(PAIR_SIGNATURE)) }
}

/// What names a message that came with the pair: its `webhook-id`, else its body.
fn message_id(id: Option<&str>, body: &[u8]) -> String {
    let id = id.filter(|id| is_message_id(id));
    id.map_or_else(|| hex::encode(Sha256::digest(body)), str::to_owned)
}

/// A header that stands at most once.
fn once<'h>(headers: &'h Headers, name: &'static str) -> Result<Option<&'h str>, CallbackRefused> {
    let mut values = find(headers, name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(CallbackRefused::Repeated(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::hex_signature;
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    const NOW: i64 = 1_790_000_000;
    const BODY: &[u8] = b"{\"full_text\":\"...\"}";
    const SECRET: &str = "whsec_F0SU1kk8nVw0YL4xIB5p/tqg7ui5mX9cfCmZ/a/lkyU=";
    const OTHER: &str = "whsec_1r2jQBvpyMvMyTX2zR9hImrhUziuGjQATTO6DSRqwEw=";

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn trio(secret: &str, id: &str, at: i64) -> Vec<(String, String)> {
        let signature = Secret::parse(secret).unwrap().sign(id, at, BODY);
        headers(&[(ID, id), (TIME, &at.to_string()), (SIGNATURE, &signature)])
    }

    fn pair(secret: &str, at: i64) -> Vec<(String, String)> {
        let signature = hex_signature(secret.as_bytes(), BODY);
        headers(&[(PAIR_SIGNATURE, &signature), (PAIR_TIME, &at.to_string())])
    }

    fn without(mut headers: Vec<(String, String)>, name: &str) -> Vec<(String, String)> {
        headers.retain(|(n, _)| n != name);
        headers
    }

    fn body_hash() -> String {
        hex::encode(Sha256::digest(BODY))
    }

    fn check(headers: &Headers) -> Result<String, CallbackRefused> {
        verify_callback(SECRET, headers, BODY, NOW)
    }

    #[test]
    fn either_signature_is_enough() {
        assert_eq!(check(&trio(SECRET, "m1", NOW)), Ok("m1".to_owned()));
        assert_eq!(check(&pair(SECRET, NOW - 300)), Ok(body_hash()));
        assert_eq!(check(&[trio(SECRET, "m1", NOW), pair(SECRET, NOW)].concat()), Ok("m1".to_owned()));
        assert_eq!(check(&[trio(SECRET, "m1", NOW), pair(OTHER, NOW)].concat()), Ok("m1".to_owned()));
        assert_eq!(check(&[trio(OTHER, "m1", NOW), pair(SECRET, NOW)].concat()), Ok("m1".to_owned()));
        assert_eq!(check(&[trio(SECRET, "m1", NOW - 301), pair(SECRET, NOW)].concat()), Ok("m1".to_owned()));
        let lower: Vec<_> = pair(SECRET, NOW).into_iter().map(|(n, v)| (n.to_lowercase(), v)).collect();
        assert_eq!(check(&lower), Ok(body_hash()), "names of headers have no case");
    }

    #[test]
    fn a_message_that_came_with_the_pair_is_named_by_its_id_or_its_body() {
        let named = |id| [headers(&[(ID, id)]), pair(SECRET, NOW)].concat();
        assert_eq!(check(&named("m1")), Ok("m1".to_owned()));
        assert_eq!(check(&named("")), Ok(body_hash()));
        assert_eq!(check(&named("m.1")), Ok(body_hash()));
        assert_eq!(check(&named(&"m".repeat(ID_BYTES_MAX + 1))), Ok(body_hash()));
    }

    #[test]
    fn what_is_refused_and_why() {
        use CallbackRefused::*;
        let refused = |headers: &Headers, expected| assert_eq!(check(headers), Err(expected), "{headers:?}");
        refused(&[], Unsigned);
        refused(&headers(&[(ID, "m1"), (TIME, "1790000000"), (PAIR_TIME, "1790000000")]), Unsigned);
        refused(&without(trio(SECRET, "m1", NOW), ID), Missing(ID));
        refused(&without(trio(SECRET, "m1", NOW), TIME), Missing(TIME));
        refused(&without(pair(SECRET, NOW), PAIR_TIME), Missing(PAIR_TIME));
        refused(&trio(SECRET, "m1", NOW - 301), Stale(TIME));
        refused(&trio(SECRET, "m1", NOW + 301), Stale(TIME));
        refused(&pair(SECRET, NOW - 301), Stale(PAIR_TIME));
        refused(&trio(SECRET, "m.1", NOW), Id);
        refused(&trio(OTHER, "m1", NOW), Mismatch(SIGNATURE));
        refused(&pair(OTHER, NOW), Mismatch(PAIR_SIGNATURE));
        refused(&pair("", NOW), Mismatch(PAIR_SIGNATURE));
        refused(&[trio(OTHER, "m1", NOW), pair(OTHER, NOW)].concat(), Mismatch(SIGNATURE));
        for name in [ID, TIME, SIGNATURE, PAIR_TIME, PAIR_SIGNATURE] {
            let all = [trio(SECRET, "m1", NOW), pair(SECRET, NOW)].concat();
            let twice: Vec<_> = all.iter().filter(|(n, _)| n == name).cloned().collect();
            refused(&[all, twice].concat(), Repeated(name));
        }
    }

    #[test]
    fn the_key_of_the_pair_is_the_text_and_of_the_trio_what_it_decodes_to() {
        let decoded = STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
        let signature = hex_signature(&decoded, BODY);
        let wrong = headers(&[(PAIR_SIGNATURE, &signature), (PAIR_TIME, "1790000000")]);
        assert_eq!(check(&wrong), Err(CallbackRefused::Mismatch(PAIR_SIGNATURE)));
        let prefixed = format!("sha256={}", hex_signature(SECRET.as_bytes(), BODY));
        let wrong = headers(&[(PAIR_SIGNATURE, &prefixed), (PAIR_TIME, "1790000000")]);
        assert_eq!(check(&wrong), Err(CallbackRefused::Mismatch(PAIR_SIGNATURE)), "bare hex on the wire");
    }

    #[test]
    fn another_body_is_refused() {
        for headers in [trio(SECRET, "m1", NOW), pair(SECRET, NOW)] {
            assert!(verify_callback(SECRET, &headers, b"{}", NOW).is_err());
            assert!(verify_callback("", &headers, BODY, NOW).is_err(), "no secret, no callback");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(text in "(?s).{0,80}", now: i64) {
            let names = [ID, TIME, SIGNATURE, PAIR_TIME, PAIR_SIGNATURE];
            let all = headers(&names.map(|name| (name, text.as_str())));
            prop_assert!(verify_callback(SECRET, &all, BODY, now).is_err());
        }
    }
}
