//! `gavel agents`: what only an operator sees of all agents, and does to one.

use super::existing;
use crate::args::{ListAgentsArgs, UnhideArgs, VisibilityArgs};
use crate::{Failure, output};
use gavel_domain::Clock;
use gavel_domain::agent::Visibility;
use gavel_domain::clock::SystemClock;
use gavel_domain::ladder::Tier;
use gavel_store::overview::ListedAgent;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) async fn list(args: &ListAgentsArgs) -> Result<(), Failure> {
    let (_, store) = existing(&args.place).await?;
    let agents = store.list_agents(args.account.as_deref()).await?;
    store.close().await;
    if args.json {
        output::json(&json!({ "agents": agents.iter().map(document).collect::<Vec<_>>() }));
    } else if agents.is_empty() {
        output::line("There are no such agents.");
    } else {
        agents.iter().for_each(|agent| output::line(&one_line(agent)));
    }
    Ok(())
}

pub(super) async fn unhide(args: &UnhideArgs) -> Result<(), Failure> {
    let (_, store) = existing(&args.place).await?;
    let unhidden = store.unhide(&args.slug, SystemClock.now()).await?;
    store.close().await;
    if !unhidden {
        return Err(Failure::Usage(format!("there is no hidden agent {:?}", args.slug)));
    }
    if args.json {
        output::json(&json!({ "slug": args.slug, "visibility": "live" }));
    } else {
        output::line(&format!(
            "{} is live again; once it is active, it is asked as soon as a probe passes.",
            args.slug
        ));
    }
    Ok(())
}

pub(super) async fn visibility(args: &VisibilityArgs) -> Result<(), Failure> {
    let VisibilityArgs { slug, visibility, reason, .. } = args;
    let (_, store) = existing(&args.place).await?;
    let before = store.set_visibility((slug, None), *visibility, reason, SystemClock.now()).await?;
    store.close().await;
    let Some(before) = before else { return Err(Failure::Usage(format!("there is no agent {slug:?}"))) };
    let (before, after) = (before.name(), visibility.name());
    if args.json {
        output::json(&json!({ "slug": slug, "before": before, "visibility": after }));
    } else {
        let asked = match visibility {
            Visibility::Live | Visibility::Beta => "once it is active, it is asked while its probes pass",
            Visibility::ComingSoon | Visibility::Draft | Visibility::Hidden => "it is not asked any more",
        };
        output::line(&format!("{slug} is {after} (it was {before}); {asked}."));
    }
    Ok(())
}

fn document(agent: &ListedAgent) -> Value {
    json!({
        "id": agent.id.to_string(),
        "slug": agent.slug,
        "account": agent.account,
        "developer": agent.developer,
        "test": agent.test,
        "active": agent.active,
        "unproven_categories": agent.unproven,
        "visibility": agent.visibility.name(),
        "paused": agent.paused,
        "health": agent.health,
        "categories": agent.categories,
        "tiers": agent.tiers.iter().map(|(category, tier)| (category.clone(), json!(tier.name()))).collect::<Value>(),
        "endpoint_url": agent.endpoint,
    })
}

/// `01a2...  tea-writer  draft, not active, unproven in 2, paused, failing, test  marketing: challenger  ada  https://...`
fn one_line(agent: &ListedAgent) -> String {
    let unproven = format!("unproven in {}", agent.unproven);
    let marks = [
        (true, agent.visibility.name()),
        (!agent.active, "not active"),
        (agent.unproven > 0, &unproven),
        (agent.paused, "paused"),
        (true, &agent.health),
        (agent.test, "test"),
    ];
    let marks: Vec<&str> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    let (marks, tiers) = (marks.join(", "), tiers(&agent.tiers));
    format!("{}  {}  {marks}  {tiers}  {}  {}", agent.id, agent.slug, agent.account, agent.endpoint)
}

/// `content-writing: top_performer, marketing: challenger`; `-` of an agent that has shown nothing yet.
fn tiers(tiers: &BTreeMap<String, Tier>) -> String {
    let told: Vec<String> =
        tiers.iter().map(|(category, tier)| format!("{category}: {}", tier.name())).collect();
    if told.is_empty() { "-".to_owned() } else { told.join(", ") }
}
