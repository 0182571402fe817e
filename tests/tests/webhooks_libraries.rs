//! What we send is genuine to the published Standard Webhooks libraries, as developers and buyers install them: under the
//! current secret, while two overlap under both, and afterwards under the new one alone.
//!
//! Needs `GAVEL_PYTHON` and `GAVEL_NODE_MODULES` (`tests/libraries/install` makes and names them); skipped, aloud,
//! without, unless `GAVEL_LIBRARIES_REQUIRED=1`.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use gavel::access::KeyWish;
use gavel::app::{self, Running};
use gavel::client::Client;
use gavel::settings;
use gavel_agentfarm::{AgentSpec, Behaviour, Farm, Received, Reply, Script};
use gavel_domain::account::Scope;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What the scripts end with when the library refuses; anything else means that it was not asked.
const REFUSED: i32 = 3;
/// How long anything is waited for; far above what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
const SLUG: &str = "only";
/// The buyer's endpoint, played by the farm.
const ENDPOINT: &str = "endpoint";

#[tokio::test(flavor = "multi_thread")]
async fn the_published_libraries_take_our_requests_for_genuine() {
    let Some(libraries) = Library::all() else { return };
    let world = World::start().await;
    let stranger = format!("whsec_{}", STANDARD.encode([7; 32]));
    let check = |sent: &Received, secret: &str, genuine: bool| {
        for library in &libraries {
            assert_eq!(library.takes(sent, secret), genuine, "{} with {secret}: {sent:?}", library.name);
        }
    };

    let first = world.signing_secret.as_str();
    let sent = world.sent_for_a_task().await;
    check(&sent, first, true);
    check(&sent, &stranger, false);
    check(&changed(&sent), first, false);

    let second = world.verb("rotate").await["signing_secret"].as_str().unwrap().to_owned();
    let sent = world.sent_for_a_task().await;
    check(&sent, first, true);
    check(&sent, &second, true);
    check(&sent, &stranger, false);

    world.verb("promote").await;
    let sent = world.sent_for_a_task().await;
    check(&sent, &second, true);
    check(&sent, first, false);
    world.gavel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_take_what_buyers_are_told_for_genuine_too() {
    let Some(libraries) = Library::all() else { return };
    let world = World::start().await;
    let check = |sent: &Received, secret: &str, genuine: bool| {
        for library in &libraries {
            assert_eq!(library.takes(sent, secret), genuine, "{} with {secret}: {sent:?}", library.name);
        }
    };
    let url = world.farm.agent(ENDPOINT).unwrap().url();
    let made = world.buyer.post("/webhook-subscriptions", &json!({ "url": url })).await.unwrap();
    let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    let (id, first) = (text(&made, "id"), text(&made, "signing_secret"));
    world.sent_for_a_task().await;
    let told = world.received(ENDPOINT, 0).await; // its only agent declined, so the task expired
    check(&told, &first, true);
    check(&told, &world.signing_secret, false);
    check(&changed(&told), &first, false);

    let rotate = format!("/webhook-subscriptions/{id}/rotate");
    let second = text(&world.buyer.post(&rotate, &json!({})).await.unwrap(), "signing_secret");
    world.sent_for_a_task().await;
    let told = world.received(ENDPOINT, 1).await;
    check(&told, &first, true);
    check(&told, &second, true);
    world.gavel.stop().await;
}

/// The same request with one more space in its body.
fn changed(sent: &Received) -> Received {
    let body = [sent.body.as_ref(), b" "].concat();
    Received { body: body.into(), ..sent.clone() }
}

/// One published library, and the script that asks it.
struct Library {
    name: &'static str,
    command: fn() -> Command,
}

impl Library {
    /// Both. `None`: they are not installed here.
    fn all() -> Option<[Library; 2]> {
        let missing: Vec<&str> = ["GAVEL_PYTHON", "GAVEL_NODE_MODULES"]
            .into_iter()
            .filter(|name| std::env::var_os(name).is_none())
            .collect();
        if missing.is_empty() {
            return Some([
                Library { name: "Python's standardwebhooks", command: python },
                Library { name: "npm's standardwebhooks", command: node },
            ]);
        }
        let required = std::env::var("GAVEL_LIBRARIES_REQUIRED").is_ok_and(|value| value == "1");
        assert!(!required, "GAVEL_LIBRARIES_REQUIRED=1, but {missing:?} is not set");
        let _ = writeln!(std::io::stderr(), "skipped: {missing:?} is not set; see tests/libraries/install");
        None
    }

    /// Whether it takes a request, as it came over the wire, for genuine.
    fn takes(&self, sent: &Received, secret: &str) -> bool {
        let headers: Map<String, Value> =
            sent.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let request = json!({ "secret": secret, "headers": headers, "body": STANDARD.encode(&sent.body) });
        let mut command = (self.command)();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut asked = command.spawn().unwrap_or_else(|e| panic!("{} cannot be asked: {e}", self.name));
        asked.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
        let answer = asked.wait_with_output().unwrap();
        match answer.status.code() {
            Some(0) => true,
            Some(REFUSED) => false,
            _ => panic!("{}: {answer:?}", self.name),
        }
    }
}

fn python() -> Command {
    let mut command = Command::new(std::env::var_os("GAVEL_PYTHON").unwrap());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/libraries/verify.py"));
    command
}

fn node() -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", std::env::var_os("GAVEL_NODE_MODULES").unwrap());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/libraries/verify.js"));
    command
}

/// A Gavel with one agent, its developer and a buyer.
struct World {
    gavel: Running,
    farm: Farm,
    developer: Client,
    buyer: Client,
    agent: String,
    signing_secret: String,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> World {
        let folder = tempfile::tempdir().unwrap();
        let mut config = settings::defaults().unwrap();
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.database_url = format!("sqlite:{}", folder.path().join("gavel.db").display());
        config.key_file = Some(folder.path().join("gavel.key"));
        config.guard.allow = "127.0.0.0/8".parse().unwrap();
        config.timers.phase = TimeDelta::seconds(60);
        let gavel = app::start(config).await.unwrap();
        let developer = client(&gavel, Scope::AgentManager).await;
        let buyer = client(&gavel, Scope::TaskPoster).await;
        let script = Script::always(Reply::answer(422, "{}"));
        let endpoint = Script::always(Reply::answer(200, "{}"));
        let specs = [(SLUG, script), (ENDPOINT, endpoint)];
        let specs = specs.map(|(slug, script)| AgentSpec::new(slug, Behaviour::Script(script)));
        let farm = Farm::start(specs.into()).await.unwrap();
        developer.post("/developers/register", &json!({ "name": "Zoë" })).await.unwrap();
        let url = farm.agent(SLUG).unwrap().url();
        let body =
            json!({ "name": SLUG, "slug": SLUG, "capabilities": ["content-writing"], "endpoint_url": url });
        let made = developer.post("/developers/agents", &body).await.unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let (agent, signing_secret) = (text("id"), text("signing_secret"));
        World { gavel, farm, developer, buyer, agent, signing_secret, _folder: folder }
    }

    /// `POST .../secret/{verb}`.
    async fn verb(&self, verb: &str) -> Value {
        let path = format!("/developers/agents/{}/secret/{verb}", self.agent);
        self.developer.post(&path, &json!({})).await.unwrap()
    }

    /// What the agent gets for a new task, whose text is more than ASCII.
    async fn sent_for_a_task(&self) -> Received {
        let before = self.farm.requests(SLUG).len();
        let task = json!({
            "category": "content-writing", "task_type": "blog-post", "budget_usd": 25,
            "title": "Zoë on 绿茶 🍵", "description": "Write for beginners about \"green\" tea\nand how to brew it – at home.",
        });
        self.buyer.post("/tasks", &task).await.unwrap();
        self.received(SLUG, before).await
    }

    /// The request to a part of the farm that comes after so many.
    async fn received(&self, slug: &str, before: usize) -> Received {
        let sent = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(sent) = self.farm.requests(slug).get(before) {
                    return sent.clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        sent.await.expect("the request comes")
    }
}

async fn client(gavel: &Running, scope: Scope) -> Client {
    let wish = KeyWish { account: scope.name(), scope, read_only: false, test: false };
    Client::new(&gavel.base_url, gavel.create_key(wish).await.unwrap().expose())
}
