//! What would happen if this task were posted now? Nothing is stored, and the draw is another than the task's own would
//! be.

use super::explain::word;
use super::new_task;
use crate::auth::{May, SeeTasks};
use crate::extract::Body;
use crate::{AppState, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_candidates::Decision;
use gavel_contract::rest::{
    ExpectedTime, HighestCost, LowestCost, NewTask, PreviewResponse, PreviewedAgent, ProblemBody,
};
use gavel_domain::agent::ExecutionMode;
use gavel_domain::invitation::Mode;
use gavel_domain::{AgentId, Money, TaskId, task::Task};
use gavel_triage::Chosen;
use std::time::Duration;

const NOTE: &str = "Drawn with a seed of its own, from the agents as they are now: a task that is posted is drawn afresh, \
                    and may go to others.";
/// An agent's median is of this many valid prototypes, the latest.
const LATENCIES: u32 = 50;

/// See who would be asked, how long it may take and what it may cost; nothing is posted
#[utoipa::path(post, path = "/tasks/preview", tag = "tasks", request_body = NewTask,
    responses((status = 200, body = PreviewResponse), (status = 422, body = ProblemBody)))]
pub(crate) async fn preview(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    Body { fields, .. }: Body,
) -> Result<Json<PreviewResponse>, Problem> {
    let new = new_task::read(fields, &state.settings)?;
    let now = state.now();
    let id = TaskId::new(now, state.chance.as_ref());
    let posted = Task::posted(id, caller.account, (new.brief, new.budget), now);
    let task = Task { test: caller.test, wishes: new.wishes, ..posted };
    let decided = state.candidates.decide(&task, seed(&state), now).await;
    let decision = decided.map_err(|cause| Problem::internal(&cause))?;
    let expected_time = expected(&state, &task, &decision).await?;
    let record = &decision.record;
    Ok(Json(PreviewResponse {
        note: NOTE.to_owned(),
        policy: record.policy.name().to_owned(),
        agents_wanted: record.agents_wanted,
        under_supplied: record.under_supplied,
        would_ask: record.chosen.iter().map(previewed).collect(),
        reserve: record.reserve.iter().map(previewed).collect(),
        no_capability: record.question.no_capability,
        reasons: record.reasons.iter().map(|(reason, n)| (word(reason), *n)).collect(),
        expected_time,
        lowest_cost: lowest(&state, &decision).await?.map(|l| LowestCost::new(l, &state.settings.currency)),
        highest_cost: HighestCost::new(task.budget, &state.settings.currency),
    }))
}

/// A seed that no task's own draw is made with.
fn seed(state: &AppState) -> u64 {
    let mut bytes = [0; 8];
    state.chance.fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

fn previewed(chosen: &Chosen) -> PreviewedAgent {
    PreviewedAgent {
        agent: chosen.slug.clone(),
        tier: chosen.tier.name().to_owned(),
        lane: word(&chosen.lane),
    }
}

fn asked(decision: &Decision) -> impl Iterator<Item = (AgentId, ExecutionMode)> {
    let ids = decision.record.chosen.iter().filter_map(|chosen| chosen.agent.parse().ok());
    ids.map(|id| (id, decision.asked_how.get(&id).copied().unwrap_or(ExecutionMode::Sync)))
}

/// How long the agents that would be asked have taken lately, never longer than they may.
async fn expected(state: &AppState, task: &Task, decision: &Decision) -> Result<ExpectedTime, Problem> {
    let timers = &state.settings.timers;
    let phase = timers.phase_limit(asked(decision).map(|(_, how)| how));
    let (mut medians, mut unknown) = (Vec::new(), 0);
    for (agent, how) in asked(decision) {
        let limit = timers.call_limit(how, Mode::Prototype, &task.brief.category).min(phase);
        match median(state.store.latencies(agent, LATENCIES).await?) {
            Some(median) => medians.push(median.min(limit.to_std().unwrap_or_default()).as_secs_f64()),
            None => unknown += 1,
        }
    }
    Ok(ExpectedTime {
        first_seconds: medians.iter().copied().reduce(f64::min).map(render::rounded),
        all_seconds: medians.iter().copied().reduce(f64::max).map(render::rounded),
        agents_without_history: unknown,
        phase_limit_seconds: phase.num_seconds(),
    })
}

/// The one in the middle; of an even number the later of the two.
fn median(mut latencies: Vec<Duration>) -> Option<Duration> {
    latencies.sort_unstable();
    latencies.get(latencies.len() / 2).copied()
}

/// The lowest price that any of them works for.
async fn lowest(state: &AppState, decision: &Decision) -> Result<Option<Money>, Problem> {
    let mut lowest: Option<Money> = None;
    for (agent, _) in asked(decision) {
        if let Some((agent, _)) = state.store.agent(agent).await? {
            lowest = Some(lowest.map_or(agent.min_price, |lowest| lowest.min(agent.min_price)));
        }
    }
    Ok(lowest)
}

#[cfg(test)]
mod tests {
    use super::median;
    use crate::testing::{World, came_back, new_task};
    use chrono::TimeDelta;
    use gavel_domain::invitation::Outcome;
    use serde_json::{Value, json};
    use std::time::Duration;

    const PATH: &str = "/api/v1/tasks/preview";

    #[tokio::test]
    async fn who_would_be_asked_and_nothing_is_stored() {
        let world = World::new().await;
        let answer = world.post(world.buyer(), PATH, &new_task()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut asked: Vec<_> =
            answer.body["would_ask"].as_array().unwrap().iter().map(|a| a["agent"].clone()).collect();
        asked.sort_by_key(Value::to_string);
        assert_eq!(asked, [json!("one"), json!("two")]);
        assert_eq!(answer.body["reasons"], json!({ "chosen": 2, "paused": 1 }));
        assert_eq!(
            (&answer.body["under_supplied"], &answer.body["agents_wanted"]),
            (&json!(true), &json!(3))
        );
        assert_eq!(answer.body["would_ask"][0]["tier"], "new_challenger");
        assert_eq!(answer.body["highest_cost_usd"], 22.0);
        assert!(answer.body["note"].as_str().unwrap().contains("drawn afresh"));
        assert_eq!(world.get(world.buyer(), "/api/v1/tasks").await.body["tasks"], json!([]));
    }

    #[tokio::test]
    async fn the_time_is_what_the_agents_have_taken_before() {
        let world = World::new().await;
        let time = async || world.post(world.buyer(), PATH, &new_task()).await.body["expected_time"].clone();
        let unknown = json!({ "first_seconds": null, "all_seconds": null, "agents_without_history": 2,
            "phase_limit_seconds": 420 });
        assert_eq!(time().await, unknown);
        let asked = world.asked("one").await;
        world.clock.advance(TimeDelta::seconds(7));
        world.came(&asked, Outcome::Valid, came_back(world.state.now(), 200, "ok")).await;
        let known = time().await;
        assert_eq!((&known["first_seconds"], &known["all_seconds"]), (&json!(7.0), &json!(7.0)), "{known}");
        assert_eq!(known["agents_without_history"], 1);
    }

    #[tokio::test]
    async fn what_could_not_be_posted_is_refused_as_there() {
        let world = World::new().await;
        let refused = world.post(world.buyer(), PATH, &json!({ "category": "nothing" })).await;
        let posted = world.post(world.buyer(), "/api/v1/tasks", &json!({ "category": "nothing" })).await;
        assert_eq!((refused.status, &refused.body["errors"]), (422, &posted.body["errors"]));
        assert_eq!(world.post(world.developer(), PATH, &new_task()).await.status, 403);
        let looks = world.key("task_poster", true, false).await;
        assert_eq!(world.post(&looks, PATH, &new_task()).await.status, 200, "it changes nothing");
    }

    #[test]
    fn medians() {
        let of = |seconds: &[u64]| median(seconds.iter().copied().map(Duration::from_secs).collect());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[9]), Some(Duration::from_secs(9)));
        assert_eq!(of(&[9, 1, 2, 7]), Some(Duration::from_secs(7)));
    }
}
