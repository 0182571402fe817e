//! Agents in this process, and their registration with the Gavel that is measured.

use crate::place::Server;
use anyhow::Context as _;
use gavel::client::Client;
use gavel_agentfarm::{AgentSpec, Behaviour, Farm};
use serde_json::json;

/// What agents and tasks are about.
pub const CATEGORY: &str = "content-writing";
/// Calls at once an agent declares: more than any measurement opens, so that none is left out as busy.
const CONCURRENCY: u32 = 1_000;

/// Starts so many agents and registers them, by turns under the developers.
///
/// # Errors
/// When a port cannot be opened or the API refuses.
pub async fn start(server: &Server, behaviour: &Behaviour, agents: usize) -> anyhow::Result<Farm> {
    let spec = |number| AgentSpec::new(format!("agent-{number}"), behaviour.clone());
    let farm = Farm::start((1..=agents).map(spec).collect()).await.context("the agents cannot be started")?;
    for (n, developer) in server.developers.iter().enumerate().take(agents) {
        developer.post("/developers/register", &json!({ "name": format!("developer {n}") })).await?;
    }
    for (agent, developer) in farm.agents().zip(server.developers.iter().cycle()) {
        register(developer, &agent.spec().slug, &agent.url()).await?;
    }
    Ok(farm)
}

/// The same constant bid from every agent, after so many milliseconds.
pub fn echo(latency_ms: u64) -> Behaviour {
    Behaviour::Echo { latency_ms }
}

/// Calls that all agents were sent so far.
pub fn calls(farm: &Farm) -> u64 {
    farm.agents().map(|agent| agent.calls()).sum()
}

/// Calls that all agents work on now.
pub fn under_way(farm: &Farm) -> usize {
    farm.agents().map(|agent| agent.under_way()).sum()
}

async fn register(developer: &Client, slug: &str, url: &str) -> anyhow::Result<()> {
    let card = json!({
        "name": slug, "slug": slug, "capabilities": [CATEGORY], "endpoint_url": url, "max_concurrency": CONCURRENCY,
    });
    developer.post("/developers/agents", &card).await?;
    Ok(())
}
