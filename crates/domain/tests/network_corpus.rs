//! Every row of the address and URL cases that can be decided without a wire.
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel_domain::network::{Guard, classify};
use gavel_testkit::corpora;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;

#[test]
fn ssrf_urls() {
    let Some(rows) = corpora::rows::<Value>("reliability/ssrf_urls.jsonl") else { return };
    let mut ran: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let kind = row["kind"].as_str().unwrap();
        let got = match kind {
            "address" => address(row),
            "url" => url(row),
            "resolve" => resolve(row),
            _ => None,
        };
        let Some(got) = got else {
            *ran.entry(format!("{kind} (needs a wire)")).or_default() += 1;
            continue;
        };
        *ran.entry(kind.to_owned()).or_default() += 1;
        if got != row["code"].as_str().unwrap() {
            wrong.push(format!("{got}: {row}"));
        }
    }
    println!("address and URL cases: {ran:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn address(row: &Value) -> Option<String> {
    let ip: IpAddr = row["ip"].as_str().unwrap().parse().unwrap();
    Some(classify(ip).map_or_else(|kind| kind.code().to_owned(), |()| "public".to_owned()))
}

fn url(row: &Value) -> Option<String> {
    let own = row.get("config").and_then(|c| c["own_hosts"].as_array());
    let own_hosts = own.into_iter().flatten().map(|host| host.as_str().unwrap().to_owned()).collect();
    let guard = Guard { own_hosts, ..Guard::default() };
    let checked = guard.check_url(row["url"].as_str().unwrap());
    if let (Ok(url), Some(host)) = (&checked, row["parsed_host"].as_str()) {
        assert_eq!(url.host_str(), Some(host), "{row}");
    }
    Some(checked.map_or_else(|refused| refused.code().to_owned(), |_| "ok".to_owned()))
}

fn resolve(row: &Value) -> Option<String> {
    let answers = row["dns"].as_array().or_else(|| row["dns"]["a"].as_array())?;
    let answers: Vec<IpAddr> = answers.iter().map(|ip| ip.as_str().unwrap().parse().unwrap()).collect();
    let guard = Guard::default();
    let url = guard.check_url(row["url"].as_str().unwrap()).unwrap();
    let checked = guard.check_answers(url.host_str().unwrap(), 443, &answers);
    Some(checked.map_or_else(|refused| refused.code().to_owned(), |()| "ok".to_owned()))
}
