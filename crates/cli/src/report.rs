//! What a person reads when the prototypes are in: the ranking with its reasons, the delivery, the balances.

use crate::output::{clipped, line};
use anyhow::Context as _;
use gavel_domain::Currency;
use gavel_store::Store;
use serde_json::{Value, json};

/// Pieces of evidence shown per bid.
const EVIDENCE_SHOWN: usize = 3;
/// Width of a piece of text.
const WIDTH: usize = 96;

/// Prints the bids, best first, with what their scores rest on, then who gave none and why.
pub fn ranking(gallery: &Value) {
    line(&format!("\nRanking of {}", quoted(&gallery["task"]["title"])));
    let bids = gallery["bids"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (rank, bid) in (1..).zip(bids) {
        line(&headline(rank, bid));
        for text in reasons(bid) {
            line(&format!("        {text}"));
        }
    }
    for invitation in gallery["invitations"].as_array().into_iter().flatten() {
        if let Some(outcome) = invitation["outcome"].as_str().filter(|outcome| *outcome != "valid") {
            line(&format!("   -  {}  no bid: {}", text(&invitation["agent"]), outcome.replace('_', " ")));
        }
    }
}

fn headline(rank: usize, bid: &Value) -> String {
    let score = bid["eval_score"].as_f64().map_or("unscored".to_owned(), |score| format!("{score:.3}"));
    let presented = if bid["presented"] == true { "" } else { "  (not presented)" };
    let price = price(bid).unwrap_or_default();
    format!("  {rank:>2}. {score}  {}{price}{presented}", text(&bid["agent_name"]))
}

/// `  22.05 USD`, whatever the currency's name on the wire.
fn price(bid: &Value) -> Option<String> {
    let (name, value) = bid.as_object()?.iter().find(|(name, _)| name.starts_with("bid_price_"))?;
    Some(format!("  {} {}", value, name.trim_start_matches("bid_price_").to_uppercase()))
}

/// The summary, the dimensions, the faults that capped the score, and the weightiest evidence.
fn reasons(bid: &Value) -> Vec<String> {
    let mut reasons =
        vec![clipped(&text(&bid["prototype_summary"]), WIDTH), dimensions(&bid["eval_breakdown"])];
    let verdict = &bid["verdict"];
    for gate in verdict["gates"].as_array().into_iter().flatten() {
        reasons.push(format!("! {}", clipped(&text(&gate["text"]), WIDTH)));
    }
    let mut evidence = evidence(verdict);
    evidence.sort_by_key(|(effect, _)| std::cmp::Reverse(effect.unsigned_abs()));
    let shown = evidence.into_iter().take(EVIDENCE_SHOWN).map(|(effect, text)| {
        let sign = if effect < 0 { '-' } else { '+' };
        format!("{sign} {}", clipped(&text, WIDTH))
    });
    reasons.extend(shown);
    reasons.retain(|reason| !reason.is_empty());
    reasons
}

/// `task completion 0.91, output quality 0.80`. Dimensions are parts per million in a verdict's document.
fn dimensions(breakdown: &Value) -> String {
    let one = |(name, value): (&String, &Value)| {
        let value = value.as_f64()?;
        let share = if value > 1.0 { value / 1e6 } else { value };
        Some(format!("{} {share:.2}", name.replace('_', " ")))
    };
    breakdown.as_object().into_iter().flatten().filter_map(one).collect::<Vec<_>>().join(", ")
}

/// Every piece of evidence of a verdict with its effect, wherever in the document its dimension keeps it.
fn evidence(verdict: &Value) -> Vec<(i64, String)> {
    match verdict {
        Value::Array(items) => items.iter().flat_map(evidence).collect(),
        Value::Object(fields) => match (fields.get("effect").and_then(Value::as_i64), fields.get("text")) {
            (Some(effect), Some(Value::String(text))) => vec![(effect, text.clone())],
            _ => fields.values().flat_map(evidence).collect(),
        },
        _ => Vec::new(),
    }
}

/// Prints the finished work, or so many lines of it.
pub fn delivery(delivery: &Value, lines_max: usize) {
    line(&format!("\nDelivery: {}\n", text(&delivery["summary"])));
    let full_text = text(&delivery["full_text"]);
    for text in full_text.lines().take(lines_max) {
        line(text);
    }
    let rest = full_text.lines().count().saturating_sub(lines_max);
    if rest > 0 {
        line(&format!("... and {rest} more lines"));
    }
}

/// Prints that the delivery was approved, and where the task is now.
pub fn approved(task: &Value) {
    line(&format!("\nApproved: the task is {}.", text(&task["status"])));
}

/// Prints the balances.
pub fn balances(ledger: &Value) {
    line(&format!("\nLedger ({})", text(&ledger["currency"])));
    for balance in ledger["balances"].as_array().into_iter().flatten() {
        let name = balance["name"].as_str().or(balance["account"].as_str()).unwrap_or_default();
        line(&format!("  {name:<48} {:>10.2}", balance["amount"].as_f64().unwrap_or_default()));
    }
    let transfers = &ledger["transfers"];
    let problems = ledger["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
    match problems {
        [] => line(&format!("  {transfers} transfers, checked: every one balances and fits the chain")),
        problems => problems.iter().for_each(|problem| line(&format!("  ! {}", text(problem)))),
    }
}

/// The ledger as a document: balances in the currency, how many transfers were checked, what is wrong.
///
/// # Errors
/// When the database fails.
pub async fn ledger(store: &Store, currency: &Currency) -> anyhow::Result<Value> {
    let balances = store.balances().await.context("the balances cannot be read")?;
    let report = store.verify_ledger(currency.code()).await.context("the ledger cannot be read")?;
    let balance = |balance: &gavel_store::ledger::Balance| json!({ "account": balance.account.to_string(), "amount": balance.amount.to_f64(currency) });
    Ok(json!({
        "currency": currency.code(),
        "balances": balances.iter().map(balance).collect::<Vec<_>>(),
        "transfers": report.transfers,
        "problems": report.problems,
    }))
}

fn quoted(value: &Value) -> String {
    format!("\u{201c}{}\u{201d}", clipped(&text(value), WIDTH))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_faults_first_and_then_the_weightiest_evidence() {
        let item = |effect: i64, text: &str| json!({ "check_id": "x", "effect": effect, "text": text });
        let bid = json!({
            "prototype_summary": "A guide.",
            "eval_breakdown": { "task_completion": 912_000, "originality": 0.5 },
            "verdict": {
                "gates": [{ "kind": "truncated", "text": "the text breaks off" }],
                "dimensions": { "task_completion": { "evidence": [item(5, "five"), item(-90, "minus ninety")] },
                                "originality": { "evidence": [item(40, "forty"), item(1, "one")] } },
            },
        });
        let expected = [
            "A guide.",
            "originality 0.50, task completion 0.91",
            "! the text breaks off",
            "- minus ninety",
            "+ forty",
            "+ five",
        ];
        assert_eq!(reasons(&bid), expected);
        assert_eq!(reasons(&json!({})), Vec::<String>::new(), "a bid nobody judged has no reasons");
    }

    #[test]
    fn a_headline_tells_rank_score_and_price() {
        let bid = json!({ "eval_score": 0.7, "agent_name": "A", "bid_price_usd": 22.05, "presented": true });
        assert_eq!(headline(1, &bid), "   1. 0.700  A  22.05 USD");
        assert_eq!(headline(12, &json!({ "agent_name": "B" })), "  12. unscored  B  (not presented)");
    }
}
