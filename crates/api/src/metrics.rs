//! Figures for whoever watches over us, as Prometheus reads them. No ids, no names: whoever reaches the port reads them.

use crate::{AppState, admin, problem::Problem};
use axum::extract::State;
use gavel_triage::{Census, alarm};
use http::header::CONTENT_TYPE;
use std::fmt::Write as _;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One figure.
struct Figure {
    name: &'static str,
    kind: &'static str,
    about: &'static str,
    value: u64,
}

/// Figures in Prometheus' text format
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, content_type = "text/plain", body = String),
        (status = 503, body = gavel_contract::rest::ProblemBody)))]
pub(crate) async fn metrics(
    State(state): State<AppState>,
) -> Result<([(http::HeaderName, &'static str); 1], String), Problem> {
    let set_aside = state.store.count_set_aside().await?;
    let backlog = state.store.webhook_backlog().await?;
    let waits = backlog.waits(state.now()).num_seconds().unsigned_abs();
    let gauge = |name, about, value| Figure { name, kind: "gauge", about, value };
    let gauges = [
        gauge("gavel_tasks_set_aside", "Tasks that wait for an operator", set_aside),
        gauge(
            "gavel_webhook_events_waiting",
            "Events that no process has taken up yet to tell them by webhook",
            backlog.events,
        ),
        gauge(
            "gavel_webhook_events_waiting_seconds",
            "How long the oldest of them waits; minutes: does any process run with the role hooks?",
            waits,
        ),
    ];
    let text = written(&figures(gauges, state.store.commits())) + &of_categories(&state).await?;
    Ok(([(CONTENT_TYPE, TEXT)], text))
}

/// The share of Top Performers per category, and whether it is an alarm; nothing of categories in which nobody has enough
/// scores.
async fn of_categories(state: &AppState) -> Result<String, Problem> {
    let counts = admin::alarms::counts(state).await?;
    let shares =
        counts.iter().filter_map(|(category, census)| Some((category, census, census.top_share_milli()?)));
    let share = |(category, _, milli): (&String, _, u32)| (category.clone(), f64::from(milli) / 1e3);
    let raised = |(category, census, _): (&String, &Census, _)| {
        (category.clone(), if alarm(census, &state.settings.alarms).is_some() { 1.0 } else { 0.0 })
    };
    let share_name = "gavel_triage_top_performer_share";
    let about = "The share of Top Performers among agents with enough scores that may be asked";
    let shown = by_category(share_name, about, shares.clone().map(share));
    let about = "1: that share is not as expected; see /api/v1/admin/triage/alarms";
    Ok(shown + &by_category("gavel_triage_alarm", about, shares.map(raised)))
}

fn by_category(name: &str, about: &str, values: impl Iterator<Item = (String, f64)>) -> String {
    values.fold(format!("# HELP {name} {about}\n# TYPE {name} gauge\n"), |mut text, (category, value)| {
        // Writing to a string never fails.
        let _ = writeln!(text, "{name}{{category=\"{category}\"}} {value}");
        text
    })
}

fn figures(gauges: impl IntoIterator<Item = Figure>, commits: Option<(u64, u64)>) -> Vec<Figure> {
    let mut figures = Vec::from_iter(gauges);
    // PostgreSQL counts its own.
    if let Some((commits, writes)) = commits {
        let counter = |name, about, value| Figure { name, kind: "counter", about, value };
        figures.push(counter("gavel_store_commits_total", "Commits that reached the disk", commits));
        figures.push(counter("gavel_store_writes_total", "Writes that were answered by them", writes));
    }
    figures
}

fn written(figures: &[Figure]) -> String {
    figures.iter().fold(String::new(), |mut text, Figure { name, kind, about, value }| {
        // Writing to a string never fails.
        let _ = writeln!(text, "# HELP {name} {about}\n# TYPE {name} {kind}\n{name} {value}");
        text
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use chrono::TimeDelta;
    use serde_json::json;

    #[tokio::test]
    async fn what_is_written_is_counted() {
        let world = World::new().await;
        let count = async |name: &str| {
            let text = world.get("", "/metrics").await.text;
            let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            line.and_then(|value| value.parse::<u64>().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
        };
        let before = count("gavel_store_writes_total").await;
        world.posted().await;
        assert!(count("gavel_store_writes_total").await > before);
        assert!(count("gavel_store_commits_total").await <= count("gavel_store_writes_total").await);
        assert_eq!(count("gavel_tasks_set_aside").await, 0);
    }

    #[tokio::test]
    async fn events_that_nobody_tells_are_counted() {
        let world = World::new().await;
        let endpoint = json!({ "url": "https://shop.example.com/hook" });
        assert_eq!(world.post(world.buyer(), "/api/v1/webhook-subscriptions", &endpoint).await.status, 201);
        let task = world.posted().await;
        let path = format!("/api/v1/tasks/{task}/cancel");
        assert_eq!(world.post(world.buyer(), &path, &json!({})).await.status, 200);
        world.clock.advance(TimeDelta::minutes(6));
        let text = world.get("", "/metrics").await.text;
        assert!(text.contains("\ngavel_webhook_events_waiting 1\n"), "{text}");
        assert!(text.contains("\ngavel_webhook_events_waiting_seconds 360\n"), "{text}");
        let ready = world.get("", "/readyz").await;
        assert_eq!((ready.status, &ready.body["webhooks_wait_seconds"]), (200, &json!(360)));
    }
}
