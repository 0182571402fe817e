//! What a person reads when the prototypes are in: the ranking with its reasons, the delivery, the balances.

use crate::output::{clipped, line};
use anyhow::Context as _;
use gavel_domain::Currency;
use gavel_store::Store;
use serde_json::{Value, json};

/// Shortcomings shown per bid.
const LOSSES_SHOWN: usize = 3;
/// What cost less is not worth a line.
const LOSS_SHOWN_MIN: f64 = 0.005;
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
    without_bid(gallery);
    if !bids.is_empty() {
        line(
            "The judge cannot tell whether statements are true, see a trap in the instructions or judge literary",
        );
        line("quality; scores that are close are too close to call.");
    }
}

/// Prints who gave no bid and why, with a hint where there is one.
pub fn without_bid(gallery: &Value) {
    for invitation in gallery["invitations"].as_array().into_iter().flatten() {
        if let Some(outcome) = invitation["outcome"].as_str().filter(|outcome| *outcome != "valid") {
            let (agent, ended) = (text(&invitation["agent"]), ended(invitation));
            line(&format!("   -  {agent}  no bid: {}{ended}", outcome.replace('_', " ")));
            invitation["hint"].as_str().into_iter().for_each(|hint| line(&format!("        {hint}")));
        }
    }
}

/// ` (http_status, answered 401)`
fn ended(invitation: &Value) -> String {
    let code = invitation["detail"].as_str().map(str::to_owned);
    let status = invitation["status"].as_u64().map(|status| status.to_string());
    let status = status.filter(|status| !code.as_ref().is_some_and(|code| code.ends_with(status)));
    let known: Vec<String> =
        code.into_iter().chain(status.map(|status| format!("answered {status}"))).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}

fn headline(rank: usize, bid: &Value) -> String {
    let score = bid["eval_score"].as_f64().map_or("unscored".to_owned(), |score| format!("{score:.3}"));
    let ungated = bid["verdict"]["ungated"].as_f64().filter(|_| has_faults(bid));
    let before = ungated.map(|ungated| format!(" ({ungated:.3} without its faults)")).unwrap_or_default();
    let presented = if bid["presented"] == true { "" } else { "  (not presented)" };
    let price = price(bid).unwrap_or_default();
    format!("  {rank:>2}. {score}{before}  {}{price}{presented}", text(&bid["agent_name"]))
}

/// Whether a gate of the judge caps the bid's score.
pub fn has_faults(bid: &Value) -> bool {
    bid["verdict"]["gates"].as_array().is_some_and(|gates| !gates.is_empty())
}

/// `  22.05 USD`, whatever the currency's name on the wire.
fn price(bid: &Value) -> Option<String> {
    let (name, value) = bid.as_object()?.iter().find(|(name, _)| name.starts_with("bid_price_"))?;
    Some(format!("  {:.2} {}", value.as_f64()?, name.trim_start_matches("bid_price_").to_uppercase()))
}

/// The summary, the dimensions, the faults that cap the score, and what cost the bid most.
fn reasons(bid: &Value) -> Vec<String> {
    let verdict = &bid["verdict"];
    let mut reasons =
        vec![clipped(&text(&bid["prototype_summary"]), WIDTH), dimensions(&bid["eval_breakdown"])];
    for gate in verdict["gates"].as_array().into_iter().flatten() {
        let cap = gate["cap"].as_f64().unwrap_or_default();
        reasons.push(format!("! {} (at most {cap:.2})", clipped(&text(&gate["text"]), WIDTH)));
    }
    let mut losses = losses(verdict);
    losses.sort_by(|(more, _), (less, _)| less.total_cmp(more));
    let told = losses.into_iter().filter(|(lost, _)| *lost >= LOSS_SHOWN_MIN).take(LOSSES_SHOWN);
    reasons.extend(told.map(|(lost, text)| format!("-{lost:.3} {}", clipped(&text, WIDTH))));
    reasons.retain(|reason| !reason.is_empty());
    reasons
}

/// `task completion 0.91, output quality 0.80`.
fn dimensions(breakdown: &Value) -> String {
    let one =
        |(name, value): (&String, &Value)| Some(format!("{} {:.2}", name.replace('_', " "), value.as_f64()?));
    breakdown.as_object().into_iter().flatten().filter_map(one).collect::<Vec<_>>().join(", ")
}

/// What each piece of evidence cost the composite, with its words. A dimension counts with its weight and with the
/// share of it that could be measured.
fn losses(verdict: &Value) -> Vec<(f64, String)> {
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let share = |dimension: &Value| number(&dimension["weight"]) * number(&dimension["coverage"]);
    let dimensions: Vec<&Value> =
        verdict["dimensions"].as_object().into_iter().flat_map(|all| all.values()).collect();
    let whole: f64 = dimensions.iter().map(|dimension| share(dimension)).sum();
    let lost = |dimension: &Value, evidence: &Value| {
        (number(&evidence["possible"]) - number(&evidence["effect"])) * share(dimension) / whole
    };
    let of = |dimension: &&Value| -> Vec<(f64, String)> {
        let evidence = dimension["evidence"].as_array().into_iter().flatten();
        evidence.filter(|one| !is_neutral(one)).map(|one| (lost(dimension, one), finding(one))).collect()
    };
    dimensions.iter().flat_map(of).collect()
}

/// Nothing was there to be checked: every bid has the same value, so nothing was lost.
fn is_neutral(evidence: &Value) -> bool {
    evidence["check_id"] == "sums" && evidence["measured"] == 0
}

/// A demand with what was found instead; a measure says its number itself.
fn finding(evidence: &Value) -> String {
    let found = match &evidence["measured"] {
        Value::String(found) => found.clone(),
        other => other.to_string(),
    };
    match evidence["kind"].as_str() {
        Some("rule") => format!("asked for: {}; found: {found}", text(&evidence["text"])),
        _ => text(&evidence["text"]),
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
        line(&format!("  {:<60} {:>10.2}", holder(balance), balance["amount"].as_f64().unwrap_or_default()));
    }
    let transfers = &ledger["transfers"];
    let problems = ledger["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
    match problems {
        [] => line(&format!("  {transfers} transfers, checked: every one balances and fits the chain")),
        problems => problems.iter().for_each(|problem| line(&format!("  ! {}", text(problem)))),
    }
}

/// The name it was given for a person, or `ada (developer:018f...)`, or the account alone.
fn holder(balance: &Value) -> String {
    let account = text(&balance["account"]);
    match (balance["name"].as_str(), balance["owner"].as_str()) {
        (Some(name), _) => name.to_owned(),
        (None, Some(owner)) => format!("{owner} ({account})"),
        (None, None) => account,
    }
}

/// The ledger as a document: balances in the database's currency (or, as long as it has none, in `currency`), how many transfers were checked, what is wrong.
///
/// # Errors
/// When the database fails.
pub async fn ledger(store: &Store, currency: &Currency) -> anyhow::Result<Value> {
    let own = store.currency().await.context("the currency cannot be read")?;
    let own = own.and_then(|code| Currency::new(&code).ok());
    let currency = own.as_ref().unwrap_or(currency);
    let balances = store.balances().await.context("the balances cannot be read")?;
    let report = store.verify_ledger(currency.code()).await.context("the ledger cannot be read")?;
    let names = store.ledger_names().await.context("the names of accounts cannot be read")?;
    let balance = |balance: &gavel_store::ledger::Balance| {
        let owner = names.get(&balance.account);
        json!({ "account": balance.account.to_string(), "owner": owner, "amount": balance.amount.to_f64(currency) })
    };
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
    fn reasons_name_faults_first_and_then_what_cost_most() {
        let item = |effect: f64, possible: f64, text: &str| json!({ "effect": effect, "possible": possible, "text": text });
        let bid = json!({
            "prototype_summary": "A guide.",
            "eval_breakdown": { "task_completion": 0.912, "originality": 0.5 },
            "verdict": {
                "gates": [{ "kind": "truncated", "cap": 0.58, "text": "the text breaks off" }],
                "dimensions": {
                    "task_completion": { "weight": 3000, "coverage": 1.0, "evidence": [
                        item(0.5, 0.6, "cost a tenth of three quarters"), item(0.4, 0.4, "cost nothing")] },
                    "originality": { "weight": 2000, "coverage": 0.5, "evidence": [
                        item(0.0, 0.5, "cost half of a quarter"), item(0.49, 0.5, "cost next to nothing")] },
                },
            },
        });
        let expected = [
            "A guide.",
            "originality 0.50, task completion 0.91",
            "! the text breaks off (at most 0.58)",
            "-0.125 cost half of a quarter",
            "-0.075 cost a tenth of three quarters",
        ];
        assert_eq!(reasons(&bid), expected);
        assert_eq!(reasons(&json!({})), Vec::<String>::new(), "a bid nobody judged has no reasons");
    }

    #[test]
    fn a_finding_says_what_was_asked_for_and_what_was_found() {
        let rule = json!({ "kind": "rule", "text": "has 630 to 770 words", "measured": 325 });
        assert_eq!(finding(&rule), "asked for: has 630 to 770 words; found: 325");
        assert_eq!(
            finding(&json!({ "kind": "metric", "text": "3 stock phrases", "measured": 3 })),
            "3 stock phrases"
        );
        assert!(is_neutral(&json!({ "check_id": "sums", "measured": 0 })));
    }

    #[test]
    fn how_a_call_ended_is_told_once() {
        let check = |detail: Value, status: Value, expected: &str| {
            assert_eq!(ended(&json!({ "detail": detail, "status": status })), expected);
        };
        check(json!("http_status"), json!(401), " (http_status, answered 401)");
        check(json!("status_500"), json!(500), " (status_500)");
        check(json!("connect_error"), Value::Null, " (connect_error)");
        check(Value::Null, Value::Null, "");
    }

    #[test]
    fn a_headline_tells_rank_score_and_price() {
        let bid = json!({ "eval_score": 0.7, "agent_name": "A", "bid_price_usd": 22.05, "presented": true });
        assert_eq!(headline(1, &bid), "   1. 0.700  A  22.05 USD");
        let faulty = json!({ "eval_score": 0.5, "agent_name": "A", "bid_price_usd": 22, "presented": true,
                             "verdict": { "ungated": 0.75, "gates": [{ "kind": "stub" }] } });
        assert_eq!(headline(2, &faulty), "   2. 0.500 (0.750 without its faults)  A  22.00 USD");
        assert_eq!(headline(12, &json!({ "agent_name": "B" })), "  12. unscored  B  (not presented)");
    }
}
