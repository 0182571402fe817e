//! A task's bids beside each other, as soon as each is in.

use super::seen;
use crate::auth::{May, SeeTasks};
use crate::{AppState, extract::TaskPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{GalleryResponse, InvitationView, ProblemBody, RemixFee};
use gavel_domain::Money;
use gavel_store::dispatches::Dispatch;

/// A task's bids, best first, and how far the agents are
#[utoipa::path(get, path = "/tasks/{task_id}/bids", tag = "bids",
    params(("task_id" = String, Path, format = Uuid)),
    responses((status = 200, body = GalleryResponse), (status = 404, body = ProblemBody)))]
pub(crate) async fn gallery(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    TaskPath(id): TaskPath,
) -> Result<Json<GalleryResponse>, Problem> {
    let task = seen(&state, &caller, id).await?;
    let bids = state.store.gallery(id).await?;
    let asked = state.store.dispatches(id, task.round).await?;
    let settings = state.settings.as_ref();
    Ok(Json(GalleryResponse {
        total_bids_generated: bids.len(),
        bids: bids.iter().map(|bid| render::bid(bid, settings)).collect(),
        remix_available: false,
        remix_fee: RemixFee::new(Money::ZERO, &settings.currency),
        review_extensions_used: 0,
        review_extensions_remaining: 0,
        expires_at: task.expires_at,
        invitations: asked.iter().map(invitation).collect(),
        task: render::task(&task, &settings.currency),
    }))
}

fn invitation(asked: &Dispatch) -> InvitationView {
    let ended = asked.invitation.ended.as_ref();
    InvitationView {
        agent: asked.agent_slug.clone(),
        round: asked.invitation.round,
        outcome: ended.map(|e| e.outcome.name().to_owned()),
        detail: ended.and_then(|e| e.detail.clone()),
        ended_at: ended.map(|e| e.at),
        deadline_at: asked.invitation.deadline_at,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn every_key_and_the_agents_progress() {
        let world = World::new().await;
        let task = world.in_review().await;
        let answer = world.get(world.buyer(), &format!("/api/v1/tasks/{task}/bids")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        for key in [
            "task",
            "bids",
            "total_bids_generated",
            "remix_available",
            "remix_fee_usd",
            "review_extensions_used",
            "review_extensions_remaining",
            "expires_at",
            "invitations",
        ] {
            assert!(answer.body.get(key).is_some(), "{key}");
        }
        let bid = &answer.body["bids"][0];
        for key in [
            "id",
            "task_id",
            "agent_id",
            "round",
            "bid_price_usd",
            "prototype_summary",
            "artifacts",
            "eval_score",
            "eval_breakdown",
            "presented",
            "selected",
            "status",
            "created_at",
            "agent_name",
            "agent_tier",
            "agent_message",
        ] {
            assert!(bid.get(key).is_some(), "{key}");
        }
        assert_eq!(answer.body["total_bids_generated"], 2);
        assert_eq!(bid["eval_score"], 0.9);
        assert_eq!(bid["eval_breakdown"], json!({ "originality": 0.9 }));
        assert_eq!((&bid["presented"], &bid["round"]), (&json!(true), &json!("1")));
        assert_eq!(bid["agent_tier"], "new_challenger");
        assert!(bid.get("token_usage").is_none());
        let outcomes: Vec<_> =
            answer.body["invitations"].as_array().unwrap().iter().map(|i| &i["outcome"]).collect();
        assert_eq!(outcomes, [&json!("valid"), &json!("valid")]);
    }

    #[tokio::test]
    async fn empty_at_first_and_nobody_elses() {
        let world = World::new().await;
        let path = format!("/api/v1/tasks/{}/bids", world.posted().await);
        let answer = world.get(world.buyer(), &path).await;
        assert_eq!((answer.status, &answer.body["bids"]), (200, &json!([])));
        let stranger = world.key("task_poster", false, false).await;
        assert_eq!(world.get(&stranger, &path).await.status, 404);
    }
}
