//! Why these agents, and why not the others? A buyer hears it of every candidate of its task, a developer of its own
//! agents alone, and an operator everything.

mod older;
mod round;

pub(super) use round::word;

use super::seen;
use crate::auth::{May, SeeDecisions};
use crate::{AppState, extract::TaskPath, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_candidates::stored;
use gavel_contract::rest::{ExplainResponse, ProblemBody, RoundView};
use gavel_domain::account::{ApiKey, Scope};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::Task;
use gavel_triage::ReplayError;
use std::collections::BTreeSet;

/// Candidates that are told of one by one; how many there were for each reason is told of all.
const EXPLAINED_MAX: usize = 1000;

/// Whom a caller hears about, and how much.
#[derive(Debug)]
enum Viewer {
    /// Of every candidate the reason.
    Buyer,
    /// Of these agents everything.
    Developer(BTreeSet<String>),
    /// Everything.
    Operator,
}

impl Viewer {
    fn sees(&self, slug: &str) -> bool {
        match self {
            Viewer::Buyer | Viewer::Operator => true,
            Viewer::Developer(own) => own.contains(slug),
        }
    }

    /// Whether it concerns this caller that there were candidates, whoever they are.
    fn sees_others(&self) -> bool {
        !matches!(self, Viewer::Developer(_))
    }

    fn sees_weights(&self) -> bool {
        !matches!(self, Viewer::Buyer)
    }

    fn sees_all(&self) -> bool {
        matches!(self, Viewer::Operator)
    }
}

/// Every round's candidates with the reason each was asked or not
///
/// For the buyer of the task, and, once its agents have done their work, for developers whose agents were candidates: they
/// see those alone.
#[utoipa::path(get, path = "/tasks/{task_id}/explain", tag = "tasks",
    params(("task_id" = String, Path, format = Uuid)),
    responses((status = 200, body = ExplainResponse), (status = 404, body = ProblemBody),
        (status = 410, body = ProblemBody, description = "The decisions were removed some time after the task had ended")))]
pub(crate) async fn explain(
    State(state): State<AppState>,
    caller: May<SeeDecisions>,
    TaskPath(id): TaskPath,
) -> Result<Json<ExplainResponse>, Problem> {
    let (task, viewer) = match caller.scope {
        Scope::AgentManager => as_developer(&state, &caller, id).await?,
        Scope::TaskPoster => (seen(&state, &caller, id).await?, Viewer::Buyer),
        Scope::Admin => (seen(&state, &caller, id).await?, Viewer::Operator),
    };
    let mut rounds = Vec::new();
    for round in 1..=task.round {
        rounds.extend(view(&state, &task, round, &viewer).await?);
    }
    if rounds.is_empty() {
        nothing_to_tell(&state, &task, &viewer).await?;
    }
    let status = task.state.name().to_owned();
    Ok(Json(ExplainResponse { task_id: id.to_string(), status, rounds }))
}

/// Refuses where there is a reason that nothing is told: decisions are gone, or the task is none of the caller's business.
async fn nothing_to_tell(state: &AppState, task: &Task, viewer: &Viewer) -> Result<(), Problem> {
    let is_developer = !viewer.sees_others();
    if task.state.is_final()
        && (!is_developer || asks_one_of(state, task, viewer).await?)
        && let Some(at) = state.store.bodies_removed_at(task.id).await?
    {
        return Err(Problem::removed(at));
    }
    if is_developer { Err(Problem::not_found("task")) } else { Ok(()) }
}

/// A task that a developer's agents may have been candidates of. While agents work on it nothing is told: an agent that
/// asks must not learn whether it is tried or asked in earnest.
async fn as_developer(
    state: &AppState,
    key: &ApiKey,
    id: gavel_domain::TaskId,
) -> Result<(Task, Viewer), Problem> {
    let at_work = [TaskState::Open, TaskState::Matching, TaskState::Prototyping];
    let task = state.store.task(id).await?;
    let task = task.filter(|task| task.test == key.test && !at_work.contains(&task.state));
    let developer = state.store.developer_of(key.account).await?;
    let (Some(task), Some(developer)) = (task, developer) else { return Err(Problem::not_found("task")) };
    let agents = state.store.agents_of(developer.id, key.test).await?;
    let own = agents.into_iter().map(|(agent, _)| agent.slug).collect();
    Ok((task, Viewer::Developer(own)))
}

/// One round; `None` where none of its candidates may be told of to this developer, or nothing was decided yet.
async fn view(
    state: &AppState,
    task: &Task,
    round: u32,
    viewer: &Viewer,
) -> Result<Option<RoundView>, Problem> {
    let found = stored(&state.store, task.id, round).await.map_err(|cause| Problem::internal(&cause))?;
    let Some(stored) = found else { return Ok(None) };
    let record = match stored.record() {
        // That a task was a benchmark's is told in the benchmark's report alone.
        Err(ReplayError::Benchmark) if !viewer.sees_others() => return Ok(None),
        Err(ReplayError::Version(1) | ReplayError::Benchmark) => {
            return older::view(round, &stored.document, viewer);
        }
        record => record.map_err(|cause| Problem::internal(&cause))?,
    };
    let invited =
        if record.reserve.is_empty() { BTreeSet::new() } else { invited(state, task, round).await? };
    let table = stored.table().map_err(|cause| Problem::internal(&cause))?;
    Ok(round::view(round, (&stored.document, &record), &table, &invited, viewer))
}

/// Who was really asked in a round.
async fn invited(state: &AppState, task: &Task, round: u32) -> Result<BTreeSet<String>, Problem> {
    let asked = state.store.dispatches(task.id, round).await?;
    Ok(asked.into_iter().map(|dispatch| dispatch.agent_slug).collect())
}

async fn asks_one_of(state: &AppState, task: &Task, viewer: &Viewer) -> Result<bool, Problem> {
    for round in 1..=task.round {
        if invited(state, task, round).await?.iter().any(|slug| viewer.sees(slug)) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use gavel_domain::Currency;
    use gavel_triage::{Gate, Reason};
    use serde_json::{Value, json};

    #[tokio::test]
    async fn reasons_for_the_buyer_the_record_for_operators() {
        let world = World::new().await;
        let task = world.in_review().await;
        let path = format!("/api/v1/tasks/{task}/explain");
        let buyer = world.get(world.buyer(), &path).await;
        assert_eq!(buyer.status, 200, "{}", buyer.body);
        let round = &buyer.body["rounds"][0];
        let candidates = round["candidates"].as_array().unwrap();
        let reasons: Vec<_> = candidates.iter().map(|c| &c["reason"]).collect();
        assert_eq!(reasons, [&json!("chosen"), &json!("chosen"), &json!("paused")]);
        assert_eq!(round["reasons"], json!({ "chosen": 2, "paused": 1 }));
        assert_eq!((&round["candidates_total"], &round["agents_wanted"]), (&json!(3), &json!(3)));
        assert_eq!(candidates[2]["because"], "It was not in the draw: its developer had paused it.");
        let hidden = |value: &Value, name: &str| value.get(name).is_none();
        assert!(hidden(round, "record") && hidden(round, "seed") && hidden(&candidates[0], "detail"));

        let operator = world.get(world.admin(), &path).await.body["rounds"][0].clone();
        assert_eq!((&operator["record"]["version"], &operator["seed"]), (&json!(2), &json!("1")));
        let detail = &operator["candidates"][0]["detail"];
        assert!(detail["weighed"]["weight"].is_u64() && detail["key"].is_f64(), "{detail}");
        assert!(detail["payout_account"].is_string(), "{detail}");
    }

    #[tokio::test]
    async fn seats_are_told_by_lane() {
        let world = World::new().await;
        let task = world.in_review().await;
        let round = world.get(world.buyer(), &format!("/api/v1/tasks/{task}/explain")).await.body["rounds"]
            [0]
        .clone();
        let lanes = round["lanes"].as_array().unwrap();
        let seats: Vec<_> =
            lanes.iter().map(|lane| (lane["lane"].as_str().unwrap(), &lane["seats"])).collect();
        assert_eq!(seats, [("fast", &json!(1)), ("mixed", &json!(1)), ("challenger", &json!(1))]);
        let drawn: usize = lanes.iter().map(|lane| lane["drawn"].as_array().unwrap().len()).sum();
        assert_eq!(drawn, 2);
    }

    #[tokio::test]
    async fn developers_hear_of_their_own_agents_alone() {
        let world = World::new().await;
        let other = world.key("agent_manager", false, false).await;
        let _ = world.post(&other, "/api/v1/developers/register", &json!({ "name": "Bo" })).await;
        let path = format!("/api/v1/tasks/{}/explain", world.in_review().await);
        assert_eq!(world.get(&other, &path).await.status, 404, "it had no agent then");
        let added =
            world.post(&other, "/api/v1/developers/agents", &crate::testing::new_agent("stranger")).await;
        assert_eq!(added.status, 201, "{}", added.body);
        assert_eq!(world.get(&other, &path).await.status, 404, "its agent came later");

        let path = format!("/api/v1/tasks/{}/explain", world.in_review().await);
        let answer = world.get(&other, &path).await;
        let round = &answer.body["rounds"][0];
        assert_eq!((&round["candidates_total"], &round["no_capability"]), (&json!(1), &json!(0)));
        assert_eq!(round["candidates"][0]["agent"], "stranger");
        assert!(round["candidates"][0]["detail"].get("payout_account").is_none());
        let words = round["candidates"][0]["detail"]["words"].as_array().unwrap();
        assert!(words[1].as_str().unwrap().starts_with("As a New Challenger it weighed"), "{words:?}");
        assert!(!answer.text.contains("\"one\"") && !answer.text.contains("resting"), "{}", answer.text);

        let own = world.get(world.developer(), &path).await.body["rounds"][0].clone();
        assert_eq!((&own["candidates_total"], &own["reasons"]["paused"]), (&json!(3), &json!(1)));
        assert!(own.get("record").is_none() && own.get("seed").is_none());
        let test_key = world.key_of_the_developer(false, true).await;
        assert_eq!(world.get(&test_key, &path).await.status, 404);
    }

    #[tokio::test]
    async fn developers_hear_nothing_while_agents_work() {
        let world = World::new().await;
        let asked = world.asked("one").await;
        let path = format!("/api/v1/tasks/{}/explain", asked.task);
        assert_eq!(world.get(world.buyer(), &path).await.body["rounds"].as_array().unwrap().len(), 1);
        assert_eq!(world.get(world.developer(), &path).await.status, 404);
    }

    #[tokio::test]
    async fn decisions_go_with_time() {
        let world = World::new().await;
        let task = world.delivered().await;
        world.loses_its_texts(&task).await;
        for key in [world.buyer(), world.admin(), world.developer()] {
            let answer = world.get(key, &format!("/api/v1/tasks/{task}/explain")).await;
            assert_eq!((answer.status, answer.code()), (410, "removed_by_retention"), "{}", answer.body);
        }
        let other = world.key("agent_manager", false, false).await;
        let _ = world.post(&other, "/api/v1/developers/register", &json!({ "name": "Bo" })).await;
        assert_eq!(world.get(&other, &format!("/api/v1/tasks/{task}/explain")).await.status, 404);
    }

    #[test]
    fn every_reason_is_described() {
        let description = crate::router::openapi(&Currency::new("USD").unwrap());
        let schema = &description["components"]["schemas"]["CandidateView"]["properties"]["reason"];
        let described = schema["description"].as_str().unwrap();
        let gates = Gate::ALL.into_iter().filter(|gate| *gate != Gate::NoCapability).map(Reason::Gated);
        for reason in [Reason::Chosen, Reason::Reserve, Reason::NotDrawn].into_iter().chain(gates) {
            let word = super::round::word(&reason);
            assert!(described.contains(&format!("`{word}`")), "{reason:?} in {described}");
        }
    }

    #[tokio::test]
    async fn before_the_decision_and_for_strangers() {
        let world = World::new().await;
        let path = format!("/api/v1/tasks/{}/explain", world.posted().await);
        assert_eq!(world.get(world.buyer(), &path).await.body["rounds"], json!([]));
        let stranger = world.key("task_poster", false, false).await;
        assert_eq!(world.get(&stranger, &path).await.status, 404);
        assert_eq!(world.get(world.developer(), &path).await.status, 404, "none of its agents was looked at");
    }
}
