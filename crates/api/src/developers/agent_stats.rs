//! An agent's numbers: how its invitations ended, how it was scored and why.

use super::seen;
use crate::auth::{May, SeeAgents};
use crate::{AppState, extract::AgentPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{AgentStats, BidPrice, CategoryScores, ProblemBody, RecentBidView, Totals};
use gavel_domain::agent::Record;
use gavel_domain::invitation::Outcome;
use gavel_domain::{Currency, Ppm};
use gavel_store::stats::{RecentInvitation, Stats};

/// How many of the latest invitations are told.
const RECENT: i64 = 50;

/// An agent's numbers with its latest invitations and the judge's feedback
#[utoipa::path(get, path = "/developers/agents/{agent_id}/stats", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid)),
    responses((status = 200, body = AgentStats), (status = 404, body = ProblemBody)))]
pub(crate) async fn stats(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
    AgentPath(id): AgentPath,
) -> Result<Json<AgentStats>, Problem> {
    let (agent, record) = seen(&state, &caller, id).await?;
    let stats = state.store.agent_stats(id, RECENT).await?;
    let currency = &state.settings.currency;
    Ok(Json(AgentStats {
        agent_id: id.to_string(),
        slug: agent.slug,
        health_report: render::health(&agent.health),
        totals: totals(&stats, &record),
        scores: stats.scores.iter().map(|(slug, ring)| (slug.clone(), scores(ring))).collect(),
        recent_bids: stats.recent.iter().map(|recent| view(recent, currency)).collect(),
    }))
}

fn totals(stats: &Stats, record: &Record) -> Totals {
    let bids = stats.outcomes.get(&Outcome::Valid).copied().unwrap_or(0);
    Totals {
        invitations: stats.outcomes.values().sum(),
        in_flight: stats.in_flight,
        outcomes: stats.outcomes.iter().map(|(outcome, n)| (outcome.name().to_owned(), *n)).collect(),
        final_calls: stats.finals.clone(),
        bids,
        presented: stats.presented,
        wins: stats.wins,
        win_rate: (bids > 0).then(|| render::rounded(stats.wins as f64 / bids as f64)),
        reliability: render::reliability(record),
    }
}

fn scores(ring: &[Ppm]) -> CategoryScores {
    let latest: Vec<f64> = ring.iter().map(|score| score.as_f64()).collect();
    let mean = render::rounded(latest.iter().sum::<f64>() / latest.len().max(1) as f64);
    CategoryScores { mean, count: latest.len(), latest }
}

fn view(recent: &RecentInvitation, currency: &Currency) -> RecentBidView {
    let bid = recent.bid.as_ref();
    let feedback = bid.and_then(|bid| bid.verdict.as_deref()).and_then(render::document);
    RecentBidView {
        invitation_id: recent.id.to_string(),
        task_id: recent.task.to_string(),
        category: recent.category.clone(),
        task_type: recent.task_type.clone(),
        invited_at: recent.invited_at,
        ended_at: recent.ended_at,
        outcome: recent.outcome.map(|outcome| outcome.name().to_owned()),
        detail: recent.detail.clone(),
        error_body: recent.error_body.clone(),
        final_code: recent.final_code.clone(),
        final_error_body: recent.final_error_body.clone(),
        bid_id: bid.map(|bid| bid.id.to_string()),
        bid_price: bid.map(|bid| BidPrice::new(bid.price, currency)),
        status: bid.map(|bid| bid.status.clone()),
        eval_score: bid.and_then(|bid| bid.score).map(|score| score.as_f64()),
        eval_breakdown: feedback.as_ref().map(render::breakdown).unwrap_or_default(),
        feedback,
    }
}

#[cfg(test)]
mod tests {
    use super::scores;
    use crate::testing::World;
    use gavel_domain::Ppm;
    use serde_json::json;

    #[test]
    fn a_mean_has_no_noise_behind_its_digits() {
        let mean = |ring: &[u32]| scores(&ring.iter().map(|score| Ppm::new(*score)).collect::<Vec<_>>()).mean;
        assert_eq!(mean(&[100_000, 200_000, 300_000]).to_string(), "0.2");
        assert_eq!(mean(&[333_333, 333_333, 333_334]).to_string(), "0.333333");
    }

    #[tokio::test]
    async fn outcomes_scores_and_the_judges_word() {
        let world = World::new().await;
        let task = world.in_review().await;
        let path = format!("/api/v1/developers/agents/{}/stats", world.agent_id("one").await);
        let answer = world.get(world.developer(), &path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let totals = &answer.body["totals"];
        assert_eq!(
            (&totals["invitations"], &totals["bids"], &totals["wins"]),
            (&json!(1), &json!(1), &json!(0))
        );
        assert_eq!(totals["outcomes"], json!({ "valid": 1 }));
        assert_eq!(totals["win_rate"], 0.0);
        assert_eq!(
            answer.body["scores"]["content-writing"],
            json!({ "mean": 0.9, "count": 1, "latest": [0.9] })
        );
        let recent = &answer.body["recent_bids"][0];
        assert_eq!((&recent["task_id"], &recent["eval_score"]), (&json!(task), &json!(0.9)));
        assert_eq!(recent["eval_breakdown"], json!({ "originality": 0.9 }));
        assert_eq!(recent["bid_price_usd"], 22.0);
    }

    #[tokio::test]
    async fn final_calls_are_told_apart() {
        let world = World::new().await;
        let _ = world.delivered().await;
        let path = format!("/api/v1/developers/agents/{}/stats", world.agent_id("one").await);
        let answer = world.get(world.developer(), &path).await;
        assert_eq!(answer.body["totals"]["final_calls"], json!({ "ok": 1 }));
        assert_eq!(answer.body["recent_bids"][0]["final_code"], "ok");
    }

    #[tokio::test]
    async fn before_the_first_task_and_for_strangers() {
        let world = World::new().await;
        let path = format!("/api/v1/developers/agents/{}/stats", world.agent_id("resting").await);
        let answer = world.get(world.developer(), &path).await;
        assert_eq!((answer.status, &answer.body["totals"]["win_rate"]), (200, &json!(null)));
        assert_eq!(answer.body["recent_bids"], json!([]));
        assert_eq!(answer.body["health_report"]["status"], "unknown");
        let other = world.key("agent_manager", false, false).await;
        assert_eq!(world.get(&other, &path).await.status, 404);
    }
}
