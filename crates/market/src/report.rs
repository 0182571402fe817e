//! What came out: figures for each policy, and what the design claims.

use crate::tally::Figures;
use crate::{Contestant, Estimate, Kind, Plan};
use serde::Serialize;
use std::collections::BTreeMap;

/// What came out of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The plan.
    pub plan: Plan,
    /// A row for each policy, in its order.
    pub policies: Vec<Row>,
    /// What the design rests on, as far as the plan has the policies for it.
    pub claims: Vec<Claim>,
    /// What nobody should overlook.
    pub alarm: Option<String>,
}

/// A policy's figures over all markets. Absent where too few markets had anything to count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The policy.
    pub policy: Contestant,
    /// A thousand times the utility lost per task, against an oracle that knows all agents and asks five.
    pub regret: Option<Estimate>,
    /// Tasks for which good work was bought, in percent.
    pub good_percent: Option<Estimate>,
    /// Agents asked per task.
    pub calls: Option<Estimate>,
    /// What buyers gain per task, less what the calls cost, in whole units of money.
    pub net_per_task: Option<Estimate>,
    /// How unequally agents are called: 0 all alike, 1 one alone.
    pub exposure_gini: Option<Estimate>,
    /// Agents called at less than a tenth of the mean rate, in percent.
    pub starved_percent: Option<Estimate>,
    /// Of the agents that are no newcomers, those that hold the highest tier, in percent.
    pub top_performers_percent: Option<Estimate>,
    /// Eligible tasks until a great newcomer has had ten calls, the middle one of them; one that never had them counts
    /// with all its tasks.
    pub newcomer_found_tasks: Option<Estimate>,
    /// The share of its eligible tasks 51 to 300 that a great newcomer is called for, in percent.
    pub newcomer_share_percent: Option<Estimate>,
    /// Calls of each kind of agent against what turns would give it: 1 is its fair share.
    pub exposure: BTreeMap<Kind, Estimate>,
}

/// A claim about regrets, tested market by market.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Claim {
    /// The claim.
    pub says: String,
    /// By how much: the left side less the right one.
    pub margin: Estimate,
    /// Whether the margin is above zero with its whole interval.
    pub holds: bool,
}

impl Report {
    /// From the figures of every market, each in the order of the plan's policies.
    pub(crate) fn of(plan: &Plan, markets: &[Vec<Figures>]) -> Report {
        let rows = plan.policies.iter().enumerate().map(|(at, policy)| {
            let figures: Vec<&Figures> = markets.iter().filter_map(|market| market.get(at)).collect();
            Row::of(*policy, &figures)
        });
        let policies: Vec<Row> = rows.collect();
        Report { plan: plan.clone(), alarm: alarm(&policies), policies, claims: claims(plan, markets) }
    }
}

impl Row {
    fn of(policy: Contestant, figures: &[&Figures]) -> Row {
        let over = |of: &dyn Fn(&Figures) -> Option<f64>| {
            let values: Vec<f64> = figures.iter().filter_map(|f| of(f)).collect();
            Estimate::of(&values)
        };
        let exposure = Kind::CHEATS
            .into_iter()
            .chain([Kind::Honest])
            .filter_map(|kind| Some((kind, over(&|f| f.exposure.get(&kind).copied())?)));
        Row {
            policy,
            regret: over(&|f| Some(f.regret)),
            good_percent: over(&|f| Some(f.good_percent)),
            calls: over(&|f| Some(f.calls)),
            net_per_task: over(&|f| Some(f.net_per_task)),
            exposure_gini: over(&|f| Some(f.exposure_gini)),
            starved_percent: over(&|f| Some(f.starved_percent)),
            top_performers_percent: over(&|f| Some(f.top_performers_percent)),
            newcomer_found_tasks: over(&|f| f.newcomer_found_tasks),
            newcomer_share_percent: over(&|f| f.newcomer_share_percent),
            exposure: exposure.collect(),
        }
    }
}

/// The share of Top Performers, in percent, that the thresholds of the tiers were made for.
const TOP_PERFORMERS_EXPECTED: std::ops::RangeInclusive<f64> = 2.0..=6.0;

/// Thresholds are absolute: with another judge the highest tier empties or fills, and lanes mean nothing any more.
fn alarm(rows: &[Row]) -> Option<String> {
    let v1 = rows.iter().find(|row| row.policy == Contestant::V1)?;
    let share = v1.top_performers_percent?.mean;
    let (least, most) = (TOP_PERFORMERS_EXPECTED.start(), TOP_PERFORMERS_EXPECTED.end());
    let unexpected = !TOP_PERFORMERS_EXPECTED.contains(&share);
    unexpected.then(|| {
        format!("{share:.1} % of agents are Top Performers under v1; its tiers are made for {least:.0} to {most:.0} %")
    })
}

/// What the design rests on: the left policy's regret is at least so many times the right one's.
const CLAIMS: [(Contestant, f64, Contestant); 3] = [
    (Contestant::Uniform, 3.0, Contestant::V1),
    (Contestant::V1, 2.0, Contestant::ThompsonChoices),
    (Contestant::V1WithoutLanes, 0.8, Contestant::Uniform),
];

fn claims(plan: &Plan, markets: &[Vec<Figures>]) -> Vec<Claim> {
    let regrets = |policy: Contestant| -> Option<Vec<f64>> {
        let at = plan.policies.iter().position(|p| *p == policy)?;
        markets.iter().map(|market| Some(market.get(at)?.regret)).collect()
    };
    let claim = |(more, times, less): (Contestant, f64, Contestant)| {
        let (left, right) = (regrets(more)?, regrets(less)?);
        let margins: Vec<f64> = left.iter().zip(&right).map(|(l, r)| l - times * r).collect();
        let margin = Estimate::of(&margins)?;
        let says = format!("regret({}) >= {times} x regret({})", more.name(), less.name());
        Some(Claim { says, holds: margin.least() > 0.0, margin })
    };
    CLAIMS.into_iter().filter_map(claim).collect()
}
