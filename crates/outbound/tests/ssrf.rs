//! Every row of the corpus of addresses through the real client, with nothing opened beside public https. All
//! connections lead to one server on loopback; what would have been dialled is recorded.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use async_trait::async_trait;
use gavel_dispatcher::transport::{FailureKind, Reply, SendFailure, Transport};
use gavel_domain::network::Guard;
use gavel_outbound::{Limits, Lookup, Outbound, Surroundings};
use gavel_testkit::corpora::rows;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Authority, Play, Recorder, Server, ok, request};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::version::{TLS12, TLS13};

const FILE: &str = "reliability/ssrf_urls.jsonl";
/// The corpus's delays are divided by this, and so is the limit they are held against.
const FASTER: u32 = 20;

#[derive(Deserialize)]
struct Row {
    id: String,
    kind: String,
    expected: String,
    code: String,
    ip: Option<IpAddr>,
    url: Option<String>,
    parsed_host: Option<String>,
    #[serde(default)]
    config: Config,
    dns: Option<Dns>,
    dns_sequence: Option<Vec<Vec<IpAddr>>>,
    #[serde(default)]
    within_one_attempt: bool,
    expected_lookups: Option<usize>,
    expected_attempts: Option<Vec<String>>,
    connect_to: Option<Vec<IpAddr>>,
    #[serde(default)]
    connect_never: Vec<IpAddr>,
    status: Option<u16>,
    location: Option<String>,
    refresh: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    own_hosts: Vec<String>,
}

/// What the name service says.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Dns {
    Answers(Vec<IpAddr>),
    Scripted(Script),
}

#[derive(Deserialize, Clone, Default)]
struct Script {
    delay_ms: Option<u64>,
    #[serde(default)]
    a: Vec<IpAddr>,
    #[serde(default)]
    aaaa: Vec<IpAddr>,
    /// What else there is: whom the name points to (only the addresses at the end matter), or why there are none.
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

impl Dns {
    fn script(&self) -> Script {
        match self {
            Dns::Answers(ips) => Script { a: ips.clone(), ..Script::default() },
            Dns::Scripted(script) => script.clone(),
        }
    }
}

/// Answers as scripted, the last answer for ever; notes the names it was asked for.
#[derive(Default)]
struct Names {
    scripts: Mutex<Vec<Script>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Lookup for Names {
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let script = {
            let mut scripts = self.scripts.lock().unwrap();
            if scripts.len() > 1 { scripts.remove(0) } else { scripts.first().cloned().unwrap() }
        };
        sleep(Duration::from_millis(script.delay_ms.unwrap_or_default()) / FASTER).await;
        let addresses = [script.a, script.aaaa].concat();
        if addresses.is_empty() && !script.rest.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{:?}", script.rest)));
        }
        Ok(addresses)
    }
}

/// One client, one name service, one network that leads to one agent.
struct World {
    client: Outbound,
    names: Arc<Names>,
    network: Arc<Recorder>,
    agent: Server,
}

/// A public address, for rows that are not about addresses.
const PUBLIC: &str = "93.184.216.34";

impl World {
    async fn new(config: &Config, play: Play) -> World {
        let authority = Authority::new();
        let roots = authority.roots();
        let tls: TlsAcceptor = authority.acceptor(&[&TLS12, &TLS13]);
        let agent = Server::tls("127.0.0.1", tls, play).await;
        let (names, network) = (Arc::new(Names::default()), Recorder::leading_to(Some(agent.address)));
        let surroundings = Surroundings { lookup: names.clone(), dial: network.clone(), roots };
        let guard = Guard { own_hosts: config.own_hosts.clone(), ..Guard::default() };
        let limits = Limits { look_up: Limits::default().look_up / FASTER, ..Limits::default() };
        let client = Outbound::within(surroundings, guard, limits).unwrap();
        World { client, names, network, agent }
    }

    fn resolves(&self, scripts: Vec<Script>) {
        *self.names.scripts.lock().unwrap() = scripts;
        self.names.asked.lock().unwrap().clear();
        self.network.dialled();
    }

    /// Sends for the agent with this key.
    async fn send(&self, url: &str, key: &str) -> Result<Reply, SendFailure> {
        let mut request = request(url, 30_000);
        request.headers[1].1 = key.to_owned();
        self.client.send(request).await
    }
}

#[tokio::test]
async fn every_row_through_the_client() {
    let Some(rows) = rows::<Row>(FILE) else { return };
    let world = World::new(&Config::default(), Play::Write(ok("{}"))).await;
    let mut ran: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in &rows {
        match row.kind.as_str() {
            "address" => address(row, &world).await,
            "url" if !row.config.own_hosts.is_empty() => {
                url(row, &World::new(&row.config, Play::Write(ok("{}"))).await).await;
            }
            "url" => url(row, &world).await,
            "resolve" => resolve(row, &world).await,
            "rebind" => rebind(row, &world).await,
            "redirect" => redirect(row).await,
            "env" => in_an_environment(row),
            other => panic!("{}: nothing is known of the kind {other:?}", row.id),
        }
        *ran.entry((&row.kind, &row.expected)).or_default() += 1;
    }
    println!("ssrf_urls: {} of {} rows: {ran:?}", ran.values().sum::<usize>(), rows.len());
    assert_eq!(ran.values().sum::<usize>(), rows.len(), "no row is left out");
}

/// An agent whose name has this address; as a literal it is not even asked for.
async fn address(row: &Row, world: &World) {
    let ip = row.ip.unwrap_or_else(|| panic!("{}: no ip", row.id));
    attempt(row, world, "https://agent.example.com/execute", vec![one(&[ip])], &[ip]).await;
    let literal = format!("https://{}/execute", SocketAddr::new(ip, 8443));
    let refused = world.send(&literal, &row.id).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused("ip_literal"), "{}", row.id);
    assert_eq!(world.network.dialled(), [], "{}", row.id);
}

async fn url(row: &Row, world: &World) {
    let url = row.url.as_deref().unwrap();
    let public: IpAddr = PUBLIC.parse().unwrap();
    attempt(row, world, url, vec![one(&[public])], &[public]).await;
    let asked = world.names.asked.lock().unwrap().clone();
    match row.expected.as_str() {
        "allow" => assert_eq!(asked, [row.parsed_host.clone().unwrap()], "{}", row.id),
        _ => assert!(asked.is_empty(), "{}: {asked:?} were looked up", row.id),
    }
}

async fn resolve(row: &Row, world: &World) {
    let script = row.dns.as_ref().unwrap_or_else(|| panic!("{}: no dns", row.id)).script();
    let connect_to = row.connect_to.clone().unwrap_or_default();
    attempt(row, world, row.url.as_deref().unwrap(), vec![script], &connect_to).await;
    assert_eq!(world.names.asked.lock().unwrap().len(), 1, "{}: one look-up", row.id);
}

fn one(ips: &[IpAddr]) -> Script {
    Script { a: ips.to_vec(), ..Script::default() }
}

/// One send: allowed, it is answered, and dials the first of these addresses; denied, it dials nobody.
async fn attempt(row: &Row, world: &World, url: &str, scripts: Vec<Script>, to: &[IpAddr]) {
    let id = &row.id;
    world.resolves(scripts);
    let sent = world.send(url, id).await;
    let dialled: Vec<IpAddr> = world.network.dialled().iter().map(SocketAddr::ip).collect();
    match row.expected.as_str() {
        "allow" => {
            let reply = sent.unwrap_or_else(|failure| panic!("{id} is allowed: {failure}"));
            assert_eq!((reply.status, &dialled[..]), (200, &to[..1]), "{id}");
        }
        "deny" => {
            assert_eq!(dialled, [] as [IpAddr; 0], "{id} was dialled");
            denied(row, sent.unwrap_err().kind);
        }
        other => panic!("{id}: {other:?} is neither allow nor deny"),
    }
}

fn denied(row: &Row, kind: FailureKind) {
    match kind {
        FailureKind::Refused(code) => assert_eq!(code, row.code, "{}", row.id),
        // The name service said there is no such name: nobody refused anything.
        FailureKind::Connect => assert!(matches!(row.kind.as_str(), "resolve"), "{}", row.id),
        other => panic!("{}: {other:?}", row.id),
    }
}

/// A name that says something else each time it is asked.
async fn rebind(row: &Row, world: &World) {
    let (id, url) = (&row.id, row.url.as_deref().unwrap());
    let answers = row.dns_sequence.as_ref().unwrap_or_else(|| panic!("{id}: no dns_sequence"));
    world.resolves(answers.iter().map(|ips| one(ips)).collect());
    let attempts = if row.within_one_attempt { 1 } else { answers.len() };
    for (at, answer) in answers.iter().enumerate().take(attempts) {
        // Rows about the pool are about another developer's agent on the same host.
        let key = if row.code == "pool_reuse" { format!("{id}/{at}") } else { id.clone() };
        let before = world.agent.requests().len();
        let sent = world.send(url, &key).await;
        let dialled: Vec<IpAddr> = world.network.dialled().iter().map(SocketAddr::ip).collect();
        let arrived = world.agent.requests().len() - before;
        assert!(dialled.iter().all(|ip| answer.contains(ip)), "{id}: {dialled:?} on attempt {at}");
        assert!(dialled.iter().all(|ip| !row.connect_never.contains(ip)), "{id}: {dialled:?}");
        match expected_of(row, at, attempts) {
            Some("deny") => {
                assert!(matches!(sent.unwrap_err().kind, FailureKind::Refused(_)), "{id} on attempt {at}");
                assert_eq!((dialled.len(), arrived), (0, 0), "{id} on attempt {at}");
            }
            Some("allow") => assert_eq!((sent.unwrap().status, arrived), (200, 1), "{id} on attempt {at}"),
            _ => {}
        }
    }
    let asked = world.names.asked.lock().unwrap().len();
    assert_eq!(asked, row.expected_lookups.unwrap_or(attempts), "{id}: one look-up an attempt");
}

/// What the row says of this attempt: each one, or the last.
fn expected_of(row: &Row, at: usize, attempts: usize) -> Option<&str> {
    match &row.expected_attempts {
        Some(each) => each.get(at).map(String::as_str),
        None => (at + 1 == attempts).then_some(row.expected.as_str()),
    }
}

async fn redirect(row: &Row) {
    let mut head = format!("HTTP/1.1 {} Go\r\n", row.status.unwrap());
    if let Some(location) = &row.location {
        head.push_str(&format!("location: {location}\r\n"));
    }
    if let Some(refresh) = &row.refresh {
        head.push_str(&format!("refresh: {refresh}\r\n"));
    }
    let answer = format!("{head}content-length: 2\r\n\r\n{{}}");
    let world = World::new(&Config::default(), Play::WriteAndClose(answer.into_bytes())).await;
    world.resolves(vec![one(&[PUBLIC.parse().unwrap()])]);
    let sent = world.send("https://agent.example.com/execute", &row.id).await;
    match (row.expected.as_str(), sent) {
        ("allow", sent) => assert_eq!(sent.unwrap().status, 200, "{}", row.id),
        (_, Ok(reply)) => assert_eq!(Some(reply.status), row.status, "{}: handed on as it is", row.id),
        (_, Err(failure)) => assert_eq!(failure.kind, FailureKind::BrokenHead, "{}", row.id),
    }
    let (asked, dialled) = (world.names.asked.lock().unwrap().len(), world.network.dialled().len());
    assert_eq!((asked, dialled, world.agent.requests().len()), (1, 1, 1), "{}: nothing is followed", row.id);
}

/// The row this process was started for, by its id.
const CHILD: &str = "GAVEL_TEST_ENVIRONMENT_OF";

/// In a process of its own: only such a one may change its environment.
fn in_an_environment(row: &Row) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "in_the_environment_of_a_row", "--nocapture"])
        .envs(&row.env)
        .envs(row.env.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)))
        .env(CHILD, &row.id)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && told.contains("went its way"), "{}: {told}", row.id);
}

#[tokio::test]
async fn in_the_environment_of_a_row() {
    let Ok(id) = std::env::var(CHILD) else { return };
    let rows = rows::<Row>(FILE).unwrap();
    let row = rows.iter().find(|row| row.id == id).unwrap();
    assert!(row.env.iter().all(|(name, value)| std::env::var(name).as_deref() == Ok(value)));
    resolve(row, &World::new(&Config::default(), Play::Write(ok("{}"))).await).await;
    println!("{id} went its way");
}

/// Without a corpus too: where the environment names proxies, nothing goes to them.
#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    const PROXIED: &str = "GAVEL_TEST_PROXIED";
    if std::env::var_os(PROXIED).is_none() {
        let proxy = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        proxy.set_nonblocking(true).unwrap();
        let url = format!("http://{}", proxy.local_addr().unwrap());
        let names = ["http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "proxies_of_the_environment_are_ignored"])
            .envs(names.map(|name| (name, &url)))
            .env(PROXIED, "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        assert_eq!(proxy.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody called the proxy");
        return;
    }
    let world = World::new(&Config::default(), Play::Write(ok("{}"))).await;
    world.resolves(vec![one(&[PUBLIC.parse().unwrap()])]);
    assert_eq!(world.send("https://agent.example.com/execute", "key").await.unwrap().status, 200);
    assert_eq!(world.network.dialled(), [SocketAddr::new(PUBLIC.parse().unwrap(), 443)]);
    let server = Server::start("127.0.0.2", Play::Write(ok("{}"))).await;
    let plain = Outbound::new(support::guard(&[443]), Limits::default()).unwrap();
    assert_eq!(support::post(&plain, &server.url()).await.unwrap().status, 200);
}
