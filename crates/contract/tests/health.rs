//! What holds of every answer to a health probe, whatever a stranger's server sends.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel_contract::agent::health::{CAPABILITIES_MAX, WORD_CHARS_MAX, health_url, read};
use proptest::prelude::*;
use serde_json::{Value, json};

/// JSON of the kind that nobody expects in a health answer.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "(?s).{0,20}".prop_map(Value::from),
        "(?s).{90,140}".prop_map(Value::from),
        Just(json!("ok")),
    ];
    leaf.prop_recursive(3, 80, 70, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..70).prop_map(Value::from),
            prop::collection::hash_map("status|version|x", inner, 0..3).prop_map(Value::from_iter),
        ]
    })
}

/// Bytes that are no JSON, and some that nearly are.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "[\\[\\]{}\",:a-z0-9 ]{0,40}".prop_map(String::into_bytes),
        "(\u{FEFF})?\\{ ?\"status\" ?: ?\"[oOkK]{0,3}\" ?[},]?".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_judged_and_only_ok_is_healthy(status in prop_oneof![Just(200_u16), any::<u16>()], body in bodies()) {
        let text = body.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(&body);
        let parsed: Option<Value> = serde_json::from_slice(text).ok();
        let says_ok = parsed.is_some_and(|value| value.is_object() && value["status"] == "ok");
        match read(status, None, &body) {
            Ok(_) => prop_assert!(status == 200 && says_ok),
            Err(why) => {
                prop_assert!(status != 200 || !says_ok);
                prop_assert!(!why.to_string().is_empty() && why.to_string().len() < 1_000);
            }
        }
        prop_assert!(read(status, Some("gzip"), &body).is_err());
    }

    #[test]
    fn what_is_kept_is_bounded_text(agent in values(), version in values(), capabilities in values(), status in values()) {
        let body = json!({ "status": status, "agent": agent, "version": version, "capabilities": capabilities });
        let read = read(200, None, body.to_string().as_bytes());
        prop_assert_eq!(read.is_ok(), status == "ok");
        let Ok(report) = read else { return Ok(()) };
        let capabilities = report.capabilities.unwrap_or_default();
        prop_assert!(capabilities.len() <= CAPABILITIES_MAX);
        for word in capabilities.iter().chain(&report.agent).chain(&report.version) {
            prop_assert!((1..=WORD_CHARS_MAX).contains(&word.chars().count()));
            prop_assert!(!word.chars().any(char::is_control));
        }
    }

    /// Whatever the path, the host and port stay, and nothing of a query goes along.
    #[test]
    fn health_is_asked_of_the_same_server(
        origin in "https?://[a-z0-9.-]{1,20}(:[0-9]{1,5})?",
        path in "(/[a-z%]{0,8}){0,4}(/execute)?/?",
        query in "(\\?[a-z=/&:?]{0,20})?(#[a-z/?]{0,9})?",
    ) {
        let url = health_url(&format!("{origin}{path}{query}"));
        let rest = url.strip_prefix(&origin).unwrap();
        prop_assert!(rest.starts_with('/') && rest.ends_with("/health"), "{}", url);
        prop_assert!(!rest.contains(['?', '#']));
        prop_assert_eq!(url, health_url(&format!("{origin}{path}")));
    }
}
