//! How an agent's benchmark goes, or went: what is missing, and never what would have been right.

use super::seen;
use crate::auth::{May, SeeAgents};
use crate::extract::{AgentPath, Query};
use crate::{AppState, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{BenchmarkCategory, BenchmarkFeedback, BenchmarkRun, BenchmarkTask, ProblemBody};
use gavel_domain::BenchmarkRunId;
use gavel_domain::Ppm;
use gavel_domain::benchmark::{Rules, RunStatus};
use gavel_store::benchmarks::{Run, RunTask, TaskEnd};
use serde::de::DeserializeOwned;

/// An agent's benchmark, with what was found in each work
#[utoipa::path(get, path = "/developers/agents/{agent_id}/benchmark", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid),
        ("run" = Option<String>, Query, format = Uuid, description = "Which one; the latest when absent")),
    responses((status = 200, body = BenchmarkRun), (status = 404, body = ProblemBody)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
    AgentPath(id): AgentPath,
    Query(query): Query,
) -> Result<Json<BenchmarkRun>, Problem> {
    seen(&state, &caller, id).await?;
    let found = match wanted(&query)? {
        Some(run) => state.store.benchmark(run).await?,
        None => state.store.latest_benchmark(id).await?,
    };
    let found = found.filter(|(run, _)| run.agent == id);
    let (run, tasks) = found.ok_or_else(|| Problem::not_found("benchmark of this agent"))?;
    let unproven = state.store.benchmarks_wanted(id).await?;
    Ok(Json(view((&run, &tasks), unproven, &state.settings.benchmark.rules)?))
}

fn wanted(query: &[(String, String)]) -> Result<Option<BenchmarkRunId>, Problem> {
    match query {
        [] => Ok(None),
        [(name, value)] if name == "run" => {
            value.parse().map(Some).map_err(|_| Problem::field("run", "must be a UUID"))
        }
        [(name, _), ..] if name != "run" => Err(Problem::field(name, "is no parameter of this address")),
        _ => Err(Problem::field("run", "must be given once")),
    }
}

pub(super) fn view(
    (run, tasks): (&Run, &[RunTask]),
    unproven: Vec<String>,
    rules: &Rules,
) -> Result<BenchmarkRun, Problem> {
    let told: Vec<BenchmarkCategory> = run.verdict.as_deref().map(stored).transpose()?.unwrap_or_default();
    let open = |category: &String| BenchmarkCategory {
        category: category.clone(),
        passed: None,
        mean: None,
        missing: Vec::new(),
    };
    let categories = run.categories.iter().map(|category| {
        told.iter().find(|one| one.category == *category).cloned().unwrap_or_else(|| open(category))
    });
    let failed_at = run.ended_at.filter(|_| run.status == RunStatus::Failed);
    Ok(BenchmarkRun {
        id: run.id.to_string(),
        agent_id: run.agent.to_string(),
        status: run.status.name().to_owned(),
        categories: categories.collect(),
        unproven,
        tasks: ended(tasks).map(|task| one_task(task, rules)).collect::<Result<_, _>>()?,
        started_at: run.started_at,
        ended_at: run.ended_at,
        next_run_at: failed_at.map(|at| at + rules.cooldown),
    })
}

/// Which task is under way is not told: an agent that asks must not learn whether it is tried or asked in earnest.
fn ended(tasks: &[RunTask]) -> impl Iterator<Item = &RunTask> {
    tasks.iter().filter(|task| task.ended.is_some())
}

fn one_task(task: &RunTask, rules: &Rules) -> Result<BenchmarkTask, Problem> {
    let ended = task.ended.as_ref();
    let counted = ended.filter(|ended| !ended.ours);
    let score = counted.map(|ended| ended.score.unwrap_or(Ppm::ZERO));
    let feedback: Option<BenchmarkFeedback> =
        ended.and_then(|ended| ended.report.as_deref()).map(stored).transpose()?;
    let passes = |ended: &TaskEnd| ended.score.is_some_and(|score| score >= rules.pass_each) && !ended.grave;
    Ok(BenchmarkTask {
        task_id: task.task.to_string(),
        category: task.category.clone(),
        task_type: task.task_type.clone(),
        level: task.level.clone(),
        purpose: task.purpose.name().to_owned(),
        posted_at: task.posted_at,
        ended_at: ended.map(|ended| ended.at),
        outcome: ended.and_then(|ended| ended.outcome).map(|outcome| outcome.name().to_owned()),
        judge_score: score.map(Ppm::as_f64),
        passed: counted.map(passes),
        feedback,
    })
}

fn stored<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|cause| Problem::internal(&cause))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn what_came_of_each_task_is_told() {
        let world = World::of_newcomers().await;
        let id = world.newcomer("new", &["content-writing"]).await;
        let path = format!("/api/v1/developers/agents/{id}/benchmark");
        assert_eq!(world.get(world.developer(), &path).await.status, 404, "there is none yet");
        let begun = world.post(world.developer(), &path, &Value::Null).await;
        let running = world.get(world.developer(), &path).await;
        assert_eq!((running.status, &running.body), (200, &begun.body));

        let task = world.fails(&id).await;
        let run = world.get(world.developer(), &path).await.body;
        assert_eq!((&run["status"], &run["ended_at"]), (&json!("failed"), &json!(world.state.now())));
        assert_eq!(run["next_run_at"], json!(world.state.now() + chrono::TimeDelta::minutes(15)));
        let category =
            json!({ "category": "content-writing", "passed": false, "mean": 0.3, "missing": ["much"] });
        assert_eq!((&run["categories"], &run["unproven"]), (&json!([category]), &json!(["content-writing"])));
        let told = &run["tasks"][0];
        assert_eq!(
            (&told["task_id"], &told["judge_score"], &told["passed"]),
            (&json!(task), &json!(0.3), &json!(false))
        );
        assert_eq!((&told["level"], &told["outcome"]), (&json!("easy"), &json!("valid")));
        assert_eq!(told["feedback"]["token_usage"]["cost_usd"], 0.02);
        assert_eq!(told["feedback"]["dimensions"]["originality"]["feedback"], json!(["it is a copy"]));

        let one = world.get(world.developer(), &format!("{path}?run={}", begun.id())).await;
        assert_eq!((one.status, &one.body), (200, &run));
    }

    #[tokio::test]
    async fn for_its_developer_and_operators() {
        let world = World::of_newcomers().await;
        let (id, other) =
            (world.newcomer("new", &["content-writing"]).await, world.newcomer("old", &["marketing"]).await);
        let path = |id: &str| format!("/api/v1/developers/agents/{id}/benchmark");
        let begun = world.post(world.developer(), &path(&id), &Value::Null).await;
        assert_eq!(world.get(world.admin(), &path(&id)).await.status, 200);
        let stranger = world.key("agent_manager", false, false).await;
        assert_eq!(world.get(&stranger, &path(&id)).await.status, 404);
        assert_eq!(world.get(world.buyer(), &path(&id)).await.status, 403);
        let of_another = format!("{}?run={}", path(&other), begun.id());
        assert_eq!(world.get(world.developer(), &of_another).await.status, 404);
        for wrong in ["?run=x", "?runs=1", "?run=x&run=y"] {
            assert_eq!(
                world.get(world.developer(), &format!("{}{wrong}", path(&id))).await.status,
                422,
                "{wrong}"
            );
        }
    }
}
