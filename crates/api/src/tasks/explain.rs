//! Why these agents, and why not the others?

use super::seen;
use crate::auth::{self, May, SeeTasks};
use crate::{AppState, extract::TaskPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_candidates::stored;
use gavel_contract::rest::{CandidateView, ExplainResponse, ProblemBody, RoundView};
use gavel_triage::{CandidateRecord, Reason, ReplayError, Stored};
use serde::{Deserialize, Serialize};

/// Every round's candidates with the reason each was asked or not
#[utoipa::path(get, path = "/tasks/{task_id}/explain", tag = "tasks",
    params(("task_id" = String, Path, format = Uuid)),
    responses((status = 200, body = ExplainResponse), (status = 404, body = ProblemBody),
        (status = 410, body = ProblemBody, description = "The decisions were removed some time after the task had ended")))]
pub(crate) async fn explain(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    TaskPath(id): TaskPath,
) -> Result<Json<ExplainResponse>, Problem> {
    let task = seen(&state, &caller, id).await?;
    let mut rounds = Vec::new();
    for round in 1..=task.round {
        let stored = stored(&state.store, id, round).await.map_err(|cause| Problem::internal(&cause))?;
        if let Some(stored) = stored {
            rounds.push(view(round, &stored, auth::sees_all(&caller))?);
        }
    }
    if task.state.is_final()
        && rounds.is_empty()
        && let Some(at) = state.store.bodies_removed_at(id).await?
    {
        return Err(Problem::removed(at));
    }
    let status = task.state.name().to_owned();
    Ok(Json(ExplainResponse { task_id: id.to_string(), status, rounds }))
}

fn view(round: u32, stored: &Stored, whole: bool) -> Result<RoundView, Problem> {
    let record = match stored.record() {
        Err(ReplayError::Version(1)) => return older(round, &stored.document, whole),
        record => record.map_err(|cause| Problem::internal(&cause))?,
    };
    let table = stored.table().map_err(|cause| Problem::internal(&cause))?;
    Ok(RoundView {
        round,
        agents_wanted: record.agents_wanted,
        under_supplied: record.under_supplied,
        no_capability: record.question.no_capability,
        candidates: table.iter().map(candidate).collect(),
        policy: record.policy.name().to_owned(),
        record: render::document(&stored.document).filter(|_| whole),
    })
}

fn candidate(candidate: &CandidateRecord) -> CandidateView {
    CandidateView {
        agent: candidate.slug.clone(),
        tier: candidate.tier.name().to_owned(),
        chosen: candidate.reason == Reason::Chosen,
        reason: word(&candidate.reason),
    }
}

/// A decision of before its inputs were kept: the reasons stand in the record itself.
fn older(round: u32, document: &str, whole: bool) -> Result<RoundView, Problem> {
    #[derive(Deserialize)]
    struct Record {
        policy: String,
        agents_wanted: u8,
        under_supplied: bool,
        no_capability: u64,
        candidates: Vec<Candidate>,
    }
    #[derive(Deserialize)]
    struct Candidate {
        slug: String,
        tier: String,
        reason: String,
    }
    let record: Record = serde_json::from_str(document).map_err(|cause| Problem::internal(&cause))?;
    let candidate = |c: Candidate| CandidateView {
        agent: c.slug,
        tier: c.tier,
        chosen: c.reason == "chosen",
        reason: c.reason,
    };
    Ok(RoundView {
        round,
        agents_wanted: record.agents_wanted,
        under_supplied: record.under_supplied,
        no_capability: record.no_capability,
        candidates: record.candidates.into_iter().map(candidate).collect(),
        policy: record.policy,
        record: render::document(document).filter(|_| whole),
    })
}

/// The word a unit variant is stored as.
fn word<T: Serialize>(value: &T) -> String {
    let stored = serde_json::to_value(value).ok();
    stored.as_ref().and_then(|v| v.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use gavel_domain::Currency;
    use gavel_triage::Gate;
    use serde_json::json;

    #[tokio::test]
    async fn reasons_for_the_buyer_the_record_for_operators() {
        let world = World::new().await;
        let task = world.in_review().await;
        let path = format!("/api/v1/tasks/{task}/explain");
        let buyer = world.get(world.buyer(), &path).await;
        assert_eq!(buyer.status, 200, "{}", buyer.body);
        let round = &buyer.body["rounds"][0];
        assert_eq!(round["candidates"].as_array().unwrap().len(), 3);
        let reasons: Vec<_> = round["candidates"].as_array().unwrap().iter().map(|c| &c["reason"]).collect();
        assert_eq!(reasons, [&json!("chosen"), &json!("chosen"), &json!("paused")]);
        assert!(round.get("record").is_none());
        let operator = world.get(world.admin(), &path).await;
        assert_eq!(operator.body["rounds"][0]["record"]["version"], 2);
    }

    #[tokio::test]
    async fn decisions_go_with_time() {
        let world = World::new().await;
        let task = world.delivered().await;
        world.loses_its_texts(&task).await;
        for key in [world.buyer(), world.admin()] {
            let answer = world.get(key, &format!("/api/v1/tasks/{task}/explain")).await;
            assert_eq!((answer.status, answer.code()), (410, "removed_by_retention"), "{}", answer.body);
        }
    }

    #[test]
    fn every_gate_is_described() {
        let description = crate::router::openapi(&Currency::new("USD").unwrap());
        let schema = &description["components"]["schemas"]["CandidateView"]["properties"]["reason"];
        let described = schema["description"].as_str().unwrap();
        for gate in Gate::ALL.into_iter().filter(|gate| *gate != Gate::NoCapability) {
            assert!(described.contains(&format!("`{}`", word(&gate))), "{gate:?} in {described}");
        }
    }

    #[tokio::test]
    async fn before_the_decision_and_for_strangers() {
        let world = World::new().await;
        let path = format!("/api/v1/tasks/{}/explain", world.posted().await);
        assert_eq!(world.get(world.buyer(), &path).await.body["rounds"], json!([]));
        let stranger = world.key("task_poster", false, false).await;
        assert_eq!(world.get(&stranger, &path).await.status, 404);
        assert_eq!(world.get(world.developer(), &path).await.status, 403);
    }
}
