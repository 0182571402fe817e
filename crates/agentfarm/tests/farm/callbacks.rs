//! Agents that answer later, and the platform they answer to.

use crate::support::{Asked, Platform, Reaction, brief, call, until};
use base64::{Engine, engine::general_purpose::STANDARD};
use gavel_agentfarm::{AgentSpec, Behaviour, Callbacks, Farm, Order, Report, Signature, Step};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::HashSet;
use std::sync::Mutex;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// An agent that does this, called once by a platform; gives back how it acknowledged.
async fn called(plan: Callbacks, platform: &Platform) -> (Farm, u16) {
    let farm = Farm::start(vec![AgentSpec::new("a", Behaviour::Async(plan))]).await.unwrap();
    let mut brief = brief("t1");
    brief["callback_url"] = json!(format!("http://{}/callbacks/tok", platform.address));
    brief["callback_secret"] = json!(SECRET);
    let got = call(&farm.agent("a").unwrap().url(), "", &brief.to_string()).await;
    (farm, got.status())
}

/// The same, once its callbacks are over.
async fn answered(plan: Callbacks, platform: &Platform) -> Farm {
    let (farm, status) = called(plan, platform).await;
    assert_eq!(status, 202);
    until("the callbacks are over", || farm.under_way() == 0).await;
    farm
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn trio_fits(asked: &Asked) -> bool {
    let (id, at) = (asked.header("webhook-id"), asked.header("webhook-timestamp"));
    let message = [format!("{id}.{at}.").as_bytes(), &asked.body].concat();
    let signature = STANDARD.encode(hmac(b"0123456789abcdef0123456789abcdef", &message));
    asked.header("webhook-signature") == format!("v1,{signature}")
}

fn pair_fits(asked: &Asked) -> bool {
    asked.header("x-aitasker-signature") == hex::encode(hmac(SECRET.as_bytes(), &asked.body))
}

fn statuses(farm: &Farm) -> Vec<Result<u16, String>> {
    let exchanges = farm.agent("a").unwrap().exchanges();
    assert!(exchanges.iter().all(|exchange| exchange.step == Step::Callback));
    exchanges.into_iter().map(|exchange| exchange.answer).collect()
}

#[tokio::test]
async fn a_result_comes_after_the_acknowledgement_signed_as_wished() {
    for (signature, trio, pair) in [
        (Signature::Trio, true, false),
        (Signature::Pair, false, true),
        (Signature::Both, true, true),
        (Signature::Bad, false, false),
        (Signature::BadPair, false, false),
        (Signature::None, false, false),
    ] {
        let platform = Platform::saying(202).await;
        let farm = answered(Callbacks { signature, ..Callbacks::default() }, &platform).await;
        let asked = platform.asked();
        assert_eq!((asked.len(), asked[0].line.as_str()), (1, "POST /callbacks/tok HTTP/1.1"));
        assert_eq!((trio_fits(&asked[0]), pair_fits(&asked[0])), (trio, pair), "{signature:?}");
        let signed = asked[0].headers.keys().any(|name| name.ends_with("-signature"));
        assert_eq!(signed, signature != Signature::None);
        assert!(asked[0].json()["full_text"].is_string());
        assert_eq!(statuses(&farm), [Ok(202)]);
    }
}

#[tokio::test]
async fn another_secret_and_an_old_timestamp() {
    let platform = Platform::saying(401).await;
    answered(Callbacks { secret: Some("whsec_c2Vjb25k".to_owned()), ..Callbacks::default() }, &platform)
        .await;
    assert!(!trio_fits(&platform.asked()[0]));
    answered(Callbacks { signature: Signature::Both, ..Callbacks::default() }, &platform).await;
    let old = Callbacks { signature: Signature::Both, age_s: 3_600, ..Callbacks::default() };
    answered(old, &platform).await;
    let asked = platform.asked();
    assert!(trio_fits(&asked[2]) && pair_fits(&asked[2]), "old, but truly signed");
    for name in ["webhook-timestamp", "x-aitasker-timestamp"] {
        let at = |asked: &Asked| asked.header(name).parse::<i64>().unwrap();
        assert!((3_590..=3_600).contains(&(at(&asked[1]) - at(&asked[2]))), "{name}");
    }
}

#[tokio::test]
async fn duplicates_are_one_message_and_an_invalid_one_comes_first_as_its_own() {
    let platform = Platform::saying(202).await;
    let plan = Callbacks { times: 3, invalid_first: true, ..Callbacks::default() };
    answered(plan, &platform).await;
    let asked = platform.asked();
    let ids: Vec<_> = asked.iter().map(|asked| asked.header("webhook-id")).collect();
    assert!(ids[0] != ids[1] && ids[1] == ids[2] && ids[2] == ids[3], "{ids:?}");
    assert_eq!((asked[0].json()["full_text"].as_str(), &asked[1].body), (Some("short"), &asked[3].body));
    assert!(asked.iter().all(trio_fits) && ids.iter().all(|id| !id.contains('.')));
    let together = Platform::saying(202).await;
    answered(Callbacks { times: 8, at_once: true, ..Callbacks::default() }, &together).await;
    let asked = together.asked();
    let ids: HashSet<_> = asked.iter().map(|asked| asked.header("webhook-id")).collect();
    assert_eq!((asked.len(), ids.len()), (8, 1));
}

#[tokio::test]
async fn reports_say_what_they_are_told_to_say() {
    let platform = Platform::saying(202).await;
    for (report, field, value) in [
        (Report::Error("unsupported_task_type".to_owned()), "error", json!("unsupported_task_type")),
        (Report::Named, "task_id", json!("t1")),
        (Report::OtherTask, "task_id", json!("00000000-0000-7000-8000-00000000dead")),
        (Report::Result, "task_id", Value::Null),
    ] {
        answered(Callbacks { report, ..Callbacks::default() }, &platform).await;
        assert_eq!(platform.asked().last().unwrap().json()[field], value);
    }
}

#[tokio::test]
async fn a_callback_may_overtake_the_acknowledgement_come_late_or_never() {
    let platform = Platform::saying(202).await;
    let first = Callbacks { order: Order::CallbackFirst, ack_status: 200, ..Callbacks::default() };
    let (_farm, status) = called(first, &platform).await;
    assert_eq!((platform.asked().len(), status), (1, 200));
    let (farm, _) = called(Callbacks { order: Order::Never, ..Callbacks::default() }, &platform).await;
    until("nothing is left to do", || farm.under_way() == 0).await;
    assert_eq!(platform.asked().len(), 1);
    let (farm, _) = called(Callbacks { after_ms: 80, ..Callbacks::default() }, &platform).await;
    assert_eq!(farm.agent("a").unwrap().under_way(), 1, "acknowledged, and still at it");
    until("the late one came", || platform.asked().len() == 2).await;
    let (farm, _) = called(Callbacks { after_ms: 3_600_000, ..Callbacks::default() }, &platform).await;
    farm.stop().await;
}

#[tokio::test]
async fn what_met_a_crash_is_sent_again_and_what_was_answered_is_not() {
    let left = Mutex::new(vec![
        Reaction::Say(202, String::new()),
        Reaction::Say(503, String::new()),
        Reaction::Crash,
    ]);
    let platform = Platform::start(move |_| left.lock().unwrap().pop().unwrap()).await;
    let plan = Callbacks { retries: 5, retry_ms: 1, ..Callbacks::default() };
    let farm = answered(plan, &platform).await;
    let (got, asked) = (statuses(&farm), platform.asked());
    assert!(got[0].is_err() && got[1..] == [Ok(503), Ok(202)], "{got:?}");
    assert!(asked.iter().all(|one| one.header("webhook-id") == asked[0].header("webhook-id")));
}

#[tokio::test]
async fn nobody_is_called_back_outside_of_loopback_or_without_an_address() {
    let farm = Farm::start(vec![AgentSpec::new("a", Behaviour::Async(Callbacks::default()))]).await.unwrap();
    let url = farm.agent("a").unwrap().url();
    assert_eq!(call(&url, "", &brief("t").to_string()).await.status(), 400);
    for (callback, why) in [("http://192.0.2.1/x", "loopback"), ("https://127.0.0.1/x", "plain http")] {
        let mut brief = brief("t");
        brief["callback_url"] = json!(callback);
        brief["callback_secret"] = json!(SECRET);
        call(&url, "", &brief.to_string()).await;
        until("it was tried", || farm.under_way() == 0).await;
        let last = statuses(&farm).pop().unwrap().unwrap_err();
        assert!(last.contains(why), "{last}");
    }
}
