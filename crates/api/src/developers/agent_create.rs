//! A developer registers an agent.

use super::{agent_fields, registered};
use crate::auth::{ActOnAgents, May};
use crate::fields::Fields;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, render, reply::Answer};
use axum::{extract::State, response::Response};
use gavel_contract::rest::{AgentCreated, NewAgent, ProblemBody};
use gavel_domain::account::Developer;
use gavel_domain::agent::{Agent, ExecutionMode, Record, Visibility};
use gavel_domain::benchmark::Activation;
use gavel_domain::health::Health;
use gavel_domain::{AgentId, Chance, Money, Timestamp};
use gavel_store::Deed;
use gavel_vault::{agent_secret_context, new_signing_secret};

const SLUG: std::ops::RangeInclusive<usize> = 2..=64;
/// Calls at once where the developer says nothing.
const CONCURRENCY: u32 = 8;
/// What an agent has and a body must not.
const READ_ONLY: &[&str] = &[
    "id",
    "is_active",
    "health",
    "health_report",
    "real_tasks",
    "reliability",
    "test",
    "created_at",
    "activated_at",
    "signing_secret",
];

/// Register an agent; answers with the secret its requests are signed with
#[utoipa::path(post, path = "/developers/agents", tag = "developers", request_body = NewAgent, params(KeyHeader),
    responses((status = 201, body = AgentCreated), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    Order { fields, ask }: Order,
) -> Result<Response, Problem> {
    let developer = registered(&state, &caller).await?;
    let (now, chance) = (state.now(), state.chance.as_ref());
    let mut agent = blank(&developer, caller.test, now, chance);
    let visibility_said = fields.has("visibility");
    fill(&mut agent, fields, &state)?;
    let has_to_pass = state.settings.benchmark.activation == Activation::Benchmark;
    if has_to_pass {
        (agent.active, agent.activated_at) = (false, None);
        agent.visibility = if visibility_said { agent.visibility } else { Visibility::Draft };
    }
    let secret = new_signing_secret(chance);
    let sealed = state.vault.seal(secret.expose(), &agent_secret_context(agent.id), chance);
    let create = async |deed: &mut Deed| {
        deed.add_agent(&agent, &sealed).await?;
        if has_to_pass {
            deed.await_benchmark(agent.id, !visibility_said).await?;
        }
        Answer::created(&AgentCreated {
            agent: render::agent(&agent, &Record::default(), &state.settings.currency),
            signing_secret: secret.expose().to_owned(),
        })
    };
    ask.once(&state, &caller, create).await
}

fn fill(agent: &mut Agent, mut fields: Fields, state: &AppState) -> Result<(), Problem> {
    fields.require(&["name", "slug", "capabilities"]);
    agent.slug = slug(&mut fields).unwrap_or_default();
    let said = agent_fields::read(&mut fields, &state.settings);
    said.apply(agent, &mut fields, &state.settings.catalog);
    fields.finish(READ_ONLY)
}

/// An agent of which only we have spoken yet. It may be asked at once, unless it has to pass first.
fn blank(developer: &Developer, test: bool, now: Timestamp, chance: &dyn Chance) -> Agent {
    let mut draw_number = [0; 8];
    chance.fill(&mut draw_number);
    Agent {
        id: AgentId::new(now, chance),
        draw_number: u64::from_be_bytes(draw_number),
        developer: developer.id,
        test,
        name: String::new(),
        slug: String::new(),
        description: String::new(),
        capabilities: Vec::new(),
        specialist_task_types: Vec::new(),
        framework: None,
        model: None,
        endpoint_url: String::new(),
        execution_mode: ExecutionMode::Sync,
        max_concurrency: CONCURRENCY,
        min_price: Money::ZERO,
        active: true,
        visibility: Visibility::Live,
        paused: false,
        health: Health::default(),
        created_at: now,
        activated_at: Some(now),
    }
}

fn slug(f: &mut Fields) -> Option<String> {
    let slug = f.text("slug", SLUG)?;
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !slug.split('-').all(word) {
        f.problem("slug", "must be lowercase letters and digits, words joined by single hyphens");
    }
    Some(slug)
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, new_agent};
    use serde_json::{Value, json};

    const PATH: &str = "/api/v1/developers/agents";

    #[tokio::test]
    async fn active_at_once_with_a_secret_that_is_shown_once() {
        let world = World::new().await;
        let answer = world.post(world.developer(), PATH, &new_agent("atlas")).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let secret = answer.body["signing_secret"].as_str().unwrap();
        assert!(secret.starts_with("whsec_"));
        assert_eq!((&answer.body["is_active"], &answer.body["max_concurrency"]), (&json!(true), &json!(8)));
        let seen = world.get(world.developer(), &format!("{PATH}/{}", answer.id())).await;
        assert!(seen.status == 200 && !seen.text.contains(secret));
        let taken = world.post(world.developer(), PATH, &new_agent("atlas")).await;
        assert_eq!((taken.status, taken.code()), (409, "taken"));
    }

    #[tokio::test]
    async fn who_has_to_pass_first_is_a_draft_until_then_unless_its_developer_says_otherwise() {
        let world = World::of_newcomers().await;
        let said = async |visibility: Value| {
            let mut body = new_agent("new");
            (body["slug"], body["visibility"]) =
                (json!(format!("new-{}", visibility.as_str().unwrap_or("none"))), visibility);
            let made = world.post(world.developer(), PATH, &body).await;
            assert_eq!(
                (made.status, &made.body["is_active"], &made.body["activated_at"]),
                (201, &json!(false), &Value::Null)
            );
            world.passes(made.id(), &["content-writing"]).await;
            let passed = world.get(world.developer(), &format!("{PATH}/{}", made.id())).await.body;
            assert_eq!(
                (&passed["is_active"], &passed["activated_at"]),
                (&json!(true), &json!(world.state.now()))
            );
            [made.body["visibility"].clone(), passed["visibility"].clone()]
        };
        assert_eq!(said(Value::Null).await, ["draft", "live"]);
        assert_eq!(said(json!("draft")).await, ["draft", "draft"]);
        assert_eq!(said(json!("beta")).await, ["beta", "beta"]);
    }

    #[tokio::test]
    async fn a_worker_needs_no_address_until_it_wants_to_be_called() {
        let world = World::new().await;
        let mut body = new_agent("atlas");
        (body["execution_mode"], body["endpoint_url"]) = (json!("pull"), Value::Null);
        let answer = world.post(world.developer(), PATH, &body).await;
        assert_eq!((answer.status, &answer.body["endpoint_url"]), (201, &Value::Null), "{}", answer.body);
        let path = format!("{PATH}/{}", answer.id());
        let alone = world.patch(world.developer(), &path, &json!({ "execution_mode": "async" })).await;
        assert_eq!((alone.status, &alone.body["errors"][0]["field"]), (422, &json!("endpoint_url")));
        let change = json!({ "execution_mode": "async", "endpoint_url": "https://agents.example.com/a" });
        let changed = world.patch(world.developer(), &path, &change).await;
        assert_eq!((changed.status, &changed.body["execution_mode"]), (200, &json!("async")));
    }

    #[tokio::test]
    async fn categories_and_types_by_any_of_their_names() {
        let world = World::new().await;
        let check = async |slug: &str, said: Value, capabilities: Value, specialist: Value| {
            let mut body = new_agent(slug);
            for (key, value) in said.as_object().unwrap() {
                body[key] = value.clone();
            }
            let answer = world.post(world.developer(), PATH, &body).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
            let stored = (&answer.body["capabilities"], &answer.body["specialist_task_types"]);
            assert_eq!(stored, (&capabilities, &specialist), "{said}");
        };
        let both = json!(["content-writing", "translation"]);
        check("ann", json!({ "capabilities": ["digital-marketing"] }), json!(["marketing"]), json!([])).await;
        check("bob", json!({ "capabilities": ["writing-translation"] }), both.clone(), json!([])).await;
        let types = json!({ "capabilities": ["article", "blog-post", "document-translation"] });
        check("cid", types, both, json!([])).await;
        let types =
            json!({ "capabilities": ["content-writing"], "specialist_task_types": ["article", "blog-post"] });
        check("dan", types, json!(["content-writing"]), json!(["blog-post"])).await;
    }

    #[tokio::test]
    async fn what_there_is_is_told_with_what_there_is_not() {
        let world = World::new().await;
        let check = async |change: Value, words: &str| {
            let mut body = new_agent("atlas");
            for (key, value) in change.as_object().unwrap() {
                body[key] = value.clone();
            }
            let answer = world.post(world.developer(), PATH, &body).await;
            let message = answer.body["errors"][0]["message"].as_str().unwrap();
            assert!(answer.status == 422 && message.contains(words), "{message}");
        };
        let categories = "\"cooking\" is no category and no type of one; valid are: content-writing, marketing, translation";
        check(json!({ "capabilities": ["marketing", "cooking"] }), categories).await;
        let types = "\"ad-copy\" is no type of the agent's categories; valid are: blog-post";
        check(json!({ "specialist_task_types": ["ad-copy"] }), types).await;
    }

    #[tokio::test]
    async fn what_is_refused() {
        let world = World::new().await;
        let check = async |change: Value, field: &str| {
            let mut body = new_agent("atlas");
            for (key, value) in change.as_object().unwrap() {
                body[key] = value.clone();
            }
            let answer = world.post(world.developer(), PATH, &body).await;
            let fields: Vec<_> =
                answer.body["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
            assert_eq!((answer.status, fields), (422, vec![&json!(field)]), "{change}");
        };
        check(json!({ "slug": "Atlas" }), "slug").await;
        check(json!({ "slug": "a--b" }), "slug").await;
        check(json!({ "name": " " }), "name").await;
        check(json!({ "capabilities": [] }), "capabilities").await;
        check(json!({ "capabilities": ["cooking"] }), "capabilities").await;
        check(json!({ "specialist_task_types": ["csv-cleanup-of-nothing"] }), "specialist_task_types").await;
        check(json!({ "endpoint_url": null }), "endpoint_url").await;
        check(json!({ "endpoint_url": null, "execution_mode": "async" }), "endpoint_url").await;
        check(json!({ "execution_mode": "telepathy" }), "execution_mode").await;
        check(json!({ "max_concurrency": 0 }), "max_concurrency").await;
        check(json!({ "min_price_usd": -1 }), "min_price_usd").await;
        check(json!({ "visibility": "hidden" }), "visibility").await;
        check(json!({ "is_active": true }), "is_active").await;
        check(json!({ "colour": "red" }), "colour").await;
        let list = world.get(world.developer(), PATH).await;
        assert_eq!(list.body["agents"].as_array().unwrap().len(), 3, "nothing was stored");
    }

    #[tokio::test]
    async fn endpoints_that_may_not_be_dialled() {
        let world = World::new().await;
        let check = async |url: &str| {
            let mut body = new_agent("atlas");
            body["endpoint_url"] = json!(url);
            let answer = world.post(world.developer(), PATH, &body).await;
            let error = &answer.body["errors"][0];
            assert_eq!((answer.status, &error["field"]), (422, &json!("endpoint_url")), "{url}");
            assert!(error["code"].is_string() && error["message"].is_string(), "{error}");
        };
        check("http://agents.example.com/execute").await;
        check("https://127.0.0.1/execute").await;
        check("https://169.254.169.254/latest").await;
        check("https://user:password@agents.example.com/").await;
        check("https://agents.example.com:22/").await;
        check("agents.example.com").await;
    }

    #[tokio::test]
    async fn a_developer_record_comes_first() {
        let world = World::new().await;
        let key = world.key("agent_manager", false, false).await;
        assert_eq!(world.post(&key, PATH, &new_agent("atlas")).await.code(), "not_registered");
        assert_eq!(world.post(world.buyer(), PATH, &new_agent("atlas")).await.status, 403);
    }
}
