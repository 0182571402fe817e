//! An agent's numbers: how its invitations ended, how it was scored and why.

use super::{economics, seen, standing};
use crate::auth::{May, SeeAgents};
use crate::{AppState, extract::AgentPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{
    AgentStats, BidPrice, BoostLeft, CategoryScores, ProblemBody, RecentBidView, ReliabilityView, Totals,
};
use gavel_domain::agent::{Agent, Record};
use gavel_domain::invitation::Outcome;
use gavel_domain::{Currency, Ppm};
use gavel_store::candidates::{Facts, View};
use gavel_store::stats::{RecentInvitation, Stats};
use gavel_triage::Policy;

/// How many of the latest invitations are told.
const RECENT: i64 = 50;
/// Percentiles are of this many valid prototypes, the latest.
const LATENCIES: u32 = 200;
/// Costs and earnings are of this many bids, the latest.
const COSTED: u32 = 1000;

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
    let facts = facts(&state, &agent).await?;
    let (rules, now) = (state.candidates.rules(), state.now());
    let policy = rules.policy();
    let (currency, money) = (&state.settings.currency, &state.settings.money);
    let costs = state.store.bid_costs(id, COSTED).await?;
    let mut shown = state.store.standings_of(agent.developer, agent.test).await?;
    let shown = shown.remove(&id).unwrap_or_default();
    let declines = facts.first().map(|(_, facts)| facts.declines.as_slice()).unwrap_or_default();
    Ok(Json(AgentStats {
        badge: standing::badge(&shown, &record, &policy.ladder()),
        categories: facts
            .iter()
            .map(|(slug, facts)| (slug.clone(), standing::category(facts, rules.of(slug), now)))
            .collect(),
        reliability: ReliabilityView { ok: record.succeeded(), counted: record.counted() },
        real_tasks: record.real_tasks,
        boost: boost(&facts, &record, policy),
        latency_ms: economics::latency(state.store.latencies(id, LATENCIES).await?),
        economics: economics::economics(&costs, money, !agent.test, currency),
        declined_types: declines.iter().map(|decline| standing::declined(decline, policy)).collect(),
        agent_id: id.to_string(),
        slug: agent.slug,
        health_report: render::health(&agent.health),
        totals: totals(&stats, &record),
        scores: stats.scores.iter().map(|(slug, ring)| (slug.clone(), scores(ring))).collect(),
        recent_bids: stats.recent.iter().map(|recent| view(recent, currency)).collect(),
    }))
}

/// What triage knows of the agent, per category that it declares.
async fn facts(state: &AppState, agent: &Agent) -> Result<Vec<(String, Facts)>, Problem> {
    let policy = state.candidates.rules().policy();
    let mut all = Vec::new();
    for category in &agent.capabilities {
        let view = View {
            category,
            test: agent.test,
            newcomer_tasks: policy.newcomer_tasks,
            boosted_since: state.now() - gavel_candidates::BOOST_WINDOW,
        };
        all.extend(state.store.facts_of(agent.id, view).await?.map(|facts| (category.clone(), facts)));
    }
    Ok(all)
}

fn boost(facts: &[(String, Facts)], record: &Record, policy: &Policy) -> BoostLeft {
    let tasks_left = policy.newcomer_tasks.saturating_sub(record.real_tasks);
    let used = facts.first().map_or(0, |(_, facts)| facts.boosted_lately);
    let account_calls_left = (tasks_left > 0).then(|| policy.account_boosts_max.saturating_sub(used));
    let factor = if account_calls_left.is_some_and(|left| left > 0) { policy.newcomer_boost } else { 1 };
    BoostLeft { factor, tasks_left, account_calls_left }
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
    use crate::testing::{World, came_back};
    use gavel_domain::Ppm;
    use gavel_domain::invitation::Outcome;
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
    async fn where_it_stands_and_what_is_missing() {
        let world = World::new().await;
        let _ = world.in_review().await;
        let path = format!("/api/v1/developers/agents/{}/stats", world.agent_id("one").await);
        let stats = world.get(world.developer(), &path).await.body;
        let standing = &stats["categories"]["content-writing"];
        assert_eq!((&standing["tier"], &standing["trend"]), (&json!("new_challenger"), &json!("unknown")));
        let rolling = json!({ "term": "rolling", "value": 0.9, "weight_percent": 40, "adds": 0.36 });
        assert_eq!(standing["terms"][0], rolling);
        let adds = standing["terms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|term| term["adds"].as_f64().unwrap())
            .sum::<f64>();
        assert!((adds - standing["composite"].as_f64().unwrap()).abs() < 2e-6, "{standing:#}");
        let missing = json!({ "what": "real_tasks", "have": 1.0, "need": 10.0,
            "words": "9 more real tasks: it has had 1 of 10." });
        assert_eq!(standing["next_tiers"], json!([{ "tier": "challenger", "missing": [missing] }]));
        assert_eq!(standing["win_rate"], json!({ "wins": 0, "shown": 0, "share": null }));
        assert_eq!((&stats["badge"], &stats["real_tasks"]), (&json!("new_challenger"), &json!(1)));
        assert_eq!(stats["reliability"], json!({ "ok": 1, "counted": 1 }));
        assert_eq!(stats["boost"], json!({ "factor": 3, "tasks_left": 9, "account_calls_left": 30 }));
        assert_eq!((&stats["latency_ms"], &stats["declined_types"]), (&json!(null), &json!([])));
        assert_eq!(stats["economics"]["earned_usd"], 0.0);
    }

    #[tokio::test]
    async fn the_weight_is_the_one_of_the_draw() {
        let world = World::new().await;
        let _ = world.in_review().await;
        let path = format!("/api/v1/developers/agents/{}/stats", world.agent_id("two").await);
        let stands = world.get(world.developer(), &path).await.body["categories"]["content-writing"].clone();
        // Posted a second later: that is less than the hour in which recency changes.
        let task = world.posted().await;
        let task = world.state.store.task(task.parse().unwrap()).await.unwrap().unwrap();
        let decision = world.state.candidates.decide(&task, 1, world.state.now()).await.unwrap();
        let drawn = decision.record.chosen.iter().find(|chosen| chosen.slug == "two").unwrap();
        assert_eq!(stands["weight"], drawn.weighed.weight);
        assert_eq!(stands["composite"].as_f64(), Some(f64::from(drawn.weighed.composite) / 1e6));
    }

    #[tokio::test]
    async fn declined_types_rest_for_a_while() {
        let world = World::new().await;
        for _ in 0..3 {
            let asked = world.asked("one").await;
            world.came(&asked, Outcome::Declined, came_back(world.state.now(), 422, "declined")).await;
        }
        let path = format!("/api/v1/developers/agents/{}/stats", world.agent_id("one").await);
        let until = world.state.now() + chrono::TimeDelta::days(30);
        let declined = json!([{ "task_type": "blog-post", "in_a_row": 3, "until": until }]);
        assert_eq!(world.get(world.developer(), &path).await.body["declined_types"], declined);
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
