//! Every example keeps the contract: `gavel conformance` finds nothing to say, over the transport it is for.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may stop here, and says what it skips")]

use gavel_conformance::desk::Desk;
use gavel_conformance::report::{Mark, Outcome};
use gavel_conformance::{Given, Kit, Stage, Via, cases, run};
use gavel_domain::clock::SystemClock;
use gavel_domain::money::{Currency, Money};
use gavel_domain::network::Guard;
use gavel_outbound::{Limits, Outbound};
use gavel_testkit::SeededChance;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEY: &str = "ait_mine";
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEXT: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const WORKERS_KEY: &str = "aitk_test_mine";
/// Cases that look at a clock: a loaded machine may be slower than they ask for.
const TIMED: [&str; 4] = ["health-quick", "deadline-short", "repeat-from-memory", "ack-quick"];

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_agent() {
    let agent = Agent::start(Command::new(env!("CARGO_BIN_EXE_agent")), 20_000);
    passes(stage(&agent.url(), Via::Sync).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_agent() {
    let Some(python) = script("python3", "agent.py") else { return };
    passes(stage(&Agent::start(python, 23_000).url(), Via::Sync).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_agent() {
    let Some(node) = script("node", "agent.mjs") else { return };
    passes(stage(&Agent::start(node, 26_000).url(), Via::Sync).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_agent_that_calls_back() {
    let Some(python) = script("python3", "agent_async.py") else { return };
    passes(stage(&Agent::start(python, 29_000).url(), Via::Async).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_worker() {
    let Some(mut python) = script("python3", "worker.py") else { return };
    let stage = stage("", Via::Pull).await;
    python.env("GAVEL_URL", stage.desk.base_url()).env("GAVEL_KEY", WORKERS_KEY);
    let _worker = Process(python.spawn().unwrap());
    passes(stage).await;
}

/// The command that runs an example, where the machine has its language.
fn script(language: &str, file: &str) -> Option<Command> {
    if Command::new(language).arg("--version").output().is_err() {
        eprintln!("skipped: no {language} here");
        return None;
    }
    let mut command = Command::new(language);
    command.arg(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

async fn stage(url: &str, via: Via) -> Stage {
    let guard = Guard { allow: "127.0.0.0/8".parse().unwrap(), ports: Vec::new(), own_hosts: Vec::new() };
    let transport = Arc::new(Outbound::new(guard, Limits::default()).unwrap());
    let given = Given {
        url: url.to_owned(),
        key: Some(KEY.to_owned()),
        secret: Some(SECRET.to_owned()),
        next_secret: Some(NEXT.to_owned()),
        category: "content-writing".to_owned(),
        task_type: "blog-post".to_owned(),
        currency: Currency::new("USD").unwrap(),
        budget: Money::from_minor(2500),
        budget_min: Money::from_minor(300),
        timeout: Duration::from_secs(30),
        at_once: 8,
    };
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SeededChance::new(1)));
    let kit = Kit::new(given, &*chance).unwrap();
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let desk = Arc::new(Desk::open(here, None, WORKERS_KEY, Arc::clone(&clock) as _).await.unwrap());
    Stage::new(kit, via, transport, desk, clock, chance, Duration::from_secs(30))
}

async fn passes(stage: Stage) {
    let outcomes = run::run(&stage, &cases::of(stage.via, &[]), |_| {}).await;
    assert!(outcomes.len() > 30);
    let slow = |outcome: &&Outcome| outcome.mark() == Mark::Warned && TIMED.contains(&outcome.case.name);
    for outcome in outcomes.iter().filter(|outcome| !slow(outcome)) {
        assert_eq!(outcome.mark(), Mark::Passed, "{}: {:?}", outcome.case.name, outcome.verdict);
    }
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Agent {
    _process: Process,
    port: u16,
}

impl Agent {
    /// On a free port behind `from`: below those that the system gives to whoever connects, or a caller that comes
    /// too early may be connected with itself.
    fn start(mut command: Command, from: u16) -> Self {
        let offset = u16::try_from(std::process::id() % 2_000).unwrap();
        let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = (from + offset..from + 3_000).find(free).unwrap();
        let secrets = format!("{SECRET} {NEXT}");
        command.env("PORT", port.to_string()).env("AGENT_KEY", KEY).env("AGENT_SECRET", secrets);
        let agent = Agent { _process: Process(command.spawn().unwrap()), port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(30), "the agent does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        agent
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/execute", self.port)
    }
}
