//! A Gavel with its agents and its buyer.

use crate::agents::{Agents, Door};
use crate::buyer::CATEGORY;
use crate::client::Client;
use crate::place::{Place, Server};
use crate::process::{cpu_of_process, resident_bytes};
use serde_json::json;
use std::time::Duration;

/// Calls at once an agent declares: more than any workload opens, so that none is left out as busy.
const CONCURRENCY: u32 = 1_000;
/// Agents of one developer are not asked for the same task where others are free; so many developers are enough.
const DEVELOPERS_MAX: usize = 8;
/// The counter of commits in the server's metrics.
const COMMITS: &str = "gavel_store_commits_total";

/// A server with a key for its buyer.
pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) server: Server,
    /// A caller who may post tasks.
    pub(crate) buyer: Client,
    key: String,
}

impl Stage {
    /// Starts a server at this place and registers these agents, by turns under several developers.
    pub(crate) async fn set(place: Place, agents: &[Door]) -> anyhow::Result<Stage> {
        let key = place.key("task_poster", "buyer")?;
        let developers: Vec<String> = (1..=agents.len().min(DEVELOPERS_MAX))
            .map(|number| place.key("agent_manager", &format!("developer {number}")))
            .collect::<anyhow::Result<_>>()?;
        let server = place.serve().await?;
        let developers: Vec<Client> =
            developers.iter().map(|key| Client::new(&server.base_url, key)).collect();
        for developer in &developers {
            developer.post("/developers/register", &json!({ "name": "A developer" })).await?;
        }
        for (door, developer) in agents.iter().zip(developers.iter().cycle()) {
            register(developer, door).await?;
        }
        let buyer = Client::new(&server.base_url, &key);
        Ok(Stage { place, server, buyer, key })
    }

    /// The same with the constant agents of a process.
    pub(crate) async fn of(place: Place, agents: &Agents) -> anyhow::Result<Stage> {
        Stage::set(place, &agents.doors).await
    }

    /// Kills the server and starts it again.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.server.kill();
        self.server = self.place.serve().await?;
        self.buyer = Client::new(&self.server.base_url, &self.key);
        Ok(())
    }

    /// The buyer's key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Memory that the server has in use.
    pub(crate) fn resident(&self) -> Option<u64> {
        resident_bytes(self.server.pid())
    }

    /// Processor time that the server has used.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        cpu_of_process(self.server.pid())
    }

    /// Commits the server has made so far, where it counts them.
    pub(crate) async fn commits(&self) -> Option<u64> {
        let (status, text) = self.buyer.page("/metrics").await.ok()?;
        (status == 200).then(|| counter(&text, COMMITS)).flatten()
    }
}

async fn register(developer: &Client, Door { slug, url }: &Door) -> anyhow::Result<()> {
    let card = json!({
        "name": slug, "slug": slug, "capabilities": [CATEGORY], "endpoint_url": url, "max_concurrency": CONCURRENCY,
    });
    developer.post("/developers/agents", &card).await?;
    Ok(())
}

/// A counter in Prometheus' text format; where it has labels, all of them together.
fn counter(text: &str, name: &str) -> Option<u64> {
    let behind = text.lines().filter_map(|line| line.strip_prefix(name));
    let ours = behind.filter(|rest| rest.starts_with([' ', '{']));
    let values: Vec<f64> =
        ours.filter_map(|rest| rest.split_whitespace().next_back()?.parse().ok()).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_found_among_other_metrics() {
        let text = "# TYPE gavel_store_commits_total counter\ngavel_store_commits_total 42\nother 1\n";
        assert_eq!(counter(text, COMMITS), Some(42));
        let labelled =
            "gavel_store_commits_total{kind=\"group\"} 40\ngavel_store_commits_total{kind=\"one\"} 2\n";
        assert_eq!(counter(labelled, COMMITS), Some(42));
        assert_eq!(counter("gavel_store_commits_total_seconds 3\n", COMMITS), None);
    }
}
