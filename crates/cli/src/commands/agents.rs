//! `gavel agents`: what only an operator sees of all agents, and does to one.

use super::existing;
use crate::args::{ListAgentsArgs, UnhideArgs};
use crate::{Failure, output};
use gavel_domain::Clock;
use gavel_domain::clock::SystemClock;
use gavel_store::overview::ListedAgent;
use serde_json::{Value, json};

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
        output::line(&format!("{} is live again; it is asked as soon as a probe passes.", args.slug));
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
        "endpoint_url": agent.endpoint,
    })
}

/// `01a2...  tea-writer  draft, not active, unproven in 2, paused, failing, test  ada  https://...`
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
    format!("{}  {}  {}  {}  {}", agent.id, agent.slug, marks.join(", "), agent.account, agent.endpoint)
}
