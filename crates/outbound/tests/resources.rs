//! What strangers can cost us: memory, descriptors, time. Everything is counted for this whole process, agents and
//! client together. A short share runs always; GAVEL_ENDURANCE=1 runs ten times as much.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "test code")]

mod support;

use futures::stream::{self, StreamExt};
use gavel_dispatcher::transport::{FailureKind, Request, Transport};
use gavel_outbound::{Limits, Outbound};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use support::{Held, Play, Server, everything, guard, limits, ok, request};
use tokio::time::Instant;

/// Runs one test at a time, runtime and all: each counts for the whole process.
fn alone(test: impl Future<Output = ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(test);
}

const PATIENCE_MS: u64 = 60_000;
/// What the allocator may keep for later, in KiB.
const SLACK_KIB: usize = 48 * 1024;

/// How much more than the short share.
fn times() -> usize {
    if std::env::var("GAVEL_ENDURANCE").is_ok_and(|value| value == "1") { 10 } else { 1 }
}

/// A client whose unused connections are closed soon.
fn client() -> Outbound {
    let soon = Limits { idle: Duration::from_millis(200), ..limits() };
    Outbound::new(guard(&[443]), soon).unwrap()
}

fn of(url: &str, agent: usize, millis: u64) -> Request {
    let mut request = request(url, millis);
    request.headers[1].1 = format!("ait_{agent}");
    request
}

#[test]
fn hostile_exchanges_leave_nothing_behind_and_hurt_nobody() {
    alone(hostile_exchanges());
}

async fn hostile_exchanges() {
    if Held::now().is_none() {
        return println!("skipped: this kernel does not tell what a process holds");
    }
    let exchanges = 2_000 * times();
    let mut agents = Vec::new();
    for play in everything() {
        agents.push(Server::start("127.0.0.2", play).await.url());
    }
    let good = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let client = client();
    let start = Held::now().unwrap();
    hostile(&client, &agents, 20 * agents.len()).await;
    let base = Held { descriptors: start.descriptors, ..Held::back_at(start).await };

    let over = Arc::new(AtomicBool::new(false));
    let beside = tokio::spawn(unaffected(client.clone(), good.url(), Arc::clone(&over)));
    let ended = hostile(&client, &agents, exchanges).await;
    over.store(true, SeqCst);
    let good_calls = beside.await.unwrap();
    let after = Held::back_at(base).await;
    println!(
        "{exchanges} hostile exchanges: {ended:?}; {good_calls} good calls beside; {base:?}, then {after:?}"
    );
    assert_eq!(ended.values().sum::<usize>(), exchanges);
    assert!(good_calls > 0);
    assert!(after.resident < base.resident + SLACK_KIB, "{base:?}, then {after:?}");
}

/// So many exchanges, all kinds in turn, 200 at once; how they ended.
async fn hostile(client: &Outbound, agents: &[String], exchanges: usize) -> BTreeMap<String, usize> {
    let sends = stream::iter(0..exchanges).map(|at| {
        let (client, url) = (client.clone(), agents[at % agents.len()].clone());
        // On a task of its own: a panic in one is seen, and stays its own.
        tokio::spawn(async move { client.send(of(&url, at, 200)).await })
    });
    let mut ended = BTreeMap::new();
    let mut sends = sends.buffer_unordered(200);
    while let Some(sent) = sends.next().await {
        let how = match sent.expect("no exchange panics") {
            Ok(reply) => reply.status.to_string(),
            Err(failure) => format!("{:?}", failure.kind),
        };
        *ended.entry(how).or_default() += 1;
    }
    ended
}

/// Calls to an honest agent, one after the other. Each is answered.
async fn unaffected(client: Outbound, url: String, over: Arc<AtomicBool>) -> usize {
    let mut answered = 0;
    while !over.load(SeqCst) {
        let reply = client.send(of(&url, 0, PATIENCE_MS)).await.expect("honest agents are answered");
        assert_eq!(reply.status, 200);
        answered += 1;
    }
    answered
}

const STREAMS: usize = 100;
const BODY_CAP: usize = 4 * 1024 * 1024;
/// All of this process: the client's bodies, the agents, the test.
const STREAMS_KIB: usize = 600 * 1024;

#[test]
fn a_hundred_endless_streams_at_once_stay_within_their_memory() {
    alone(endless_streams());
}

async fn endless_streams() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let unit = vec![b'x'; 64 * 1024];
    let endless = Play::Repeat { head: head.clone(), unit: unit.clone(), pause: Duration::ZERO };
    // All but the last unit, and then nothing: every body is held at its largest until the deadline.
    let full = Play::Fill { head, times: BODY_CAP / unit.len() - 1, unit };
    for (play, expected) in [(endless, FailureKind::TooLarge), (full, FailureKind::Timeout)] {
        let agent = Server::start("127.0.0.2", play).await;
        let client = client();
        let most = Arc::new(Mutex::new(0));
        let sampling = tokio::spawn(sample(Arc::clone(&most)));
        let sends = (0..STREAMS).map(|at| {
            let request = Request { body_cap: BODY_CAP, ..of(&agent.url(), at, 4_000) };
            let client = client.clone();
            tokio::spawn(async move { client.send(request).await.unwrap_err().kind })
        });
        for sent in sends.collect::<Vec<_>>() {
            let kind = sent.await.unwrap();
            // A machine too slow to bring 400 MiB through in time cuts by the deadline instead.
            assert!(kind == expected || kind == FailureKind::Timeout, "{kind:?}");
        }
        agent.closed(STREAMS).await;
        sampling.abort();
        println!("{STREAMS} streams that end as {expected:?}: at most {} KiB in all", *most.lock().unwrap());
        assert!(*most.lock().unwrap() < STREAMS_KIB);
    }
    if let Some(held) = Held::now() {
        println!("the most this process ever had: {} KiB", held.peak);
        assert!(held.peak < STREAMS_KIB, "{held:?}");
    }
}

async fn sample(most: Arc<Mutex<usize>>) {
    while let Some(held) = Held::now() {
        let so_far = *most.lock().unwrap();
        *most.lock().unwrap() = so_far.max(held.resident);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn one_byte_at_a_time_ends_at_the_deadline() {
    alone(drips());
}

async fn drips() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nx-slow: ", ""] {
        let drip = Play::Repeat { head: head.into(), unit: b"\n".to_vec(), pause: Duration::from_millis(15) };
        let agent = Server::start("127.0.0.2", drip).await;
        let client = client();
        let sends = (0..20).map(|at| {
            let (client, request) = (client.clone(), of(&agent.url(), at, 500));
            async move {
                let deadline = request.deadline;
                let kind = client.send(request).await.unwrap_err().kind;
                // What is broken is known before; whoever only waits is cut.
                assert!(matches!(kind, FailureKind::Timeout | FailureKind::BrokenHead), "{head:?}: {kind:?}");
                assert!(Instant::now() < deadline + Duration::from_secs(1), "{head:?}");
            }
        });
        futures::future::join_all(sends).await;
        agent.closed(20).await;
    }
}

/// Agents have connections of their own. Unused, they are closed, and nothing is kept of who had them.
#[test]
fn five_thousand_agents_on_one_host_leave_no_connections_behind() {
    alone(many_agents());
}

async fn many_agents() {
    if Held::now().is_none() {
        return println!("skipped: this kernel does not tell what a process holds");
    }
    let client = client();
    let mut after = Vec::new();
    for round in 0..2 + times() {
        // One host a round: a machine has 28,000 ports towards each, and those just closed rest for a while.
        let server = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
        let start = Held::now().unwrap();
        let most = ask_once_each(&client, &server, round).await;
        assert_eq!(server.connections(), AGENTS, "nobody used another one's");
        server.closed(AGENTS).await;
        let held = Held::back_at(start).await;
        println!("{AGENTS} more agents: at most {most} connections open, then {held:?}");
        after.push(held.resident);
    }
    // The allocator settles over some rounds; what a leak adds goes on to the end.
    let (settled, last) = (after[after.len() / 2], after[after.len() - 1]);
    assert!(last < settled + SLACK_KIB / 2, "memory grows with the agents ever seen: {after:?} KiB");
}

const AGENTS: usize = 5_000;

/// One call to each agent, 64 at once; how many connections were open at most.
async fn ask_once_each(client: &Outbound, server: &Server, round: usize) -> usize {
    let sends = stream::iter(0..AGENTS).map(|at| {
        let (client, request) = (client.clone(), of(&server.url(), round * AGENTS + at, PATIENCE_MS));
        async move { client.send(request).await.unwrap().status }
    });
    let (mut sends, mut most) = (sends.buffer_unordered(64), 0);
    while let Some(status) = sends.next().await {
        assert_eq!(status, 200);
        most = most.max(server.open());
    }
    most
}
