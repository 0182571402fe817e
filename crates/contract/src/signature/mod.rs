//! Signatures: the hex pair and the Standard Webhooks trio on what we send, and reading both on what we get.

mod callback;
mod marked;

pub use callback::{CallbackRefused, verify_callback};
pub use marked::hide_marked;

use base64::{Engine, engine::general_purpose::STANDARD};
use gavel_domain::invitation::Mode;
use gavel_domain::{InvitationId, TaskId, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// How far a timestamp may be from now, in seconds; the edge is inside.
pub const TOLERANCE_SECONDS: i64 = 300;
/// Longest webhook id.
pub const ID_BYTES_MAX: usize = 255;
/// Signatures looked at in one header: rotation needs two, nobody needs thousands.
pub const SIGNATURES_MAX: usize = 16;
/// Shortest key of a Standard Webhooks secret.
const KEY_BYTES_MIN: usize = 24;
/// Longest key of a Standard Webhooks secret.
const KEY_BYTES_MAX: usize = 64;

/// Everything the headers of one send are made from.
#[derive(Clone, Copy)]
pub struct Dispatch<'a> {
    /// The developer's `ait_` key.
    pub key: &'a str,
    /// The agent's `whsec_` secrets, the current one first.
    pub secrets: &'a [String],
    /// The task.
    pub task: TaskId,
    /// The same on every send of one call.
    pub webhook_id: &'a str,
    /// When it leaves.
    pub now: Timestamp,
    /// When the call ends.
    pub deadline: Timestamp,
    /// What we call ourselves.
    pub user_agent: &'a str,
    /// The exact bytes that are sent.
    pub body: &'a [u8],
}

impl fmt::Debug for Dispatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatch").field("webhook_id", &self.webhook_id).finish_non_exhaustive()
    }
}

/// Names a call: the same on a second send, another for each mode and revision.
pub fn webhook_id(invitation: InvitationId, mode: Mode, revision: u32) -> String {
    format!("inv_{}_{}_{revision}", invitation.uuid().simple(), mode.name())
}

/// The headers of one send, in order.
pub fn dispatch_headers(dispatch: &Dispatch<'_>) -> Vec<(String, String)> {
    let deadline = dispatch.deadline.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let headers = [
        ("Content-Type", "application/json".to_owned()),
        ("Accept-Encoding", "identity".to_owned()),
        ("User-Agent", dispatch.user_agent.to_owned()),
        ("X-AITasker-Key", dispatch.key.to_owned()),
        ("X-AITasker-Task-ID", dispatch.task.to_string()),
    ];
    let signed = signed(dispatch.secrets, dispatch.webhook_id, dispatch.now, dispatch.body);
    let deadline = [("Gavel-Deadline", deadline)];
    headers.into_iter().chain(signed).chain(deadline).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Both schemes over the exact body: the hex pair by the current secret, the Standard Webhooks trio by all of them.
pub(crate) fn signed(
    secrets: &[String],
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> [(&'static str, String); 5] {
    let timestamp = now.timestamp();
    let current = secrets.first().map_or("", String::as_str);
    let keys = secrets.iter().filter_map(|secret| Secret::parse(secret).ok());
    let signatures: Vec<String> = keys.map(|key| key.sign(id, timestamp, body)).collect();
    [
        ("X-AITasker-Signature", hex_signature(current.as_bytes(), body)),
        ("X-AITasker-Timestamp", timestamp.to_string()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

/// The key behind a `whsec_` secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A secret nobody should sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is whsec_ followed by base64 of 24 to 64 bytes")]
pub struct SecretError;

impl Secret {
    /// Reads a secret as it is shown: `whsec_` and base64 of 24 to 64 bytes. As in other Standard Webhooks libraries
    /// the prefix may be missing.
    ///
    /// # Errors
    /// Anything else: it is refused when it is configured, never used.
    pub fn parse(text: &str) -> Result<Secret, SecretError> {
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        let key = STANDARD.decode(encoded).map_err(|_| SecretError)?;
        if (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len()) { Ok(Secret(key)) } else { Err(SecretError) }
    }

    /// The `v1,...` signature of a message.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        sign_with_key(&self.0, id, timestamp, body)
    }
}

/// The value of `X-AITasker-Signature`: lowercase hex over the exact body.
pub fn hex_signature(key: &[u8], body: &[u8]) -> String {
    mac(key, &[body]).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Whether a hex signature (any case) fits the body under one of the keys.
pub fn verify_hex(keys: &[&[u8]], body: &[u8], signature: &str) -> bool {
    let Ok(claimed) = hex::decode(signature) else { return false };
    keys.iter().any(|key| fits(key, &[body], &claimed))
}

/// The value of a `t=...,v1=...` header, as payment providers send it.
pub fn timestamped_hex(key: &[u8], timestamp: i64, body: &[u8]) -> String {
    let text = timestamp.to_string();
    let signature =
        mac(key, &[text.as_bytes(), b".", body]).map(|mac| hex::encode(mac.finalize().into_bytes()));
    format!("t={timestamp},v1={}", signature.unwrap_or_default())
}

/// Whether a `t=...,v1=...` header fits the body under one of the keys, now.
pub fn verify_timestamped_hex(keys: &[&[u8]], body: &[u8], header: &str, now: i64) -> bool {
    let parts: Vec<(&str, &str)> =
        header.split(',').take(SIGNATURES_MAX).filter_map(|p| p.split_once('=')).collect();
    let mut times = parts.iter().filter(|(name, _)| *name == "t").map(|(_, value)| *value);
    let (Some(time), None) = (times.next(), times.next()) else { return false };
    if !is_recent(time, now) {
        return false;
    }
    let claimed =
        parts.iter().filter(|(name, _)| *name == "v1").filter_map(|(_, value)| hex::decode(value).ok());
    claimed
        .into_iter()
        .any(|claimed| keys.iter().any(|key| fits(key, &[time.as_bytes(), b".", body], &claimed)))
}

/// Checks the Standard Webhooks trio. Gives the message's id: whoever has seen it before treats it as a duplicate.
pub fn verify_webhook<'h>(
    secrets: &[Secret],
    headers: &'h [(String, String)],
    body: &[u8],
    now: i64,
) -> Option<&'h str> {
    let id = only(headers, "webhook-id")?;
    let time = only(headers, "webhook-timestamp")?;
    let signatures = only(headers, "webhook-signature")?;
    let genuine =
        is_message_id(id) && is_recent(time, now) && fits_any(secrets, (id, time, body), signatures);
    genuine.then_some(id)
}

/// An id that can be signed: with a dot in it, id and timestamp could be cut apart in two ways.
fn is_message_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.contains('.')
}

/// Whether one of the signatures in a header is one of the secrets'.
fn fits_any(secrets: &[Secret], (id, time, body): (&str, &str, &[u8]), signatures: &str) -> bool {
    let claimed = signatures
        .split(' ')
        .take(SIGNATURES_MAX)
        .filter_map(|s| STANDARD.decode(s.strip_prefix("v1,")?).ok());
    let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    claimed.into_iter().any(|claimed| secrets.iter().any(|s| fits(&s.0, &parts, &claimed)))
}

/// A header that stands exactly once.
fn only<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    let mut values = find(headers, name);
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

fn find<'h>(headers: &'h [(String, String)], name: &str) -> impl Iterator<Item = &'h str> {
    headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Canonical decimal seconds within the tolerance.
fn is_recent(text: &str, now: i64) -> bool {
    let Ok(time) = text.parse::<i64>() else { return false };
    time >= 0
        && time.to_string() == text
        && now.checked_sub(time).is_some_and(|age| age.saturating_abs() <= TOLERANCE_SECONDS)
}

fn sign_with_key(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let time = timestamp.to_string();
    let mac = mac(key, &[id.as_bytes(), b".", time.as_bytes(), b".", body]);
    format!("v1,{}", mac.map(|mac| STANDARD.encode(mac.finalize().into_bytes())).unwrap_or_default())
}

/// Compares in constant time.
fn fits(key: &[u8], parts: &[&[u8]], claimed: &[u8]) -> bool {
    mac(key, parts).is_some_and(|mac| mac.verify_slice(claimed).is_ok())
}

/// HMAC takes keys of any length, so this is never `None`.
fn mac(key: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_we_send_verifies_and_changes_with_mode_and_revision() {
        let secret = format!("whsec_{}", STANDARD.encode([7; 32]));
        let invitation: InvitationId = "01890000-0000-7000-8000-000000000001".parse().unwrap();
        let id = webhook_id(invitation, Mode::Final, 1);
        assert_ne!(id, webhook_id(invitation, Mode::Final, 0));
        let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let headers = dispatch_headers(&Dispatch {
            key: "ait_k",
            secrets: std::slice::from_ref(&secret),
            task: TaskId::from_uuid(invitation.uuid()),
            webhook_id: &id,
            now,
            deadline: now,
            user_agent: "AITasker/1.0 (Agent Executor)",
            body: b"{}",
        });
        let parsed = [Secret::parse(&secret).unwrap()];
        assert_eq!(verify_webhook(&parsed, &headers, b"{}", 1_790_000_000), Some(id.as_str()));
        assert_eq!(verify_webhook(&parsed, &headers, b"{ }", 1_790_000_000), None);
        let pair = only(&headers, "x-aitasker-signature").unwrap();
        assert!(verify_hex(&[secret.as_bytes()], b"{}", pair));
        assert_eq!(only(&headers, "gavel-deadline"), Some("2026-09-21T14:13:20.000Z"));
    }

    #[test]
    fn while_secrets_overlap_either_verifies_and_nothing_shows_them() {
        let [current, previous] =
            [[1; 32], [2; 32]].map(|key: [u8; 32]| format!("whsec_{}", STANDARD.encode(key)));
        let invitation: InvitationId = "01890000-0000-7000-8000-000000000001".parse().unwrap();
        let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let secrets = [current.clone(), previous.clone()];
        let dispatch = Dispatch {
            key: "ait_k",
            secrets: &secrets,
            task: TaskId::from_uuid(invitation.uuid()),
            webhook_id: "inv_1",
            now,
            deadline: now,
            user_agent: "Gavel",
            body: b"{}",
        };
        let headers = dispatch_headers(&dispatch);
        for secret in [&current, &previous] {
            let held = [Secret::parse(secret).unwrap()];
            assert_eq!(verify_webhook(&held, &headers, b"{}", 1_790_000_000), Some("inv_1"));
            let shown = format!("{dispatch:?} {held:?} {headers:?}");
            assert!(!shown.contains(&secret["whsec_".len()..]), "{shown}");
        }
        let pair = only(&headers, "X-AITasker-Signature").unwrap();
        assert!(verify_hex(&[current.as_bytes()], b"{}", pair), "the pair carries the current secret's");
        assert!(!verify_hex(&[previous.as_bytes()], b"{}", pair));
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        insta::assert_snapshot!(names.join(", "), @"Content-Type, Accept-Encoding, User-Agent, X-AITasker-Key, X-AITasker-Task-ID, X-AITasker-Signature, X-AITasker-Timestamp, webhook-id, webhook-timestamp, webhook-signature, Gavel-Deadline");
    }

    #[test]
    fn timestamps_are_canonical_and_near() {
        let check = |text: &str, now, near| assert_eq!(is_recent(text, now), near, "{text} at {now}");
        check("1000", 1300, true);
        check("1000", 1301, false);
        check("1000", 700, true);
        check("1000", 699, false);
        check("0", 0, true);
        check("-0", 0, false);
        check("-5", 0, false);
        check("+5", 0, false);
        check("05", 0, false);
        check("9223372036854775807", i64::MIN, false);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(text in "(?s).{0,80}", now: i64) {
            let headers: Vec<(String, String)> =
                ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|n| (n.to_owned(), text.clone())).into();
            prop_assert_eq!(verify_webhook(&[Secret(vec![1; 24])], &headers, b"x", now), None);
            prop_assert!(!verify_timestamped_hex(&[b"k"], b"x", &text, now));
            prop_assert!(!verify_hex(&[b"k"], b"x", &text));
        }
    }
}
