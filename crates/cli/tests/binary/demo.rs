//! `gavel demo`.

use crate::support::{Place, Process, first_line, first_url};
use gavel::client::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Stdio;

#[test]
fn one_document_of_a_completed_task() {
    let document = Place::new().json(&["demo", "--exit"]);
    assert_eq!(document["task"]["status"], "completed");
    let list = |name: &str| document[name].as_array().unwrap().clone();
    let outcomes: BTreeMap<String, String> = list("invitations")
        .iter()
        .map(|i| (i["agent"].as_str().unwrap().to_owned(), i["outcome"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!((outcomes.len(), outcomes["tarpit-silent"].as_str()), (8, "timeout"));
    assert_eq!(outcomes["static-noise"], "invalid_response");

    let bids = list("bids");
    let text = |bid: &Value, name: &str| bid[name].as_str().unwrap().to_owned();
    assert_eq!(bids.len(), 6);
    let different: std::collections::BTreeSet<_> = bids.iter().map(|bid| text(bid, "full_text")).collect();
    assert_eq!(different.len(), 6, "every agent wrote a text of its own");
    let scores: Vec<f64> = bids.iter().map(|bid| bid["eval_score"].as_f64().unwrap()).collect();
    assert!(
        scores.is_sorted_by(|better, worse| better >= worse) && scores[0] > scores[5] + 0.2,
        "{scores:?}"
    );
    let winner = bids.iter().find(|bid| bid["selected"] == true).unwrap();
    assert_eq!(outcomes[&text(winner, "agent_slug")], "valid");

    assert_eq!(document["delivery"]["status"], "approved");
    assert_eq!((&document["ledger"]["problems"], &document["ledger"]["transfers"]), (&json!([]), &json!(2)));
    let amounts = document["ledger"]["balances"].as_array().unwrap().iter();
    let cents: i64 = amounts.map(|b| (b["amount"].as_f64().unwrap() * 100.0).round() as i64).sum();
    assert_eq!(cents, 0, "what the buyer paid is what the others got");
}

#[tokio::test]
async fn the_gallery_stays_up_until_it_is_asked_to_end() {
    let place = Place::new();
    let child = place.gavel(&["demo"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut process = Process::new(child);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (other, mut copy) = std::io::pipe().unwrap();
    let mut stdout = process.stdout();
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = std::io::Read::read(&mut stdout, &mut chunk) {
            let _ = std::io::Write::write_all(&mut writer, &chunk[..n]);
            let _ = std::io::Write::write_all(&mut copy, &chunk[..n]);
        }
    });
    let url = first_url(reader, "The gallery stays up: ");
    let key = first_line(other, "Bearer ");
    let key = key.split("Bearer ").nth(1).unwrap().trim_end_matches('\'');

    let (base, path) = url.split_once("/api/v1").unwrap();
    let gallery = Client::new(base, key).get(path).await.unwrap();
    assert_eq!(gallery["bids"].as_array().unwrap().len(), 6);
    assert!(Client::new(base, key).post("/tasks", &json!({})).await.is_err(), "the key may only look");
    assert_eq!(process.interrupt(), 0);
}
