//! One agent.

use super::seen;
use crate::auth::{May, SeeAgents};
use crate::{AppState, extract::AgentPath, problem::Problem, render, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{AgentResponse, ProblemBody};

/// One of your agents
#[utoipa::path(get, path = "/developers/agents/{agent_id}", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid)),
    responses((status = 200, body = AgentResponse), (status = 404, body = ProblemBody)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
    AgentPath(id): AgentPath,
) -> Result<Json<AgentResponse>, Problem> {
    let (agent, record) = seen(&state, &caller, id).await?;
    Ok(Json(render::agent(&agent, &record, &state.settings.currency)))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use chrono::TimeDelta;
    use gavel_domain::health::{Finding, Report, Rules};
    use gavel_store::health::ProbeTimes;
    use serde_json::json;

    /// Every agent of the world that is probed is found so; what the rules say is stored.
    async fn probed(world: &World, rules: &Rules, finding: &Finding) {
        let now = world.state.now();
        let times = ProbeTimes {
            now,
            lost_at: now + TimeDelta::seconds(10),
            unwatched_since: now - TimeDelta::days(1),
        };
        for probe in world.state.store.claim_probes(times, 10).await.unwrap() {
            let judge =
                |before| rules.judge(before, finding.clone(), &probe.registered, now, &*world.state.chance);
            let _ = world.state.store.record_probe(&probe, judge).await.unwrap();
        }
    }

    #[tokio::test]
    async fn how_it_is_doing_is_told_with_the_reason() {
        let world = World::new().await;
        let path = format!("/api/v1/developers/agents/{}", world.agent_id("one").await);
        let report = async || world.get(world.developer(), &path).await.body["health_report"].clone();
        let nothing = json!({ "status": "unknown", "fails": 0, "probed_at": null, "problem": null,
            "failing_since": null, "version": null, "drift": null });
        assert_eq!(report().await, nothing);

        let says =
            Report { version: Some("2.1".to_owned()), agent: Some("two".to_owned()), capabilities: None };
        probed(&world, &Rules::default(), &Finding::Well(says)).await;
        let well = report().await;
        assert_eq!((&well["status"], &well["version"]), (&json!("passing"), &json!("2.1")));
        assert_eq!(well["drift"], "it calls itself \"two\", is registered as \"one\"");
        assert_eq!(well["probed_at"], json!(world.state.now()));

        world.clock.advance(TimeDelta::seconds(90));
        probed(&world, &Rules::default(), &Finding::Failing("answered 500".to_owned())).await;
        let agent = world.get(world.developer(), &path).await.body;
        assert_eq!((&agent["health"], &agent["health_report"]["fails"]), (&json!("failing"), &json!(1)));
        assert_eq!(agent["health_report"]["problem"], "answered 500");
        assert_eq!(agent["health_report"]["failing_since"], json!(world.state.now()));
        assert_eq!(agent["health_report"]["version"], "2.1", "as it last said");
    }

    #[tokio::test]
    async fn a_hidden_agent_says_why_and_is_not_its_developers_to_show() {
        let world = World::new().await;
        let path = format!("/api/v1/developers/agents/{}", world.agent_id("one").await);
        let strict = Rules { fails_max: 1, hide_after: Some(TimeDelta::zero()), ..Rules::default() };
        let failing = Finding::Failing("answered 500".to_owned());
        probed(&world, &strict, &failing).await;
        let hidden = world.get(world.developer(), &path).await.body;
        assert_eq!(hidden["visibility"], "hidden");
        let reason = hidden["health_report"]["problem"].as_str().unwrap();
        assert!(
            reason.contains("an operator can move it back") && reason.contains("answered 500"),
            "{reason}"
        );
        let refused = world.patch(world.developer(), &path, &json!({ "visibility": "live" })).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &json!("visibility")));
        let renamed = world.patch(world.developer(), &path, &json!({ "name": "One" })).await;
        assert_eq!((renamed.status, &renamed.body["visibility"]), (200, &json!("hidden")));
    }

    #[tokio::test]
    async fn for_its_developer_and_operators() {
        let world = World::new().await;
        let path = format!("/api/v1/developers/agents/{}", world.agent_id("one").await);
        assert_eq!(world.get(world.developer(), &path).await.body["slug"], "one");
        assert_eq!(world.get(world.admin(), &path).await.status, 200);
        let other = world.key("agent_manager", false, false).await;
        assert_eq!(world.get(&other, &path).await.status, 404);
        assert_eq!(world.get(world.buyer(), &path).await.status, 403);
        assert_eq!(world.get(world.developer(), "/api/v1/developers/agents/one").await.status, 422);
    }
}
