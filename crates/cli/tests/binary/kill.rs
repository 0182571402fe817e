//! The server is killed without warning and started again: the task goes on, and who has answered is not asked again.

use crate::support::{Place, Server, bid, brief, register, scripted, until};
use gavel::client::Client;
use gavel_agentfarm::{Farm, Received};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// When the server is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    Posted,
    FirstBid,
    FinalCall,
    Delivered,
}

#[tokio::test(flavor = "multi_thread")]
async fn right_after_the_task_was_posted() {
    survives(Moment::Posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_others_still_work() {
    let farm = survives(Moment::FirstBid).await;
    assert_eq!(calls(&farm, "fast", "prototype").len(), 1, "it had answered");
    assert_eq!(calls(&farm, "slow", "prototype").len(), 2, "it had not");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_winner_finishes() {
    let farm = survives(Moment::FinalCall).await;
    assert_eq!(calls(&farm, "fast", "final").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_buyer_approves() {
    let farm = survives(Moment::Delivered).await;
    assert_eq!(calls(&farm, "fast", "final").len(), 1, "it had delivered");
}

/// One task whose server is killed at `moment`; it ends completed and paid.
async fn survives(moment: Moment) -> Farm {
    let farm = Farm::start(vec![scripted("fast", bid(0), bid(400)), scripted("slow", bid(1_200), bid(0))]);
    let farm = farm.await.unwrap();
    let place = Place::new();
    let keys = [place.key("task_poster"), place.key("agent_manager")];
    let mut life = Life { server: Some(place.serve()), buyer: None, place, farm, keys, task: String::new() };
    life.post().await;
    if moment == Moment::Posted {
        life.kill_and_start();
    }
    life.until_bids(1).await;
    if moment == Moment::FirstBid {
        life.kill_and_start();
    }
    life.until_bids(2).await;
    life.select("fast").await;
    until("the winner is called", async || (!calls(&life.farm, "fast", "final").is_empty()).then_some(()))
        .await;
    if moment == Moment::FinalCall {
        life.kill_and_start();
    }
    life.until_delivered().await;
    if moment == Moment::Delivered {
        life.kill_and_start();
    }
    life.approve().await;
    life.farm
}

struct Life {
    place: Place,
    farm: Farm,
    keys: [String; 2],
    server: Option<Server>,
    buyer: Option<Client>,
    task: String,
}

impl Life {
    async fn post(&mut self) {
        let server = self.server.as_ref().unwrap();
        register(&server.client(&self.keys[1]), &self.farm).await.unwrap();
        let buyer = server.client(&self.keys[0]);
        let task = buyer.post("/tasks", &brief()).await.unwrap();
        self.task = format!("/tasks/{}", task["id"].as_str().unwrap());
        self.buyer = Some(buyer);
    }

    fn kill_and_start(&mut self) {
        self.server.take().unwrap().kill();
        let server = self.place.serve();
        self.buyer = Some(server.client(&self.keys[0]));
        self.server = Some(server);
    }

    async fn get(&self, rest: &str) -> Value {
        self.buyer.as_ref().unwrap().get(&format!("{}{rest}", self.task)).await.unwrap()
    }

    async fn post_to(&self, rest: &str) {
        self.buyer.as_ref().unwrap().post(&format!("{}{rest}", self.task), &json!({})).await.unwrap();
    }

    async fn until_bids(&self, bids: usize) {
        until("the bids are in", async || {
            let gallery = self.get("/bids").await;
            let scored =
                gallery["bids"].as_array().unwrap().iter().filter(|bid| bid["eval_score"].is_number());
            (scored.count() >= bids).then_some(())
        })
        .await;
    }

    async fn select(&self, slug: &str) {
        let gallery = self.get("/bids").await;
        let bid = gallery["bids"].as_array().unwrap().iter().find(|bid| bid["agent_slug"] == slug).unwrap();
        self.post_to(&format!("/bids/{}/select", bid["id"].as_str().unwrap())).await;
    }

    async fn until_delivered(&self) {
        until("the work is in", async || {
            let task = self.get("").await;
            let delivering = task["status"] == "delivering";
            (delivering && self.get("/delivery").await["delivery"]["status"] == "ready").then_some(())
        })
        .await;
    }

    async fn approve(&self) {
        self.post_to("/delivery/approve").await;
        assert_eq!(self.get("").await["status"], "completed");
        let ledger = self.place.json(&["ledger", "verify"]);
        assert_eq!((&ledger["problems"], &ledger["transfers"]), (&json!([]), &json!(2)));
        for (slug, mode) in [("fast", "prototype"), ("slow", "prototype"), ("fast", "final")] {
            let calls = calls(&self.farm, slug, mode);
            let ids: BTreeSet<_> =
                calls.iter().map(|call| call.header("webhook-id").unwrap().to_owned()).collect();
            assert!(calls.len() <= 2 && ids.len() == 1, "{slug} {mode}: {} calls, {ids:?}", calls.len());
        }
        assert!(calls(&self.farm, "slow", "final").is_empty(), "losers get no final call");
    }
}

fn calls(farm: &Farm, slug: &str, mode: &str) -> Vec<Received> {
    let is_mode = |call: &Received| serde_json::from_slice::<Value>(&call.body).unwrap()["mode"] == mode;
    farm.requests(slug).into_iter().filter(is_mode).collect()
}
