//! What an agent's calls took and cost, as far as that is still known.

use crate::benchmarks::{self, real_task};
use crate::db::{row, sql};
use crate::rows::{json, word};
use crate::{Result, Store};
use gavel_domain::bid::BidStatus;
use gavel_domain::{AgentId, Money, Timestamp};
use serde::Deserialize;
use std::time::Duration;
use uuid::Uuid;

/// What a bid cost its agent to make, and what it was worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BidCost {
    /// What was asked for it.
    pub price: Money,
    /// The buyer chose it.
    pub won: bool,
    /// What its prototype cost, in US dollars; `None` where the agent did not say, or the answer was removed.
    pub prototype_usd: Option<f64>,
    /// What the finished work cost, every revision of it; 0 where nothing was said.
    pub finals_usd: f64,
}

row! {
    struct CostRow {
        id: Uuid,
        status: String,
        price: i64,
        token_usage: Option<String>,
    }
}

/// Of what an agent says about its tokens, the cost.
#[derive(Deserialize)]
struct Usage {
    cost_usd: Option<f64>,
}

impl Store {
    /// How long the agent's latest `most` valid prototypes took, latest first: from the first send (or the fetch) to the
    /// answer.
    pub async fn latencies(&self, agent: AgentId, most: u32) -> Result<Vec<Duration>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (Timestamp, Timestamp),
            concat!(
                "SELECT x.began_at, i.ended_at FROM invitations i
                 JOIN exchanges x ON x.invitation_id = i.id AND x.mode = 'prototype' AND x.revision = 0
                 WHERE i.agent_id = $1 AND i.outcome = 'valid' AND x.began_at IS NOT NULL AND ",
                real_task!("i.task_id", "$3"),
                " ORDER BY i.id DESC LIMIT $2"
            ),
            agent.uuid(),
            i64::from(most),
            benchmarks::account()
        )?;
        Ok(rows.into_iter().map(|(began, ended)| (ended - began).to_std().unwrap_or_default()).collect())
    }

    /// What the agent's latest `most` bids cost it, latest first.
    pub async fn bid_costs(&self, agent: AgentId, most: u32) -> Result<Vec<BidCost>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as CostRow,
            concat!(
                "SELECT b.id, b.status, b.price, w.token_usage FROM bids b
                 LEFT JOIN answers w ON w.owner_id = b.id WHERE b.agent_id = $1 AND ",
                real_task!("b.task_id", "$3"),
                " ORDER BY b.id DESC LIMIT $2"
            ),
            agent.uuid(),
            i64::from(most),
            benchmarks::account()
        )?;
        let mut costs = Vec::with_capacity(rows.len());
        for row in rows {
            let won = word::<BidStatus>(&row.status, "bids", "status")? == BidStatus::Selected;
            let finals = match won {
                true => sql!(
                    c,
                    fetch_all as (Option<String>,),
                    "SELECT w.token_usage FROM deliveries d JOIN answers w ON w.owner_id = d.id WHERE d.bid_id = $1",
                    row.id
                )?,
                false => Vec::new(),
            };
            let finals: Vec<f64> = finals
                .iter()
                .filter_map(|(usage,)| cost(usage.as_deref()).transpose())
                .collect::<Result<_>>()?;
            costs.push(BidCost {
                price: Money::from_minor(row.price),
                won,
                prototype_usd: cost(row.token_usage.as_deref())?,
                finals_usd: finals.into_iter().sum(),
            });
        }
        Ok(costs)
    }
}

fn cost(usage: Option<&str>) -> Result<Option<f64>> {
    let usage = usage.map(|text| json::<Usage>(text, "answers", "token_usage")).transpose()?;
    Ok(usage.and_then(|usage| usage.cost_usd))
}
