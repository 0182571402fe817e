//! A developer has an agent show what it can do.

use super::agent_fields::CAPABILITIES_MAX;
use super::{benchmark_get::view, owned};
use crate::auth::{ActOnAgents, May};
use crate::extract::AgentPath;
use crate::idempotency::{KeyHeader, Order};
use crate::{AppState, problem::Problem, reply::Answer};
use axum::{extract::State, response::Response};
use chrono::TimeDelta;
use gavel_contract::rest::{BenchmarkRun, BenchmarkWish, ProblemBody};
use gavel_domain::benchmark::{Refusal, may_start};
use gavel_domain::{BenchmarkRunId, Timestamp};
use gavel_store::Deed;
use gavel_store::benchmarks::Run;
use http::StatusCode;

/// Benchmark an agent: tasks like any other, one after the other; who passes is activated
///
/// Every category that the agent declares and has not passed in yet, or those of the body: an easy, a typical and a hard
/// task each. A category that is declared later needs a benchmark of its own.
#[utoipa::path(post, path = "/developers/agents/{agent_id}/benchmark", tag = "developers",
    request_body(content = Option<BenchmarkWish>), params(("agent_id" = String, Path, format = Uuid), KeyHeader),
    responses((status = 202, body = BenchmarkRun), (status = 400, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 429, body = ProblemBody)))]
pub(crate) async fn start(
    State(state): State<AppState>,
    caller: May<ActOnAgents>,
    AgentPath(id): AgentPath,
    Order { mut fields, ask }: Order,
) -> Result<Response, Problem> {
    let asked = fields.texts("categories", CAPABILITIES_MAX);
    fields.finish(&[])?;
    let (agent, _) = owned(&state, &caller, id).await?;
    let settings = &state.settings.benchmark;
    let begin = async |deed: &mut Deed| {
        let now = state.now();
        let standing = deed.benchmark_standing(&agent, now).await?;
        let categories = may_start(&standing, asked.as_deref(), &settings.suites, &settings.rules, now)
            .map_err(|refusal| refused(refusal, now))?;
        let run_id = BenchmarkRunId::new(now, state.chance.as_ref());
        let run = Run::begun(run_id, (agent.id, agent.developer), categories, now);
        deed.begin_benchmark(&run).await?;
        let unproven =
            standing.declared.into_iter().filter(|(_, ready)| !ready).map(|(category, _)| category);
        Answer::accepted(&view((&run, &[]), unproven.collect(), &settings.rules)?)
    };
    ask.once(&state, &caller, begin).await
}

fn refused(refusal: Refusal, now: Timestamp) -> Problem {
    match refusal {
        // The sentence that developers' tools know.
        Refusal::AlreadyActive => Problem::new(
            StatusCode::BAD_REQUEST,
            "already_active",
            "There is nothing to be benchmarked",
            "Agent is already active",
        ),
        Refusal::Hidden => Problem::conflict(
            "agent_hidden",
            "This agent is hidden by the platform; ask its operator to move it back before it is benchmarked.",
        ),
        Refusal::UnderWay(run) => Problem::conflict(
            "benchmark_under_way",
            format!("Benchmark {run} of this agent is under way; GET this address to follow it."),
        ),
        Refusal::NotDeclared(category) => Problem::field(
            "categories",
            format!("{category:?} is none of the agent's capabilities; declare it first (PATCH the agent)"),
        ),
        Refusal::NoSuite(categories) => Problem::conflict(
            "no_benchmark",
            format!(
                "There is no benchmark for {}; nobody is activated there. Name the other categories of the agent in \
                 \"categories\" to be benchmarked in those, or take these out of its capabilities.",
                categories.join(", ")
            ),
        ),
        Refusal::CoolingDown(until) => Problem::too_many(
            "benchmark_cooldown",
            format!(
                "The last benchmark of this agent failed; the next one may begin in {}, at {}. Its report tells what \
                 is missing.",
                minutes(until - now),
                until.format("%H:%M:%S UTC")
            ),
            until - now,
        ),
        Refusal::TooMany(until) => Problem::too_many(
            "too_many_benchmarks",
            format!(
                "That many benchmarks may begin within an hour; the next one in {}.",
                minutes(until - now)
            ),
            until - now,
        ),
    }
}

/// Rounded up: who comes back then is not too early.
fn minutes(left: TimeDelta) -> String {
    match left.num_seconds().max(0).unsigned_abs().div_ceil(60) {
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Reply, World};
    use chrono::TimeDelta;
    use serde_json::{Value, json};

    impl World {
        async fn benchmarks(&self, id: &str, body: &Value) -> Reply {
            let path = format!("/api/v1/developers/agents/{id}/benchmark");
            self.post(self.developer(), &path, body).await
        }
    }

    #[tokio::test]
    async fn a_newcomer_is_benchmarked_in_all_it_declares_one_run_at_a_time() {
        let world = World::of_newcomers().await;
        let id = world.newcomer("new", &["marketing", "content-writing"]).await;
        let answer = world.benchmarks(&id, &Value::Null).await;
        assert_eq!((answer.status, &answer.body["status"]), (202, &json!("running")), "{}", answer.body);
        let slugs: Vec<_> =
            answer.body["categories"].as_array().unwrap().iter().map(|c| &c["category"]).collect();
        assert_eq!(slugs, ["content-writing", "marketing"], "in the catalogue's order");
        assert_eq!(answer.body["categories"][0]["passed"], Value::Null);
        let again = world.benchmarks(&id, &Value::Null).await;
        assert_eq!((again.status, again.code()), (409, "benchmark_under_way"));
    }

    #[tokio::test]
    async fn who_is_active_shows_only_what_it_declares_later() {
        let world = World::of_newcomers().await;
        let id = world.newcomer("new", &["content-writing"]).await;
        world.passes(&id, &["content-writing"]).await;
        let nothing = world.benchmarks(&id, &Value::Null).await;
        assert_eq!((nothing.status, nothing.code()), (400, "already_active"));
        assert!(nothing.text.contains(r#""detail":"Agent is already active""#), "{}", nothing.text);

        let path = format!("/api/v1/developers/agents/{id}");
        let more = json!({ "capabilities": ["content-writing", "marketing"] });
        let changed = world.patch(world.developer(), &path, &more).await;
        assert_eq!((changed.status, &changed.body["is_active"]), (200, &json!(true)));
        let same = world.benchmarks(&id, &json!({ "categories": ["content-writing"] })).await;
        assert_eq!((same.status, same.code()), (400, "already_active"));
        let targeted = world.benchmarks(&id, &json!({ "categories": ["marketing"] })).await;
        assert_eq!((targeted.status, targeted.body["categories"].as_array().unwrap().len()), (202, 1));
    }

    #[tokio::test]
    async fn after_a_failure_there_is_a_pause() {
        let world = World::of_newcomers().await;
        let id = world.newcomer("new", &["content-writing"]).await;
        assert_eq!(world.benchmarks(&id, &Value::Null).await.status, 202);
        world.fails(&id).await;
        world.clock.advance(TimeDelta::minutes(5));
        let early = world.benchmarks(&id, &Value::Null).await;
        assert_eq!((early.status, early.code()), (429, "benchmark_cooldown"));
        assert_eq!(early.header("retry-after"), Some("600"));
        assert!(early.body["detail"].as_str().unwrap().contains("in 10 minutes"), "{}", early.body);
        world.clock.advance(TimeDelta::minutes(10));
        assert_eq!(world.benchmarks(&id, &Value::Null).await.status, 202);
    }

    #[tokio::test]
    async fn an_hour_has_only_so_many_runs_of_a_developer() {
        let world = World::of_newcomers().await;
        for slug in ["new-1", "new-2", "new-3", "new-4", "new-5"] {
            let id = world.newcomer(slug, &["content-writing"]).await;
            assert_eq!(world.benchmarks(&id, &Value::Null).await.status, 202);
            world.clock.advance(TimeDelta::minutes(2));
        }
        let id = world.newcomer("new-6", &["content-writing"]).await;
        let busy = world.benchmarks(&id, &Value::Null).await;
        assert_eq!((busy.status, busy.code()), (429, "too_many_benchmarks"));
        assert_eq!(busy.header("retry-after"), Some("3000"), "the first of them was 10 minutes ago");
        world.clock.advance(TimeDelta::minutes(50));
        assert_eq!(world.benchmarks(&id, &Value::Null).await.status, 202);
    }

    #[tokio::test]
    async fn whoever_comes_too_early_may_come_again_under_the_same_key() {
        let world = World::of_newcomers().await;
        let id = world.newcomer("new", &["content-writing"]).await;
        assert_eq!(world.benchmarks(&id, &Value::Null).await.status, 202);
        world.fails(&id).await;
        let path = format!("/api/v1/developers/agents/{id}/benchmark");
        let ask = async || {
            let request = world.request("POST", &path, world.developer()).header("idempotency-key", "once");
            world.send(request, String::new()).await.status
        };
        assert_eq!(ask().await, 429);
        world.clock.advance(TimeDelta::minutes(15));
        assert_eq!((ask().await, ask().await), (202, 202), "and then it is one run");
    }

    #[tokio::test]
    async fn what_is_refused() {
        let world = World::of_newcomers().await;
        let id = world.newcomer("new", &["content-writing", "translation"]).await;
        let without = world.benchmarks(&id, &Value::Null).await;
        assert_eq!((without.status, without.code()), (409, "no_benchmark"));
        assert!(without.body["detail"].as_str().unwrap().contains("translation"), "{}", without.body);
        let stray = world.benchmarks(&id, &json!({ "categories": ["marketing"] })).await;
        assert_eq!((stray.status, &stray.body["errors"][0]["field"]), (422, &json!("categories")));
        let unknown = world.benchmarks(&id, &json!({ "category": "marketing" })).await;
        assert_eq!(unknown.status, 422);

        let path = format!("/api/v1/developers/agents/{id}/benchmark");
        let other = world.key("agent_manager", false, false).await;
        assert_eq!(world.post(&other, &path, &Value::Null).await.status, 404);
        let read_only = world.key_of_the_developer(true, false).await;
        assert_eq!(world.post(&read_only, &path, &Value::Null).await.status, 403);
        assert_eq!(world.post(world.buyer(), &path, &Value::Null).await.status, 403);

        world.hide("new").await;
        let hidden = world.benchmarks(&id, &json!({ "categories": ["content-writing"] })).await;
        assert_eq!((hidden.status, hidden.code()), (409, "agent_hidden"));
    }
}
