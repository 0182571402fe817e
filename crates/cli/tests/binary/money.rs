//! Settings that do not fit the money a database has seen.

use crate::support::{Place, bid, brief, register, scripted, until};
use gavel_agentfarm::Farm;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_paid_although_money_was_switched_off() {
    let place = Place::new();
    let (buyers_key, developers_key) = (place.key("task_poster"), place.key("agent_manager"));
    let server = place.serve();
    let farm = Farm::start(vec![scripted("only", bid(0), bid(0))]).await.unwrap();
    register(&server.client(&developers_key), &farm).await.unwrap();
    let buyer = server.client(&buyers_key);
    let task = buyer.post("/tasks", &brief()).await.unwrap();
    let path = format!("/tasks/{}", task["id"].as_str().unwrap());
    let bid = until("the gallery is ready", async || {
        let gallery = buyer.get(&format!("{path}/bids")).await.unwrap();
        (gallery["task"]["status"] == "review").then(|| gallery["bids"][0]["id"].as_str().unwrap().to_owned())
    })
    .await;
    buyer.post(&format!("{path}/bids/{bid}/select"), &json!({})).await.unwrap();
    until("the work is in", async || {
        let delivery = buyer.get(&format!("{path}/delivery")).await.ok()?;
        (delivery["delivery"]["status"] == "ready").then_some(())
    })
    .await;
    assert_eq!(server.stop(), 0);

    let place = place.with("GAVEL__MONEY__MODE", "off");
    let server = place.serve();
    server.client(&buyers_key).post(&format!("{path}/delivery/approve"), &json!({})).await.unwrap();
    let ledger = place.json(&["ledger", "verify"]);
    assert_eq!((&ledger["problems"], &ledger["transfers"]), (&json!([]), &json!(2)), "a hold and a release");
    assert_eq!(place.json(&["doctor"])["findings"], json!([]));
    assert_eq!(server.stop(), 0);

    let place = place.with("GAVEL__PLATFORM__CURRENCY", "EUR");
    let ledger = place.json(&["ledger", "verify"]);
    assert_eq!((&ledger["problems"], &ledger["currency"]), (&json!([]), &json!("USD")), "no false alarm");
    assert_eq!(place.json(&["doctor"])["findings"], json!([]));
    assert_eq!(place.json(&["backup", "copy.db"])["sound"], json!(true));
}

#[test]
fn a_server_in_another_currency_is_refused() {
    let place = Place::new();
    assert_eq!(place.serve().stop(), 0);
    let place = place.with("GAVEL__PLATFORM__CURRENCY", "EUR");
    let (code, _, err) = place.ran(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("platform.currency is EUR") && err.contains("counts in USD"), "{err}");
}
