//! Does the ladder still tell the best agents from the others?

use crate::auth::{May, SeeEverything};
use crate::{AppState, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{CategoryAlarm, TriageAlarms};
use gavel_store::overview::TierCount;
use gavel_triage::{AlarmRules, Census, alarm};

/// The share of Top Performers per category, and an alarm where it is not as expected
#[utoipa::path(get, path = "/admin/triage/alarms", tag = "operators", responses((status = 200, body = TriageAlarms)))]
pub(crate) async fn alarms(
    State(state): State<AppState>,
    _: May<SeeEverything>,
) -> Result<Json<TriageAlarms>, Problem> {
    let rules = &state.settings.alarms;
    let counts = counts(&state).await?;
    Ok(Json(TriageAlarms {
        share_low: f64::from(rules.top_share_low_milli) / 1e3,
        share_high: f64::from(rules.top_share_high_milli) / 1e3,
        agents_min: rules.agents_min,
        categories: counts.into_iter().map(|(category, census)| view(category, &census, rules)).collect(),
    }))
}

/// How many agents stand where, by category.
pub(crate) async fn counts(state: &AppState) -> Result<Vec<(String, Census)>, Problem> {
    let scores_min = state.candidates.rules().policy().scores_min;
    let counts = state.store.tier_counts(scores_min).await?;
    let census = |TierCount { category, agents, scored, top }| (category, Census { agents, scored, top });
    Ok(counts.into_iter().map(census).collect())
}

fn view(category: String, census: &Census, rules: &AlarmRules) -> CategoryAlarm {
    let raised = alarm(census, rules);
    CategoryAlarm {
        category,
        agents: census.agents,
        scored: census.scored,
        top_performers: census.top,
        share: census.top_share_milli().map(|milli| f64::from(milli) / 1e3),
        alarm: raised.map(|alarm| alarm.name().to_owned()),
        advice: raised.map(|alarm| alarm.advice().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use gavel_triage::AlarmRules;
    use serde_json::{Value, json};
    use std::sync::Arc;

    const PATH: &str = "/api/v1/admin/triage/alarms";

    #[tokio::test]
    async fn quiet_while_too_few_have_scores() {
        let world = World::new().await;
        let _ = world.in_review().await;
        let answer = world.get(world.admin(), PATH).await;
        assert_eq!((&answer.body["share_low"], &answer.body["share_high"]), (&json!(0.02), &json!(0.06)));
        let expected = json!([{ "category": "content-writing", "agents": 3, "scored": 0, "top_performers": 0,
            "share": null, "alarm": null, "advice": null }]);
        assert_eq!(answer.body["categories"], expected);
        assert_eq!(world.get(world.developer(), PATH).await.status, 403);
        assert!(!world.get("", "/metrics").await.text.contains("gavel_triage_top_performer_share{"));
    }

    #[tokio::test]
    async fn an_alarm_is_told_there_and_in_the_figures() {
        let world = World::with(|state| {
            let mut settings = (*state.settings).clone();
            settings.alarms = AlarmRules { agents_min: 2, ..AlarmRules::default() };
            state.settings = Arc::new(settings);
        })
        .await;
        for _ in 0..10 {
            let _ = world.in_review().await; // one 0.9 and one 0.5; nobody chooses, so that nobody becomes a Top Performer
        }
        let category = world.get(world.admin(), PATH).await.body["categories"][0].clone();
        assert_eq!((&category["scored"], &category["share"]), (&json!(2), &json!(0.0)), "{category}");
        assert_eq!(category["alarm"], "too_few_top_performers");
        assert_ne!(category["advice"], Value::Null);
        let figures = world.get("", "/metrics").await.text;
        assert!(
            figures.contains("\ngavel_triage_top_performer_share{category=\"content-writing\"} 0\n"),
            "{figures}"
        );
        assert!(figures.contains("\ngavel_triage_alarm{category=\"content-writing\"} 1\n"), "{figures}");
    }
}
