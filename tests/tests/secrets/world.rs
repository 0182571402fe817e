//! A Gavel whose agents know all that a developer knows, and everything that anybody can see of it.

use super::parrot::{CALLS_BACK, Parrots, WAYS, header};
use gavel::access::KeyWish;
use gavel::app::{self, Running};
use gavel::client::{CallError, Client};
use gavel::settings;
use gavel_domain::account::Scope;
use gavel_domain::exchange::ExchangeKey;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything is waited for; far above what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Agents of one task, beside the honest one.
const PER_TASK: usize = 7;

/// A Gavel and everybody who has to do with it.
pub(crate) struct World {
    pub(crate) gavel: Running,
    pub(crate) parrots: Parrots,
    /// Its name, the key and what calls with it.
    callers: Vec<(&'static str, String, Client)>,
    agents: Vec<String>,
    pub(crate) tasks: Vec<String>,
    /// What must never be seen, and what it is.
    secrets: Vec<(String, String)>,
}

/// Something that can be looked at.
pub(crate) struct Seen {
    /// Where.
    pub(crate) place: String,
    /// What was there.
    pub(crate) bytes: Vec<u8>,
}

impl Seen {
    /// Whether it is the log of an agent's calls as its developer or the operator sees it.
    pub(crate) fn shows_own_calls(&self) -> bool {
        let by_right =
            ["as the developer", "as the operator"].iter().any(|caller| self.place.ends_with(caller));
        by_right && self.place.contains("/deliveries/")
    }
}

impl World {
    pub(crate) async fn start(database_url: &str, key_file: &Path) -> World {
        let mut config = settings::defaults().unwrap();
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.database_url = database_url.to_owned();
        config.key_file = Some(key_file.to_owned());
        config.guard.allow = "127.0.0.0/8".parse().unwrap();
        config.leave = Duration::ZERO;
        let gavel = app::start(config).await.unwrap();
        let mut world = World {
            parrots: Parrots::start().await,
            callers: Vec::new(),
            agents: Vec::new(),
            tasks: Vec::new(),
            secrets: vec![(
                "the key file".to_owned(),
                std::fs::read_to_string(key_file).unwrap().trim().to_owned(),
            )],
            gavel,
        };
        for (name, scope) in [
            ("buyer", Scope::TaskPoster),
            ("developer", Scope::AgentManager),
            ("honest developer", Scope::AgentManager),
            ("operator", Scope::Admin),
        ] {
            world.admit(name, scope).await;
        }
        world.register().await;
        world
    }

    async fn admit(&mut self, name: &'static str, scope: Scope) {
        let wish = KeyWish { account: name, scope, read_only: false, test: false };
        let key = self.gavel.create_key(wish).await.unwrap().expose().to_owned();
        self.secrets.push((format!("the REST key of the {name}"), key.clone()));
        let client = Client::new(&self.gavel.base_url, &key);
        self.callers.push((name, key, client));
    }

    fn caller(&self, name: &str) -> &Client {
        self.callers.iter().find(|(known, ..)| *known == name).map(|(.., client)| client).unwrap()
    }

    /// Every agent with two signing secrets that overlap.
    async fn register(&mut self) {
        for name in ["developer", "honest developer"] {
            let first =
                self.caller(name).post("/developers/register", &json!({ "name": name })).await.unwrap();
            self.secrets.push((format!("the first key of the {name}"), text(&first, "api_key")));
            let second = self.caller(name).post("/developers/keys/rotate", &json!({})).await.unwrap();
            self.plant("", &format!("the key of the {name}"), &text(&second, "api_key"));
        }
        for way in WAYS {
            let honest = way == "honest";
            let developer = if honest { "honest developer" } else { "developer" };
            let agent = json!({
                "name": way, "slug": way, "capabilities": ["content-writing"], "endpoint_url": self.parrots.url(way),
                "execution_mode": if way == CALLS_BACK { "async" } else { "sync" },
            });
            let made = self.caller(developer).post("/developers/agents", &agent).await.unwrap();
            self.plant(way, &format!("the secret of {way}"), &text(&made, "signing_secret"));
            let path = format!("/developers/agents/{}/secret/rotate", text(&made, "id"));
            let rotated = self.caller(developer).post(&path, &json!({})).await.unwrap();
            self.plant(way, &format!("the pending secret of {way}"), &text(&rotated, "signing_secret"));
            self.agents.push(text(&made, "id"));
        }
    }

    /// Notes a secret, and tells it to the parrot whose it is. All hear the key with every call.
    fn plant(&mut self, way: &str, name: &str, secret: &str) {
        // Without its prefix it signs as well as with it.
        let bare = secret.strip_prefix("whsec_").unwrap_or(secret);
        self.parrots.teach(way, secret);
        self.parrots.teach(way, bare);
        self.secrets.push((name.to_owned(), bare.to_owned()));
        if bare.contains('/') {
            self.secrets.push((format!("{name}, escaped"), bare.replace('/', "\\/")));
        }
    }

    /// Every parrot is asked in some task; one task ends well after a revision, one is cancelled, one has a winner that
    /// fails.
    pub(crate) async fn play(&mut self) {
        let first = self.review(&WAYS[..PER_TASK]).await;
        self.choose(&first, "in-every-field", "ready").await;
        let path = format!("/tasks/{first}/delivery");
        let buyer = self.caller("buyer");
        buyer.post(&format!("{path}/revision"), &json!({ "notes": "Shorter, please." })).await.unwrap();
        self.wait(&path, |delivery| {
            delivery["delivery"]["revision"] == 1 && delivery["delivery"]["status"] == "ready"
        })
        .await;
        self.caller("buyer").post(&format!("{path}/approve"), &json!({})).await.unwrap();
        let second = self.review(&WAYS[PER_TASK..2 * PER_TASK]).await;
        self.caller("buyer").post(&format!("/tasks/{second}/cancel"), &json!({})).await.unwrap();
        let third = self.review(&["when-it-finishes", CALLS_BACK]).await;
        self.bid_of(&third, CALLS_BACK).await; // what it brought was taken
        self.choose(&third, "when-it-finishes", "failed").await;
    }

    /// Posts a task to these and the honest agent, and waits for its gallery.
    async fn review(&mut self, ways: &[&str]) -> String {
        let only: Vec<&str> = ways.iter().chain(&["honest"]).copied().collect();
        let task = json!({
            "category": "content-writing", "task_type": "blog-post", "budget_usd": 25, "agents": only.len().max(3),
            "title": "A guide to green tea", "description": "Write for beginners about green tea.",
            "routing": { "only": only },
        });
        let id = text(&self.caller("buyer").post("/tasks", &task).await.unwrap(), "id");
        self.wait(&format!("/tasks/{id}"), |task| task["status"] == "review").await;
        self.tasks.push(id.clone());
        id
    }

    async fn choose(&self, task: &str, slug: &str, until: &str) {
        let path = format!("/tasks/{task}/bids/{}/select", self.bid_of(task, slug).await);
        self.caller("buyer").post(&path, &json!({})).await.unwrap();
        self.wait(&format!("/tasks/{task}/delivery"), |delivery| delivery["delivery"]["status"] == until)
            .await;
    }

    async fn bid_of(&self, task: &str, slug: &str) -> String {
        let gallery = self.caller("buyer").get(&format!("/tasks/{task}/bids")).await.unwrap();
        let bids = gallery["bids"].as_array().unwrap();
        let bid = bids.iter().find(|bid| bid["agent_slug"] == slug);
        text(bid.unwrap_or_else(|| panic!("no bid of {slug} in {gallery:#}")), "id")
    }

    async fn wait(&self, path: &str, so: impl Fn(&Value) -> bool) {
        let mut last = String::new();
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                match self.caller("buyer").get(path).await {
                    Ok(seen) if so(&seen) => return,
                    seen => last = format!("{seen:?}"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if waited.await.is_err() {
            panic!("{path} stayed {last}");
        }
    }

    /// What must never be seen: what was made at the start, and what every call may be called back with.
    pub(crate) fn secrets(&self) -> Vec<(String, String)> {
        let callbacks = self.exchanges().into_iter().flat_map(|key| {
            let secret = self.gavel.vault.callback_secret(key.invitation, key.mode, key.revision);
            let token = self.gavel.vault.callback_token(key.invitation, key.mode, key.revision);
            let bare = secret.expose()["whsec_".len()..].to_owned();
            [(format!("the callback secret of {key}"), bare), (format!("the callback token of {key}"), token)]
        });
        self.secrets.iter().cloned().chain(callbacks).collect()
    }

    /// The calls that were made, read off their `webhook-id`.
    pub(crate) fn exchanges(&self) -> HashSet<ExchangeKey> {
        let requests = self.parrots.received();
        let ids = requests.iter().filter_map(|request| header(&request.text, "webhook-id")?.parse().ok());
        ids.collect()
    }

    /// Somebody who knows the address of every callback, and no secret.
    pub(crate) async fn knock(&self) {
        for key in self.exchanges() {
            let token = self.gavel.vault.callback_token(key.invitation, key.mode, key.revision);
            let refused = self.caller("buyer").post(&format!("/callbacks/{token}"), &json!({})).await;
            assert!(matches!(refused, Err(CallError::Problem { .. })), "{refused:?}");
        }
    }

    /// Every address that anybody has something to see at, as everybody sees it, refusals included.
    pub(crate) async fn answers(&self) -> Vec<Seen> {
        let mut paths: Vec<String> =
            ["/tasks", "/categories", "/developers/me", "/developers/agents"].map(str::to_owned).into();
        for task in &self.tasks {
            let below = ["", "/bids", "/explain", "/delivery"].map(|rest| format!("/tasks/{task}{rest}"));
            paths.extend(below);
            let gallery = self.caller("buyer").get(&format!("/tasks/{task}/bids")).await.unwrap();
            let bids = gallery["bids"].as_array().unwrap().iter().map(|bid| text(bid, "id"));
            paths.extend(bids.map(|bid| format!("/tasks/{task}/bids/{bid}")));
        }
        for agent in &self.agents {
            paths.extend(
                ["", "/stats", "/deliveries"].map(|rest| format!("/developers/agents/{agent}{rest}")),
            );
            paths.extend(self.deliveries_of(agent).await);
        }
        let mut seen = Vec::new();
        for (name, key, client) in &self.callers {
            for path in &paths {
                let bytes = match client.get(path).await {
                    Ok(value) => value.to_string(),
                    Err(CallError::Problem { sentence, .. }) => sentence,
                    Err(error) => panic!("{path} as the {name}: {error:?}"),
                };
                seen.push(Seen { place: format!("{path} as the {name}"), bytes: bytes.into_bytes() });
            }
            for task in &self.tasks {
                seen.push(self.events(name, key, task).await);
            }
        }
        seen
    }

    /// The addresses of an agent's recorded calls.
    async fn deliveries_of(&self, agent: &str) -> Vec<String> {
        let path = format!("/developers/agents/{agent}/deliveries");
        let list = self.caller("operator").get(&path).await.unwrap();
        let found = list["deliveries"].as_array().unwrap().iter();
        let found: Vec<String> = found.map(|one| format!("{path}/{}", text(one, "attempt_id"))).collect();
        assert!(!found.is_empty(), "every agent was asked");
        found
    }

    /// What a developer is told when a call of each parrot is sent again, and what that call looks like in full.
    pub(crate) async fn replays(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        for (agent, way) in
            self.agents.iter().zip(WAYS).filter(|(_, way)| !["honest", CALLS_BACK].contains(way))
        {
            let developer = self.caller("developer");
            let path = self.deliveries_of(agent).await.remove(0);
            let there = json!({ "url": self.parrots.url(way) });
            let replayed = developer.post(&format!("{path}/replay"), &there).await.unwrap();
            let full = developer.get(&format!("{path}?include=answer")).await.unwrap();
            for (what, value) in [("the replay", replayed), ("the log with the answer", full)] {
                seen.push(Seen { place: format!("{what} of {way}"), bytes: value.to_string().into_bytes() });
            }
        }
        seen
    }

    /// A stream of events to its end, with its headers.
    async fn events(&self, name: &str, key: &str, task: &str) -> Seen {
        let address = self.gavel.base_url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let path = format!("/api/v1/tasks/{task}/events");
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes))
            .await
            .expect("the task has ended")
            .unwrap();
        Seen { place: format!("{path} as the {name}"), bytes }
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value:#}")).to_owned()
}
