//! What an agent's work takes, costs and earns.

use crate::render;
use gavel_contract::rest::{Earned, Economics, LatencyView, Margin};
use gavel_domain::policy::{MoneyMode, MoneyPolicy};
use gavel_domain::{Currency, Money};
use gavel_store::figures::BidCost;
use std::time::Duration;

/// How long the valid prototypes took; `None` where there are none.
pub(super) fn latency(mut latencies: Vec<Duration>) -> Option<LatencyView> {
    latencies.sort_unstable();
    let count = latencies.len();
    // The least that so many percent of them do not exceed.
    let at = |percent: usize| latencies.get((count * percent).div_ceil(100).saturating_sub(1));
    let ms = |percent| at(percent).map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX));
    Some(LatencyView { count, p50: ms(50)?, p90: ms(90)?, p99: ms(99)? })
}

/// What the bids cost, and what those that won earned. `paid`: money moves for them.
pub(super) fn economics(bids: &[BidCost], money: &MoneyPolicy, paid: bool, currency: &Currency) -> Economics {
    let told: Vec<f64> = bids.iter().filter_map(|bid| bid.prototype_usd).collect();
    let prototypes: f64 = told.iter().sum();
    let cost = prototypes + bids.iter().map(|bid| bid.finals_usd).sum::<f64>();
    let earned = (paid && money.mode != MoneyMode::Off).then(|| earned(bids, money)).flatten();
    let comparable = !told.is_empty() && currency.code() == "USD";
    let margin = earned.filter(|_| comparable).and_then(|earned| earned.checked_sub(cents(cost)));
    Economics {
        bids_told: told.len(),
        cost_usd: render::rounded(cost),
        cost_per_bid_usd: (!told.is_empty()).then(|| render::rounded(prototypes / told.len() as f64)),
        earned: earned.map(|earned| Earned::new(earned, currency)),
        margin: margin.map(|margin| Margin::new(margin, currency)),
    }
}

fn earned(bids: &[BidCost], money: &MoneyPolicy) -> Option<Money> {
    let won = bids.iter().filter(|bid| bid.won);
    Money::checked_sum(won.filter_map(|bid| bid.price.split(money.fee)).map(|split| split.payout))
}

/// Agents tell costs in fractions of a cent; what they come to is rounded once.
fn cents(usd: f64) -> Money {
    Money::from_minor((usd * 100.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::settings;
    use serde_json::json;

    #[test]
    fn percentiles() {
        let of = |ms: &[u64]| latency(ms.iter().copied().map(Duration::from_millis).collect());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some(LatencyView { count: 1, p50: 7, p90: 7, p99: 7 }));
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), Some(LatencyView { count: 100, p50: 50, p90: 90, p99: 99 }));
        assert_eq!(of(&[1, 2, 3]), Some(LatencyView { count: 3, p50: 2, p90: 3, p99: 3 }));
    }

    #[test]
    fn costs_and_margins() {
        let bid = |won, prototype_usd, finals_usd| BidCost {
            price: Money::from_minor(2200),
            won,
            prototype_usd,
            finals_usd,
        };
        let bids = [bid(true, Some(0.5), 1.25), bid(false, Some(0.25), 0.0), bid(false, None, 0.0)];
        let of = |bids: &[BidCost], paid, code: &str| {
            let economics = economics(bids, &settings().money, paid, &Currency::new(code).unwrap());
            serde_json::to_value(economics).unwrap()
        };
        let cost = json!({ "bids_told": 2, "cost_usd": 2.0, "cost_per_bid_usd": 0.375 });
        let with = |more: &[(&str, f64)]| {
            let mut all = cost.clone();
            more.iter().for_each(|(name, value)| all[*name] = json!(value));
            all
        };
        assert_eq!(of(&bids, true, "USD"), with(&[("earned_usd", 18.7), ("margin_usd", 16.7)]), "85 % of 22");
        assert_eq!(of(&bids, true, "AUD"), with(&[("earned_aud", 18.7)]), "costs are told in dollars");
        assert_eq!(of(&bids, false, "USD"), cost, "a test agent earns nothing");
        let unknown = json!({ "bids_told": 0, "cost_usd": 0.0, "cost_per_bid_usd": null, "earned_usd": 0.0 });
        assert_eq!(of(&[], true, "USD"), unknown);
    }
}
