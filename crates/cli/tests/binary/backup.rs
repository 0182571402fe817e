//! A copy is made of a server at work; the server is lost; another one goes on from the copy.

use crate::support::{Place, Server, bid, brief, register, until};
use gavel::client::Client;
use gavel_agentfarm::{Action, AgentSpec, Behaviour, Farm, Received, Reply, Script};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

/// Tasks that are under way when the copy is made.
const TASKS: usize = 6;
/// Of these, tasks whose winner is at work.
const CHOSEN: usize = 2;
/// Calls that an agent takes at once.
const PLACES: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_copy_goes_on_where_the_server_was() {
    let lost = Place::new();
    let keys = [lost.key("task_poster"), lost.key("agent_manager")];
    let server = lost.serve();
    let farm = farm().await;
    register(&server.client(&keys[1]), &farm).await.unwrap();
    let tasks = under_way(&server.client(&keys[0]), &farm).await;

    let load = load(server.client(&keys[0]));
    until("the slow one has all it takes", async || (calls(&farm, "slow").len() >= PLACES).then_some(()))
        .await;
    for name in ["copy-1.db", "copy-2.db"] {
        let made = lost.json(&["backup", name]);
        assert_eq!((&made["sound"], &made["key_file_not_copied"]), (&json!(true), &json!("gavel.key")));
        assert_eq!(lost.json(&["doctor"])["findings"], json!([]), "beside a server under load");
    }
    server.kill();
    load.abort();

    let restored = Place::new();
    std::fs::copy(lost.path("copy-2.db"), restored.path("gavel.db")).unwrap();
    std::fs::copy(lost.path("gavel.key"), restored.path("gavel.key")).unwrap();
    assert_eq!(restored.json(&["doctor"])["findings"], json!([]));
    let server = restored.serve();
    finish(&server, &keys[0], &tasks).await;

    let doctor = restored.json(&["doctor"]);
    assert_eq!((&doctor["findings"], &doctor["counts"]["transfers"]), (&json!([]), &json!(2 * TASKS)));
    let twice = sent_twice_under_one_name(&farm, &tasks);
    assert_eq!((twice[&("slow", "prototype")], twice[&("fast", "final")]), (TASKS - CHOSEN, CHOSEN));
    assert_eq!(server.stop(), 0);
}

/// One agent that bids at once and one that says nothing; neither does the first when it has won. Asked again, they work.
async fn farm() -> Farm {
    let script =
        |prototype: Vec<Reply>, final_mode: Vec<Reply>| Script { prototype, final_mode, health: vec![] };
    let silent = |calls: usize| [vec![Reply::at_once(Action::Hang); calls], vec![bid(0)]].concat();
    let agent = |slug, script| AgentSpec::new(slug, Behaviour::Script(script));
    let fast = agent("fast", script(vec![bid(0)], silent(CHOSEN)));
    Farm::start(vec![fast, agent("slow", script(silent(PLACES), vec![bid(0)]))]).await.unwrap()
}

/// Tasks that all have one bid and wait for another; of some the winner is at work.
async fn under_way(buyer: &Client, farm: &Farm) -> Vec<String> {
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        let task = buyer.post("/tasks", &brief()).await.unwrap();
        tasks.push(task["id"].as_str().unwrap().to_owned());
    }
    for task in &tasks {
        until("the first bid is judged", async || judged_bid(buyer, task).await).await;
    }
    until("all are asked", async || (calls(farm, "slow").len() == TASKS).then_some(())).await;
    for task in &tasks[..CHOSEN] {
        select(buyer, task).await;
    }
    let finals = || calls(farm, "fast").into_iter().filter(|call| mode(call) == "final").count();
    until("the winners are called", async || (finals() == CHOSEN).then_some(())).await;
    tasks
}

/// Posts tasks for as long as somebody takes them.
fn load(buyer: Client) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move { while buyer.post("/tasks", &brief()).await.is_ok() {} })
}

/// Every task goes to its end.
async fn finish(server: &Server, key: &str, tasks: &[String]) {
    let buyer = server.client(key);
    for task in tasks {
        let path = format!("/tasks/{task}");
        until("the task can be decided", async || {
            let status = buyer.get(&path).await.ok()?["status"].clone();
            (status == "review" || status == "delivering").then_some(())
        })
        .await;
        if buyer.get(&path).await.unwrap()["status"] == "review" {
            select(&buyer, task).await;
        }
        until("the work is in", async || {
            let delivery = buyer.get(&format!("{path}/delivery")).await.ok()?;
            (delivery["delivery"]["status"] == "ready").then_some(())
        })
        .await;
        let approved = buyer.post(&format!("{path}/delivery/approve"), &json!({})).await.unwrap();
        assert_eq!(approved["status"], "completed", "{approved}");
    }
}

async fn judged_bid(buyer: &Client, task: &str) -> Option<String> {
    let gallery = buyer.get(&format!("/tasks/{task}/bids")).await.ok()?;
    let bids = gallery["bids"].as_array()?.iter();
    let mut judged = bids.filter(|bid| bid["agent_slug"] == "fast" && bid["eval_score"].is_number());
    Some(judged.next()?["id"].as_str()?.to_owned())
}

async fn select(buyer: &Client, task: &str) {
    let bid = judged_bid(buyer, task).await.unwrap();
    buyer.post(&format!("/tasks/{task}/bids/{bid}/select"), &json!({})).await.unwrap();
}

fn calls(farm: &Farm, slug: &str) -> Vec<Received> {
    farm.requests(slug).into_iter().filter(Received::is_call).collect()
}

fn mode(call: &Received) -> String {
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    body["mode"].as_str().unwrap().to_owned()
}

/// How many calls were sent once more after the restoration. Every call has one name, however often it was sent.
fn sent_twice_under_one_name(farm: &Farm, tasks: &[String]) -> BTreeMap<(&'static str, &'static str), usize> {
    let mut twice = BTreeMap::new();
    for (slug, which) in [("fast", "prototype"), ("fast", "final"), ("slow", "prototype")] {
        for task in tasks {
            let of_task =
                |call: &Received| call.header("x-aitasker-task-id") == Some(task) && mode(call) == which;
            let sends: Vec<_> = calls(farm, slug).into_iter().filter(of_task).collect();
            let names: BTreeSet<_> = sends.iter().map(|call| call.header("webhook-id").unwrap()).collect();
            assert!(names.len() == 1 && sends.len() <= 2, "{slug} {which}: {} sends, {names:?}", sends.len());
            *twice.entry((slug, which)).or_default() += sends.len() - 1;
        }
    }
    twice
}

#[test]
fn a_copy_is_its_owners_and_overwrites_nothing() {
    let place = Place::new();
    let (code, _, err) = place.ran(&["backup", "copy.db"]);
    assert!(code == 2 && err.contains("there is no database gavel.db here"), "{code} {err}");
    place.key("task_poster");
    let (code, out, err) = place.ran(&["backup", "copy.db"]);
    assert!(
        code == 0 && out.contains("copy.db holds the whole database") && out.contains("gavel.key"),
        "{out} {err}"
    );
    let copy = place.path("copy.db").metadata().unwrap();
    assert_eq!(copy.permissions().mode() & 0o777, 0o600);
    assert!(out.contains(&format!("{} bytes", copy.len())), "{out}");

    for there in ["copy.db", "gavel.db"] {
        let (code, _, err) = place.ran(&["backup", there]);
        assert!(code == 2 && err.contains("is there already"), "{code} {err}");
    }
    let (code, _, err) = place.ran(&["backup", "no-folder/copy.db"]);
    assert!(code == 2 && err.contains("no-folder"), "{code} {err}");
    let mut left: Vec<_> = std::fs::read_dir(place.path(""))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["copy.db", "gavel.db", "gavel.db.lock", "gavel.key"]);
}

#[test]
fn postgres_has_its_own() {
    let place = Place::new();
    let (code, _, err) = place.ran(&["backup", "copy.db", "--database", "postgres://localhost:1/none"]);
    assert!(code == 2 && err.contains("pg_dump"), "{code} {err}");
}
