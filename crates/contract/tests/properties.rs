//! What holds of every answer that is taken, whatever an agent puts into its fields.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel_contract::agent::answer::{Expectation, SUMMARY_CHARS_MAX, read};
use gavel_contract::agent::artifacts::{ARTIFACTS_MAX, FILENAME_CHARS_MAX};
use gavel_contract::agent::message::{MESSAGE_CHARS_MAX, sanitise};
use gavel_contract::signature::{Secret, verify_webhook};
use gavel_domain::invitation::Mode;
use gavel_domain::{Currency, Money};
use proptest::prelude::*;
use serde_json::json;

/// Text of the kind that breaks readers: links, addresses, paths, controls, marks that cannot be seen. Without U+0000,
/// for which the whole answer is refused.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "(?s)[^\u{0}]{0,60}",
        "(https?://|[a-z]{1,4}|@|\\.com|\\.\\./|\\\\|/|:|;|\"|%00|con|nul|[\u{1}-\u{1f}\u{200b}-\u{202e}\u{fe0f}]| ){0,30}",
    ]
}

fn price() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,4}(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3})?",
        Just("null".to_owned()),
        Just("\"20\"".to_owned())
    ]
}

/// An artifact's type, file name and content.
fn file() -> impl Strategy<Value = (String, String, String)> {
    let kind = prop_oneof!["markdown|csv|html|json", "[a-z]{0,8}"];
    (kind, prop_oneof![hostile(), "\\PC{0,3}\u{0}\\PC{0,150}"], hostile())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_that_is_taken_is_within_every_limit(
        full_text in "(?s)[^\u{0}]{48,120}",
        summary in hostile().prop_map(|text| format!("s{text}")),
        message in hostile(),
        price in price(),
        budget in 1_i64..1_000_000,
        files in prop::collection::vec(file(), 0..22),
    ) {
        let artifacts: Vec<_> = files
            .iter()
            .map(|(kind, filename, content)| json!({ "type": kind, "filename": filename, "content": content }))
            .collect();
        let fields = json!({
            "full_text": full_text, "summary": summary, "agent_message": message, "artifacts": artifacts
        });
        let body = format!("{}, \"bid_price_usd\": {price}}}", fields.to_string().strip_suffix('}').unwrap());
        let currency = Currency::new("USD").unwrap();
        let expectation = Expectation { mode: Mode::Prototype, budget: Money::from_minor(budget), currency };
        let Ok(reading) = read(body.as_bytes(), &expectation) else { return Ok(()) };
        let answer = &reading.answer;
        prop_assert_eq!(&answer.full_text, &full_text, "stored as sent");
        prop_assert!((1..=budget).contains(&answer.price.minor()));
        prop_assert!((1..=SUMMARY_CHARS_MAX).contains(&answer.summary.chars().count()));
        prop_assert_eq!(&answer.message, &sanitise(&message));
        prop_assert!(answer.message.iter().all(|m| m.chars().count() <= MESSAGE_CHARS_MAX && !m.contains('\0')));
        prop_assert!(answer.artifacts.len() <= ARTIFACTS_MAX);
        for artifact in &answer.artifacts {
            let name = &artifact.filename;
            prop_assert!(name.to_lowercase().ends_with(artifact.kind.extension()));
            prop_assert!(!name.contains(['/', '\\', ':', '"', '%', ';']) && !name.chars().any(char::is_control));
            let stem = &name[..name.len() - artifact.kind.extension().len()];
            prop_assert!(stem.chars().count() <= FILENAME_CHARS_MAX && !name.starts_with('.'), "{name}");
        }
    }

    #[test]
    fn a_signature_holds_for_its_own_id_time_and_body_only(
        key in prop::collection::vec(any::<u8>(), 24..=64), body in prop::collection::vec(any::<u8>(), 0..200),
        id in "[a-zA-Z0-9_-]{1,60}", sent in 0_i64..4_000_000_000, age in -400_i64..400,
        flip in any::<prop::sample::Index>(),
    ) {
        let secret = Secret::parse(&base64_of(&key)).unwrap();
        // Signed for `id` at `sent`, sent with what is given.
        let headers = |shown: &str, time: i64| {
            let signature = secret.sign(&id, sent, &body);
            let time = time.to_string();
            [("webhook-id", shown), ("Webhook-Timestamp", &time), ("WEBHOOK-SIGNATURE", &signature)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let held = [secret.clone()];
        let verified = |headers: &[(String, String)], body: &[u8]| {
            verify_webhook(&held, headers, body, sent + age).is_some()
        };
        prop_assert_eq!(verified(&headers(&id, sent), &body), age.abs() <= 300);
        prop_assert!(!verified(&headers(&id, sent + 1), &body));
        let other_id = format!("{}x", id);
        prop_assert!(!verified(&headers(&other_id, sent), &body));
        if !body.is_empty() {
            let mut other = body.clone();
            other[flip.index(body.len())] ^= 1;
            prop_assert!(!verified(&headers(&id, sent), &other));
        }
    }
}

fn base64_of(key: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("whsec_{}", STANDARD.encode(key))
}
