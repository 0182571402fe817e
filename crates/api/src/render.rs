//! From our words to the shapes of the REST contract.

use crate::state::ApiSettings;
use gavel_contract::rest::{
    AgentResponse, ArtifactView, BidPrice, BidView, Budget, DeliveryView, DeveloperResponse, HealthReport,
    MinPrice, TaskEventView, TaskResponse,
};
use gavel_domain::account::Developer;
use gavel_domain::agent::{Agent, Record};
use gavel_domain::bid::BidStatus;
use gavel_domain::delivery::Delivery;
use gavel_domain::event::Event;
use gavel_domain::health::Health;
use gavel_domain::invitation::{Artifact, Probe};
use gavel_domain::ladder::{Ladder, Tier};
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::Task;
use gavel_domain::{Currency, score::Dimension};
use gavel_store::gallery::GalleryBid;
use serde_json::{Map, Value};

pub(crate) fn task(task: &Task, currency: &Currency) -> TaskResponse {
    let brief = &task.brief;
    TaskResponse {
        id: task.id.to_string(),
        user_id: task.account.to_string(),
        title: brief.title.clone(),
        description: brief.description.clone(),
        category: brief.category.clone(),
        task_type: brief.task_type.clone(),
        requirements: brief.requirements.clone(),
        budget: Budget::new(task.budget, currency),
        compute_budget: None,
        status: task.state.name().to_owned(),
        status_reason: task.reason.clone(),
        experimentation: f64::from(task.wishes.experimentation_milli) / 1000.0,
        created_at: task.created_at,
        expires_at: task.expires_at,
        attachments: Some(brief.attachments.iter().map(|a| a.url.clone()).collect()),
        brand_kit_id: brief.brand_kit_id.map(|id| id.to_string()),
        prototype_tier: None,
        metadata: task.metadata.clone(),
        output_spec: brief.output_spec.clone(),
        round: task.round,
        under_supplied: task.under_supplied,
        test: task.test,
    }
}

pub(crate) fn bid(shown: &GalleryBid, settings: &ApiSettings) -> BidView {
    let bid = &shown.bid;
    let verdict = shown.verdict.as_deref().and_then(document);
    BidView {
        id: bid.id.to_string(),
        task_id: bid.task.to_string(),
        agent_id: bid.agent.to_string(),
        round: bid.round.to_string(),
        bid_price: BidPrice::new(bid.answer.price, &settings.currency),
        prototype_summary: bid.answer.summary.clone(),
        full_text: bid.answer.full_text.clone(),
        artifacts: artifacts(&bid.answer.artifacts),
        eval_score: bid.score.map(|score| score.as_f64()),
        eval_breakdown: verdict.as_ref().map(breakdown).unwrap_or_default(),
        verdict,
        presented: bid.presented,
        selected: bid.status == BidStatus::Selected,
        status: bid.status.name().to_owned(),
        created_at: bid.received_at,
        response_seconds: (bid.received_at - shown.invited_at).as_seconds_f64(),
        agent_name: shown.agent_name.clone(),
        agent_slug: shown.agent_slug.clone(),
        agent_tier: tier(shown, settings).name().to_owned(),
        agent_message: bid.answer.message.clone().unwrap_or_default(),
        texts_removed_at: shown.removed_at,
    }
}

/// As it is kept for the task's category.
fn tier(shown: &GalleryBid, settings: &ApiSettings) -> Tier {
    let ladder = Ladder { newcomer_tasks: settings.newcomer_tasks, ..Ladder::default() };
    shown.agent_tier.unwrap_or_else(|| Tier::without_history(shown.agent_real_tasks, &ladder))
}

fn artifacts(artifacts: &[Artifact]) -> Vec<ArtifactView> {
    let view = |a: &Artifact| ArtifactView {
        kind: a.kind.name().to_owned(),
        filename: a.filename.clone(),
        content: a.content.clone(),
    };
    artifacts.iter().map(view).collect()
}

/// A stored JSON document. One that cannot be read is logged and shown as absent.
pub(crate) fn document(text: &str) -> Option<Value> {
    let read = serde_json::from_str(text);
    if let Err(cause) = &read {
        tracing::error!(%cause, "a stored document is not JSON");
    }
    read.ok()
}

/// The value of each dimension of a verdict.
pub(crate) fn breakdown(verdict: &Value) -> Map<String, Value> {
    let value_of = |dimension: Dimension| {
        let value = &verdict["dimensions"][dimension.name()]["value"];
        value.is_number().then(|| (dimension.name().to_owned(), value.clone()))
    };
    Dimension::ALL.into_iter().filter_map(value_of).collect()
}

pub(crate) fn delivery(task: &Task, delivery: &Delivery, settings: &ApiSettings) -> DeliveryView {
    let answer = delivery.answer.as_ref();
    DeliveryView {
        id: delivery.id.to_string(),
        task_id: delivery.task.to_string(),
        bid_id: delivery.bid.to_string(),
        status: delivery.status.name().to_owned(),
        revision: delivery.revision,
        revisions_remaining: settings.timers.revisions_max.saturating_sub(delivery.revision),
        notes: delivery.notes.clone(),
        deadline_at: delivery.deadline_at,
        ready_at: delivery.ready_at,
        expires_at: task.expires_at.filter(|_| task.state == TaskState::Delivering),
        full_text: answer.map(|a| a.full_text.clone()),
        summary: answer.map(|a| a.summary.clone()),
        agent_message: answer.and_then(|a| a.message.clone()),
        artifacts: answer.map(|a| artifacts(&a.artifacts)).unwrap_or_default(),
        metadata: task.metadata.clone(),
    }
}

pub(crate) fn event(event: &Event) -> TaskEventView {
    TaskEventView {
        task_id: event.task.to_string(),
        seq: event.seq,
        kind: event.kind.name().to_owned(),
        from: event.from.map(|state| state.name().to_owned()),
        to: event.to.map(|state| state.name().to_owned()),
        actor: event.actor.name().to_owned(),
        reason: event.reason.clone(),
        at: event.at,
        data: event.data.clone(),
    }
}

pub(crate) fn developer(developer: &Developer, agents: usize) -> DeveloperResponse {
    DeveloperResponse {
        id: developer.id.to_string(),
        user_id: developer.account.to_string(),
        name: developer.name.clone(),
        created_at: developer.created_at,
        agents,
    }
}

pub(crate) fn agent(agent: &Agent, record: &Record, currency: &Currency) -> AgentResponse {
    AgentResponse {
        id: agent.id.to_string(),
        name: agent.name.clone(),
        slug: agent.slug.clone(),
        description: agent.description.clone(),
        capabilities: agent.capabilities.clone(),
        specialist_task_types: agent.specialist_task_types.clone(),
        framework: agent.framework.clone(),
        model: agent.model.clone(),
        endpoint_url: (!agent.endpoint_url.is_empty()).then(|| agent.endpoint_url.clone()),
        execution_mode: agent.execution_mode.name().to_owned(),
        max_concurrency: agent.max_concurrency,
        min_price: MinPrice::new(agent.min_price, currency),
        is_active: agent.active,
        visibility: agent.visibility.name().to_owned(),
        paused: agent.paused,
        health: probe(agent.health.last_probe).to_owned(),
        health_report: health(&agent.health),
        real_tasks: record.real_tasks,
        reliability: reliability(record),
        test: agent.test,
        created_at: agent.created_at,
        activated_at: agent.activated_at,
    }
}

pub(crate) fn health(health: &Health) -> HealthReport {
    HealthReport {
        status: probe(health.last_probe).to_owned(),
        fails: health.fails,
        probed_at: health.probed_at,
        problem: health.problem.clone(),
        failing_since: health.failing_since,
        version: health.version.clone(),
        drift: health.drift.clone(),
    }
}

/// Of the last dispatches that count, the share that succeeded.
pub(crate) fn reliability(record: &Record) -> Option<f64> {
    (record.counted() > 0).then(|| rounded(f64::from(record.succeeded()) / f64::from(record.counted())))
}

/// To six digits behind the point, as exact as scores are: what would follow is noise of the division.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6 + 0.0 // a sum of nothing is -0.0
}

fn probe(probe: Probe) -> &'static str {
    match probe {
        Probe::Passing => "passing",
        Probe::Failing => "failing",
        Probe::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_has_no_sign() {
        let told = |value| rounded(value).to_string();
        assert_eq!(told([0.0_f64; 0].iter().sum()), "0");
        assert_eq!((told(-0.000_000_1), told(-0.25)), ("0".to_owned(), "-0.25".to_owned()));
    }

    #[test]
    fn breakdowns() {
        let check =
            |verdict: Value, expected: Value| assert_eq!(Value::Object(breakdown(&verdict)), expected);
        check(
            json!({ "dimensions": { "output_quality": { "value": 0.7, "evidence": [] }, "other": { "value": 1 } } }),
            json!({ "output_quality": 0.7 }),
        );
        check(json!({ "dimensions": { "originality": { "value": null } } }), json!({}));
        check(json!({}), json!({}));
        check(json!(7), json!({}));
    }
}
