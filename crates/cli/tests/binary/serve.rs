//! `gavel serve` and the commands that stand beside it.

use crate::support::{Place, bid, brief, register, scripted, until};
use chrono::TimeDelta;
use gavel::client::CallError;
use gavel_agentfarm::Farm;
use gavel_domain::clock::SystemClock;
use gavel_domain::task::{Brief, Task};
use gavel_domain::{AccountId, Clock, Money, TaskId};
use gavel_store::Store;
use gavel_store::recovery::After;
use gavel_vault::OsChance;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_key_to_the_balances() {
    let place = Place::new();
    let buyers_key = place.key("task_poster");
    let server = place.serve();
    let developers_key = place.key("agent_manager"); // beside the running server
    let (buyer, developer) = (server.client(&buyers_key), server.client(&developers_key));
    let farm = Farm::start(vec![scripted("only", bid(0), bid(0))]).await.unwrap();
    register(&developer, &farm).await.unwrap();

    let task = buyer.post("/tasks", &brief()).await.unwrap();
    let path = format!("/tasks/{}", task["id"].as_str().unwrap());
    let gallery = until("the gallery is ready", async || {
        let gallery = buyer.get(&format!("{path}/bids")).await.unwrap();
        (gallery["task"]["status"] == "review").then_some(gallery)
    })
    .await;
    assert_eq!(gallery["task"]["under_supplied"], true);
    let bid = gallery["bids"][0]["id"].as_str().unwrap();
    buyer.post(&format!("{path}/bids/{bid}/select"), &json!({})).await.unwrap();
    until("the work is in", async || {
        let delivery = buyer.get(&format!("{path}/delivery")).await.ok()?;
        (delivery["delivery"]["status"] == "ready").then_some(())
    })
    .await;
    buyer.post(&format!("{path}/delivery/approve"), &json!({})).await.unwrap();

    let ledger = place.json(&["ledger", "verify"]); // on the live database
    assert_eq!((&ledger["problems"], &ledger["transfers"]), (&json!([]), &json!(2)));
    let owner = |kind: &str| {
        let of_kind = |b: &&Value| b["account"].as_str().unwrap().starts_with(kind);
        ledger["balances"].as_array().unwrap().iter().find(of_kind).unwrap()["owner"].clone()
    };
    assert_eq!((owner("buyer:"), owner("developer:")), (json!("task_poster"), json!("agent_manager")));
    let listed = place.json(&["tasks", "list", "--state", "completed", "--account", "task_poster"]);
    let listed = &listed["tasks"][0];
    assert_eq!((&listed["id"], &listed["money"]), (&task["id"], &json!("paid")));
    let listed = place.json(&["agents", "list"]);
    assert_eq!(
        (&listed["agents"][0]["slug"], &listed["agents"][0]["developer"]),
        (&json!("only"), &json!("Ada"))
    );
    assert_eq!(listed["agents"][0]["tiers"], json!({ "content-writing": "new_challenger" }));
    let moved = place.json(&["agents", "visibility", "only", "beta", "--reason", "a look at it"]);
    assert_eq!(moved, json!({ "slug": "only", "before": "live", "visibility": "beta" }));
    let doctor = place.json(&["doctor"]);
    assert_eq!(
        (&doctor["findings"], &doctor["sound"], &doctor["counts"]["bids"]),
        (&json!([]), &json!(true), &json!(1))
    );
    let amount = |kind: &str| {
        let balances = ledger["balances"].as_array().unwrap().iter();
        let of_kind = |b: &&Value| b["account"].as_str().unwrap().starts_with(kind);
        balances.filter(of_kind).map(|b| b["amount"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        (amount("buyer:"), amount("developer:"), amount("platform_fee")),
        (vec![-20.0], vec![17.0], vec![3.0])
    );
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_server_that_says_it_listens_can_be_asked_to_end() {
    let place = Place::new();
    for _ in 0..5 {
        assert_eq!(place.serve().stop(), 0);
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused() {
    let place = Place::new();
    let server = place.serve();
    let (code, _, err) = place.ran(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert!(err.contains("in use by another gavel process"), "{err}");
    assert_eq!(server.stop(), 0);
}

#[tokio::test]
async fn keys_do_what_they_are_for() {
    let place = Place::new();
    let server = place.serve();
    let status = async |key: &str, body: Value| match server.client(key).post("/tasks", &body).await {
        Err(CallError::Problem { status, .. }) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status("aitk_live_unknown", json!({})).await, 401);
    assert_eq!(status(&place.key("agent_manager"), json!({})).await, 403);
    assert_eq!(status(&place.key("task_poster:read"), json!({})).await, 403);
    let key = place.key("task_poster");
    assert_eq!(status(&key, json!({})).await, 422);

    let keys = place.json(&["keys", "list"])["keys"].as_array().unwrap().clone();
    assert!(!keys.iter().any(|known| known.to_string().contains(&key)), "no list shows a key");
    let mine =
        keys.iter().find(|known| known["scope"] == "task_poster" && known["read_only"] == false).unwrap();
    let id = mine["id"].as_str().unwrap();
    assert_eq!(place.json(&["keys", "revoke", id])["revoked"], true);
    assert_eq!(status(&key, json!({})).await, 401, "at once, beside the running server");
    assert_eq!(place.ran(&["keys", "revoke", id]).0, 2);
    assert_eq!(place.ran(&["agents", "unhide", "nobody"]).0, 2);
    assert_eq!(place.ran(&["agents", "visibility", "nobody", "live"]).0, 2);
    assert_eq!(place.ran(&["agents", "visibility", "nobody", "gone"]).0, 2);
}

/// A task whose step has failed too often, as the loop leaves it.
async fn set_aside(place: &Place) -> TaskId {
    let url = format!("sqlite:{}", place.path("gavel.db").display());
    let (store, now) = (Store::open(&url).await.unwrap(), SystemClock.now());
    let account = store.ensure_account("buyer", AccountId::new(now, &OsChance), now).await.unwrap();
    let brief = Brief { category: "content-writing".to_owned(), ..Brief::default() };
    let id = TaskId::new(now, &OsChance);
    let task = Task::posted(id, account, (brief, Money::from_minor(2000)), now);
    store.create_task(&task).await.unwrap();
    let claimed = store.claim("test", now, now + TimeDelta::seconds(30)).await.unwrap().unwrap();
    let counted = store.failed(claimed.lease(), "it hurts", now, |_| After::SetAside).await.unwrap();
    assert_eq!(counted.unwrap().after, After::SetAside);
    store.close().await;
    task.id
}

#[tokio::test]
async fn a_task_that_was_set_aside_is_listed_and_taken_up_again() {
    let place = Place::new();
    let _ = place.key("task_poster");
    assert_eq!(place.json(&["tasks", "dead"]), json!({ "tasks": [] }));
    assert_eq!(place.ran(&["tasks", "dead"]).1, "No task is set aside.\n");
    assert_eq!(place.ran(&["tasks", "list", "--state", "gone"]).0, 2);
    assert_eq!(place.ran(&["tasks", "list"]).1, "There are no such tasks.\n");
    let id = set_aside(&place).await.to_string();
    let server = place.serve();
    let listed = place.json(&["tasks", "dead"]); // beside the running server
    let task = &listed["tasks"][0];
    assert_eq!(
        (&task["id"], &task["state"], &task["reason"]),
        (&json!(id), &json!("open"), &json!("it hurts"))
    );
    let (code, out, _) = place.ran(&["tasks", "dead"]);
    assert!(code == 0 && out.contains(&id) && out.contains("it hurts"), "{out}");
    let (code, out, _) = place.ran(&["tasks", "list", "--account", "buyer"]);
    assert!(code == 0 && out.contains(&id) && out.contains("open  no money  buyer"), "{out}");

    assert_eq!(place.ran(&["tasks", "retry", "nonsense"]).0, 2);
    assert_eq!(place.json(&["tasks", "retry", &id])["retried"], true);
    assert_eq!(place.ran(&["tasks", "retry", &id]).0, 2, "it is not set aside any more");
    assert_eq!(place.json(&["tasks", "dead"]), json!({ "tasks": [] }));
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_wrong_or_lost_key_file_is_told() {
    let place = Place::new();
    let _ = place.key("admin");
    std::fs::write(place.path("gavel.key"), [1; 32]).unwrap();
    let told = |words: &str| {
        let (code, _, err) = place.ran(&["serve", "--listen", "127.0.0.1:0"]);
        assert!(code == 2 && err.contains("gavel.key") && err.contains(words), "{code} {err}");
    };
    told("does not hold 64 hexadecimal digits");
    std::fs::write(place.path("gavel.key"), "0".repeat(64)).unwrap();
    told("is not the one this database was made with");
    std::fs::remove_file(place.path("gavel.key")).unwrap();
    told("cannot be used");
    assert!(!place.path("gavel.key").exists(), "no new key is made that would open nothing");
}

#[test]
fn commands_that_look_do_not_make_a_database() {
    let place = Place::new();
    for command in [&["ledger", "verify"][..], &["keys", "list"], &["doctor"]] {
        let (code, _, err) = place.ran(command);
        assert!(code == 2 && err.contains("there is no database gavel.db here"), "{command:?}: {code} {err}");
    }
    assert!(!place.path("gavel.db").exists());
}

#[test]
fn a_database_server_that_is_away_is_told_with_its_place() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = Place::on(&format!("postgres://gavel:s3cret@127.0.0.1:{nobody}/market"));
    let place = place.with("GAVEL__DATABASE__ACQUIRE_SECONDS", "1");
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["keys", "list"]] {
        let (code, _, err) = place.ran(command);
        let told = format!("PostgreSQL at 127.0.0.1:{nobody}, database market, cannot be reached");
        assert!(code == 1 && err.contains(&told) && !err.contains("s3cret"), "{command:?}: {code} {err}");
    }
}

#[test]
fn what_is_probably_not_meant_is_told() {
    let place =
        Place::new().with("GAVEL_TIMERS__PHASE_SECONDS", "8").with("GAVEL__TIMERS__PHASE_SECONDS", "100");
    let (code, out, err) = place.ran(&["check-config"]);
    assert!(code == 0 && out.contains("The settings can be used."), "{err}");
    assert!(
        err.contains("GAVEL_TIMERS__PHASE_SECONDS is not read") && err.contains("phase_seconds (100)"),
        "{err}"
    );
}

#[test]
fn settings_are_checked_before_anything_is_opened() {
    let place = Place::new();
    let (code, out, _) = place.ran(&["check-config"]);
    assert_eq!(code, 0);
    assert!(out.contains("127.0.0.0/8"), "{out}");
    assert!(out.contains("The catalogue has 11 categories and 75 task types."), "{out}");
    std::fs::write(place.path("bad.toml"), "[timers]\nphse_seconds = 1\n").unwrap();
    for command in ["check-config", "serve", "migrate"] {
        let (code, _, err) = place.ran(&[command, "--config", "bad.toml"]);
        assert_eq!(code, 2, "{command}: {err}");
        assert!(err.contains("timers.phase_seconds"), "{command}: {err}");
    }
    std::fs::create_dir(place.path("mine")).unwrap();
    std::fs::write(place.path("mine/catalog.json"), "{\n\"categories\": [\"poems\"]\n}").unwrap();
    std::fs::write(place.path("bad.toml"), "[catalog]\nfolder = \"mine\"\n").unwrap();
    for command in ["check-config", "serve"] {
        let (code, _, err) = place.ran(&[command, "--config", "bad.toml"]);
        assert_eq!(code, 2, "{command}: {err}");
        assert!(
            err.contains("mine/catalog.json:2: \"poems\" has no file poems/category.json"),
            "{command}: {err}"
        );
    }
    assert!(!place.path("gavel.db").exists(), "nothing was opened");
}
