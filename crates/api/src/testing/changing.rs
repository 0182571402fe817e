//! Every request that changes something for a buyer or a developer, ready to be made, and what they change.

use super::{AppState, World, came_back, new_agent, new_task};
use gavel_dispatcher::transport;
use gavel_domain::invitation::Outcome;
use gavel_domain::network::Guard;
use gavel_store::Store;
use http::request::Builder;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// A request that changes something.
#[derive(Clone)]
pub(crate) struct Changing {
    /// Method and path as the description of the API has them.
    pub(crate) route: &'static str,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: String,
    /// Another body that would be taken.
    pub(crate) other: String,
}

impl Changing {
    pub(crate) fn method(&self) -> &'static str {
        self.route.split(' ').next().unwrap()
    }

    pub(crate) fn request(&self, world: &World, idempotency_key: &str) -> Builder {
        world.request(self.method(), &self.path, &self.key).header("idempotency-key", idempotency_key)
    }
}

impl World {
    /// A world in which all of [`World::changing`] can be done.
    pub(crate) async fn of_changes() -> World {
        World::of_changes_with(|_| {}).await
    }

    /// The same on both engines; only SQLite where PostgreSQL is not installed.
    pub(crate) async fn of_changes_on_both(name: &str) -> Vec<World> {
        let mut worlds = vec![World::of_changes().await];
        if let Some(server) = gavel_testkit::postgres::server() {
            let store = Store::open(&server.create_database(name)).await.unwrap();
            worlds.push(World::of_changes_with(|state| state.store = store).await);
        }
        worlds
    }

    /// The same with something else about it.
    pub(crate) async fn of_changes_with(change: impl FnOnce(&mut AppState)) -> World {
        let world = World::with(|state| {
            change(state);
            let mut settings = (*state.settings).clone();
            settings.guard = Guard { allow: "127.0.0.0/8".parse().unwrap(), ..settings.guard };
            state.settings = Arc::new(settings);
        })
        .await;
        *world.network.answer.lock().unwrap() =
            Some(transport::Reply { status: 503, ..transport::Reply::default() });
        world
    }

    /// Each changes something of its own.
    pub(crate) async fn changing(&self) -> Vec<Changing> {
        let mut all = self.buyers_changes().await;
        all.extend(self.webhooks_changes().await);
        all.extend(self.developers_changes().await);
        all
    }

    async fn webhooks_changes(&self) -> Vec<Changing> {
        let told = self.subscribed().await;
        self.cancelled_and_told().await;
        assert_eq!(self.told_answers(200, "").await, 1);
        let log = self.get(self.buyer(), &format!("{told}/deliveries")).await;
        let delivery = log.body["deliveries"][0]["id"].as_str().unwrap().to_owned();
        let of = |route: &'static str, path: String, body: Value, other: &str| Changing {
            route,
            path,
            key: self.buyer().to_owned(),
            body: body.to_string(),
            other: other.to_owned(),
        };
        let (one, other) = ("https://one.example.com/", r#"{"url":"https://other.example.com/"}"#);
        let (rotated, deleted) = (self.subscribed().await, self.subscribed().await);
        const ALL: &str = "/api/v1/webhook-subscriptions";
        vec![
            of("POST /api/v1/webhook-subscriptions", ALL.to_owned(), json!({ "url": one }), other),
            of(
                "POST /api/v1/webhook-subscriptions/{subscription_id}/rotate",
                format!("{rotated}/rotate"),
                json!({}),
                "",
            ),
            of(
                "POST /api/v1/webhook-subscriptions/{subscription_id}/deliveries/{delivery_id}/redeliver",
                format!("{told}/deliveries/{delivery}/redeliver"),
                json!({}),
                "",
            ),
            of("DELETE /api/v1/webhook-subscriptions/{subscription_id}", deleted, json!({}), ""),
        ]
    }

    async fn buyers_changes(&self) -> Vec<Changing> {
        let (cancelled, picked) = (self.posted().await, self.in_review().await);
        let (approved, revised) = (self.delivered().await, self.delivered().await);
        let bid = self.best_bid(&picked).await;
        let mut cheaper = new_task();
        cheaper["budget_usd"] = json!(21);
        let of = |route: &'static str, id: &str, body: Value, other: &str| Changing {
            route,
            path: route.split(' ').nth(1).unwrap().replace("{task_id}", id).replace("{bid_id}", &bid),
            key: self.buyer().to_owned(),
            body: body.to_string(),
            other: other.to_owned(),
        };
        let empty = json!({});
        vec![
            of("POST /api/v1/tasks", "", new_task(), &cheaper.to_string()),
            of("POST /api/v1/tasks/{task_id}/cancel", &cancelled, empty.clone(), ""),
            of("POST /api/v1/tasks/{task_id}/bids/{bid_id}/select", &picked, empty.clone(), ""),
            of("POST /api/v1/tasks/{task_id}/delivery/approve", &approved, empty, ""),
            of(
                "POST /api/v1/tasks/{task_id}/delivery/revision",
                &revised,
                json!({ "notes": "Shorter." }),
                r#"{"notes":"Longer."}"#,
            ),
        ]
    }

    async fn developers_changes(&self) -> Vec<Changing> {
        let asked = self.asked("one").await;
        self.came(&asked, Outcome::ServerError, came_back(self.state.now(), 500, "status_500")).await;
        let (one, two, resting) =
            (self.agent_id("one").await, self.agent_id("two").await, self.agent_id("resting").await);
        let tried = self.newcomer("tried", &["content-writing"]).await;
        let mut deed = self.state.store.deed().await.unwrap();
        deed.await_benchmark(tried.parse().unwrap(), true).await.unwrap();
        deed.commit(|_| unreachable!("under no key")).await.unwrap();
        let rotated = format!("/api/v1/developers/agents/{two}/secret/rotate");
        assert_eq!(self.post(self.developer(), &rotated, &Value::Null).await.status, 200);
        let nobody_yet = self.key("agent_manager", false, false).await;
        let of = |route: &'static str, agent: &str, body: Value, other: &str| Changing {
            route,
            path: route
                .split(' ')
                .nth(1)
                .unwrap()
                .replace("{agent_id}", agent)
                .replace("{attempt_id}", &asked.attempt.to_string()),
            key: self.developer().to_owned(),
            body: body.to_string(),
            other: other.to_owned(),
        };
        let (empty, local) = (json!({}), json!({ "url": "http://127.0.0.1:9000/execute" }));
        let of_operator = Changing {
            route: "POST /api/v1/admin/agents/{slug}/visibility",
            path: "/api/v1/admin/agents/two/visibility".to_owned(),
            key: self.admin().to_owned(),
            body: json!({ "visibility": "beta", "reason": "a look at it" }).to_string(),
            other: r#"{"visibility":"draft","reason":"another"}"#.to_owned(),
        };
        let register =
            of("POST /api/v1/developers/register", "", json!({ "name": "Bob" }), r#"{"name":"Eve"}"#);
        vec![
            of_operator,
            Changing { key: nobody_yet, ..register },
            of("POST /api/v1/developers/keys/rotate", "", empty.clone(), ""),
            of("POST /api/v1/developers/agents", "", new_agent("three"), &new_agent("four").to_string()),
            of(
                "PATCH /api/v1/developers/agents/{agent_id}",
                &two,
                json!({ "name": "Another" }),
                r#"{"name":"A third"}"#,
            ),
            of(
                "POST /api/v1/developers/agents/{agent_id}/benchmark",
                &tried,
                json!({ "categories": ["content-writing"] }),
                "{}",
            ),
            of("POST /api/v1/developers/agents/{agent_id}/pause", &one, empty.clone(), ""),
            of("POST /api/v1/developers/agents/{agent_id}/resume", &resting, empty.clone(), ""),
            of("POST /api/v1/developers/agents/{agent_id}/secret/rotate", &one, empty.clone(), ""),
            of("POST /api/v1/developers/agents/{agent_id}/secret/promote", &two, empty, ""),
            of(
                "POST /api/v1/developers/agents/{agent_id}/deliveries/{attempt_id}/replay",
                &asked.agent.to_string(),
                local,
                r#"{"url":"http://127.0.0.1:9001/execute"}"#,
            ),
        ]
    }

    /// Everything that these requests change, and that one of them changes twice if it is made twice.
    pub(crate) async fn seen(&self, changing: &[Changing]) -> String {
        let mut seen = String::new();
        let tasks = self.get(self.buyer(), "/api/v1/tasks").await;
        seen += &tasks.text;
        for task in tasks.body["tasks"].as_array().unwrap() {
            let id = task["id"].as_str().unwrap().parse().unwrap();
            let events = self.state.store.events_after(id, 0, 99).await.unwrap();
            writeln!(seen, "{events:?} {:?}", self.state.store.latest_delivery(id).await.unwrap()).unwrap();
        }
        let subscriptions = self.get(self.buyer(), "/api/v1/webhook-subscriptions").await;
        seen += &subscriptions.text;
        for subscription in subscriptions.body["subscriptions"].as_array().unwrap() {
            let id = subscription["id"].as_str().unwrap();
            let path = format!("/api/v1/webhook-subscriptions/{id}/deliveries");
            seen += &self.get(self.buyer(), &path).await.text;
        }
        let agents = self.get(self.developer(), "/api/v1/developers/agents").await;
        seen += &agents.text;
        for agent in agents.body["agents"].as_array().unwrap() {
            let id = agent["id"].as_str().unwrap().parse().unwrap();
            writeln!(seen, "{:?}", self.state.store.sealed_secrets(id).await.unwrap()).unwrap();
            writeln!(seen, "{:?}", self.state.store.latest_benchmark(id).await.unwrap()).unwrap();
        }
        for one in changing.iter().filter(|one| one.path.contains("/developers/")) {
            let me = self.get(&one.key, "/api/v1/developers/me").await;
            seen += &me.text;
            if me.status == 200 {
                let key = self.state.store.sealed_developer_key(me.id().parse().unwrap()).await.unwrap();
                writeln!(seen, "{key:?}").unwrap();
            }
        }
        writeln!(seen, "{} sent", self.network.sent.lock().unwrap().len()).unwrap();
        seen
    }

    /// All that stands in the database's files.
    pub(crate) fn database(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self._dir.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}
