//! Several processes of the binary on one PostgreSQL: parts that are apart, and replicas that are replaced one by one.

use crate::support::{Place, Process, Server, bid, brief, register, scripted, status_of, until};
use gavel::client::Client;
use gavel_agentfarm::{Farm, Received};
use gavel_domain::Clock;
use gavel_testkit::postgres;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn parts_run_apart() {
    let Some(server) = postgres::server() else { return };
    let place = Place::on(&server.create_database("apart"));
    let (buyers, developers) = (place.key("task_poster"), place.key("agent_manager"));
    let api = place.serve_as(&["--roles", "api"]);
    let work = place.serve_as(&["--roles", "work,probe"]);
    let farm = Farm::start(vec![scripted("only", bid(0), bid(0))]).await.unwrap();
    register(&api.client(&developers), &farm).await.unwrap();

    assert_eq!((status(&work, "/livez").await, status(&work, "/readyz").await), (200, 200));
    assert_eq!(status(&work, "/api/v1/tasks").await, 404, "it does not serve the API");
    let buyer = api.client(&buyers);
    let task = posted(&buyer).await;
    until("the gallery is ready", async || {
        (buyer.get(&task).await.unwrap()["status"] == "review").then_some(())
    })
    .await;
    assert_eq!((work.stop(), api.stop()), (0, 0));

    // On SQLite they are together.
    let (code, _, err) = Place::new().ran(&["serve", "--listen", "127.0.0.1:0", "--roles", "work"]);
    assert!(code == 2 && err.contains("on SQLite all parts run in one process"), "{code} {err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_one_replica_is_seen_live_at_another() {
    let Some(server) = postgres::server() else { return };
    let place = Place::on(&server.create_database("live"));
    let (buyers, developers) = (place.key("task_poster"), place.key("agent_manager"));
    let api = place.serve_as(&["--roles", "api"]);
    let _work = place.serve_as(&["--roles", "work"]);
    let agents = [("one", 310), ("two", 640), ("three", 970), ("four", 1_200)];
    let farm = Farm::start(agents.map(|(slug, ms)| scripted(slug, bid(ms), bid(0))).to_vec()).await.unwrap();
    register(&api.client(&developers), &farm).await.unwrap();
    let task = posted(&api.client(&buyers)).await;
    let told = told_live(&api.base_url, &buyers, &task).await;
    let bids = told.iter().filter(|(kind, _)| kind == "scored").count();
    assert!(bids >= 4, "{told:?}");
    // Who looks once a second is late by any part of one, and seldom by little; a slow machine is late now and then.
    let at_once = told.iter().skip(1).filter(|(_, late)| *late < Duration::from_millis(400)).count();
    assert!(at_once * 3 >= (told.len() - 1) * 2, "{at_once} of {told:?}");
}

/// The kinds of a task's events as they are told, each with how late, until the gallery is ready.
async fn told_live(base_url: &str, key: &str, task: &str) -> Vec<(String, Duration)> {
    let host = base_url.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(host).await.unwrap();
    let head =
        format!("GET /api/v1{task}/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut lines = tokio::io::BufReader::new(socket).lines();
    let mut told = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let event: Value = serde_json::from_str(data).unwrap();
        let at: gavel_domain::Timestamp = event["at"].as_str().unwrap().parse().unwrap();
        let late = (gavel_domain::clock::SystemClock.now() - at).to_std().unwrap_or_default();
        told.push((event["type"].as_str().unwrap().to_owned(), late));
        if event["to"] == "review" {
            break;
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_replaced_one_by_one_and_nobody_notices() {
    let Some(server) = postgres::server() else { return };
    let place = Place::on(&server.create_database("rolling"));
    let (buyers, developers) = (place.key("task_poster"), place.key("agent_manager"));
    let agents = ["first", "second", "third"];
    let farm =
        Farm::start(agents.iter().map(|slug| scripted(slug, bid(700), bid(700))).collect()).await.unwrap();
    let mut replicas: Vec<Server> = (0..3).map(|_| place.serve_as(&[])).collect();
    register(&replicas[0].client(&developers), &farm).await.unwrap();

    let (mut tasks, mut refused) = (Vec::new(), Vec::new());
    let rounds = if std::env::var_os("GAVEL_ENDURANCE").is_some() { 15 } else { 3 };
    for round in 0..rounds {
        // Under load: tasks come in while a replica leaves, and calls of earlier ones are under way.
        tasks.extend(posts(&replicas, &buyers, &mut refused).await);
        let leaver = replicas.remove(0);
        let leaving = std::thread::spawn(move || leaver.stop());
        tasks.extend(posts(&replicas, &buyers, &mut refused).await);
        assert_eq!(leaving.join().unwrap(), 0, "replica {round}");
        replicas.push(place.serve_as(&[]));
    }
    assert_eq!(refused, Vec::<String>::new());

    let buyer = replicas[0].client(&buyers);
    for task in &tasks {
        until("the gallery is ready", async || {
            let gallery = buyer.get(&format!("{task}/bids")).await.unwrap();
            (gallery["task"]["status"] == "review").then_some(gallery["bids"].as_array().unwrap().len())
        })
        .await;
    }
    let sends = agents.iter().flat_map(|slug| farm.requests(slug)).filter(|call| mode(call) == "prototype");
    let mut by_id = BTreeMap::<String, usize>::new();
    for call in sends {
        *by_id.entry(call.header("webhook-id").unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(by_id.len(), tasks.len() * agents.len(), "everybody was asked for everything");
    let twice: Vec<_> = by_id.iter().filter(|(_, sends)| **sends > 1).collect();
    assert!(twice.is_empty(), "calls were cut and sent again: {twice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_leaves_says_so_before_it_is_gone() {
    let Some(server) = postgres::server() else { return };
    let place = Place::on(&server.create_database("leaves")).with("GAVEL__SERVER__LEAVE_SECONDS", "2");
    let replica = place.serve_as(&[]);
    assert_eq!(status(&replica, "/readyz").await, 200);
    let base_url = replica.base_url.clone();
    let since = Instant::now();
    let leaving = std::thread::spawn(move || replica.stop());
    let ready = async || status_of(&base_url, "/readyz").await;
    until("it says that it is not ready", async || (ready().await == Some(503)).then_some(())).await;
    assert!(since.elapsed() < Duration::from_millis(1_500), "{:?}", since.elapsed());
    assert_eq!(status_of(&base_url, "/livez").await, Some(200), "connections are still taken");
    assert_eq!(leaving.join().unwrap(), 0);
    assert!(since.elapsed() >= Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_at_once_and_survived() {
    let Some(server) = postgres::server_of_ones_own() else { return };
    let place = Place::on(&server.create_database("away"));
    let (buyers, developers) = (place.key("task_poster"), place.key("agent_manager"));
    let replica = place.serve_as(&[]);
    let farm = Farm::start(vec![scripted("only", bid(0), bid(0))]).await.unwrap();
    register(&replica.client(&developers), &farm).await.unwrap();
    let buyer = replica.client(&buyers);
    let cycles = if std::env::var_os("GAVEL_ENDURANCE").is_some() { 50 } else { 2 };
    for _ in 0..cycles {
        server.stop();
        until("it is not ready", async || (status(&replica, "/readyz").await == 503).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!((status(&replica, "/livez").await, status(&replica, "/readyz").await), (200, 503));
        let since = Instant::now();
        let refused = buyer.post("/tasks", &brief()).await.unwrap_err().to_string();
        assert!(refused.contains("database"), "{refused}");
        assert!(since.elapsed() < Duration::from_millis(500), "turned away at once: {:?}", since.elapsed());
        server.start_again();
        let since = Instant::now();
        until("it is ready", async || (status(&replica, "/readyz").await == 200).then_some(())).await;
        let task = posted(&buyer).await;
        until("work goes on", async || (buyer.get(&task).await.unwrap()["status"] == "review").then_some(()))
            .await;
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    }
    assert_eq!(replica.stop(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_once_in_a_while_and_not_by_each_who_meets_it() {
    const AWAY: Duration = Duration::from_secs(6);
    let Some(server) = postgres::server_of_ones_own() else { return };
    let place = Place::on(&server.create_database("told"));
    let key = place.key("task_poster");
    let log = std::fs::File::create(place.path("log")).unwrap();
    let child = place.gavel(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(log).spawn();
    let _replica = Process::new(child.unwrap());
    let told = || std::fs::read_to_string(place.path("log")).unwrap();
    let base_url = until("it listens", async || {
        let told = told();
        let (_, behind) = told.split_once("listening on ")?;
        behind.contains('\n').then(|| behind.split_whitespace().next().unwrap().to_owned())
    })
    .await;
    server.stop();
    let (before, since) = (told().len(), Instant::now());
    let buyer = Client::new(&base_url, &key);
    while since.elapsed() < AWAY {
        let _ = tokio::join!(buyer.get("/tasks"), buyer.get("/tasks"), buyer.get("/tasks"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = told().split_off(before);
    let lines = told.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
    assert!((1..=8).contains(&lines.count()), "{told}");
}

async fn status(server: &Server, path: &str) -> u16 {
    status_of(&server.base_url, path).await.unwrap()
}

async fn posted(buyer: &Client) -> String {
    let task = buyer.post("/tasks", &brief()).await.unwrap();
    format!("/tasks/{}", task["id"].as_str().unwrap())
}

/// Some tasks at every replica; what was refused is noted.
async fn posts(replicas: &[Server], key: &str, refused: &mut Vec<String>) -> Vec<String> {
    let mut tasks = Vec::new();
    for _ in 0..2 {
        for replica in replicas {
            match replica.client(key).post("/tasks", &brief()).await {
                Ok(task) => tasks.push(format!("/tasks/{}", task["id"].as_str().unwrap())),
                Err(error) => refused.push(error.to_string()),
            }
        }
    }
    tasks
}

fn mode(call: &Received) -> Value {
    serde_json::from_slice::<Value>(&call.body).unwrap_or_else(|_| json!({}))["mode"].clone()
}
