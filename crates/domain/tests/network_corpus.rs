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
        let Some(got) = judge(kind, row) else {
            *ran.entry(format!("{kind} (needs a wire)")).or_default() += 1;
            continue;
        };
        *ran.entry(kind.to_owned()).or_default() += 1;
        if let Err(problem) = got {
            wrong.push(format!("{problem}: {row}"));
        }
    }
    println!("address and URL cases: {ran:?}");
    assert!(!rows.is_empty());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// `None` when the row cannot be judged without a wire.
fn judge(kind: &str, row: &Value) -> Option<Result<(), String>> {
    match kind {
        "address" => Some(address(row)),
        "url" => Some(url(row)),
        "resolve" => answers_of(&row["dns"]).map(|answers| resolve(row, &answers)),
        "env" => answers_of(&row["dns"]).map(|answers| same("ok", &look_up(row, &answers))),
        "rebind" => Some(rebind(row)),
        "redirect" => None,
        other => panic!("unknown kind {other}"),
    }
}

fn same(expected: &str, got: &str) -> Result<(), String> {
    if expected == got { Ok(()) } else { Err(format!("expected {expected}, got {got}")) }
}

fn code(row: &Value) -> &str {
    row["code"].as_str().unwrap()
}

fn ip(value: &Value) -> IpAddr {
    value.as_str().unwrap().parse().unwrap()
}

/// The classifier and the guard agree on an address, and on why.
fn address(row: &Value) -> Result<(), String> {
    let ip = ip(&row["ip"]);
    same(code(row), classify(ip).map_or_else(|kind| kind.code(), |()| "public"))?;
    let guarded = Guard::default().check_address("agent.example.com", 443, ip);
    same(code(row), guarded.map_or_else(|refused| refused.code(), |()| "public"))
}

fn url(row: &Value) -> Result<(), String> {
    let own = row.get("config").and_then(|c| c["own_hosts"].as_array());
    let own_hosts = own.into_iter().flatten().map(|host| host.as_str().unwrap().to_owned()).collect();
    let guard = Guard { own_hosts, ..Guard::default() };
    match guard.check_url(row["url"].as_str().unwrap()) {
        Ok(url) => {
            same(row["parsed_host"].as_str().unwrap(), url.host_str().unwrap())?;
            same(code(row), "ok")
        }
        Err(refused) => same(code(row), refused.code()),
    }
}

fn answers_of(dns: &Value) -> Option<Vec<IpAddr>> {
    let answers = dns.as_array().or_else(|| dns["a"].as_array())?;
    Some(answers.iter().map(ip).collect())
}

fn look_up(row: &Value, answers: &[IpAddr]) -> String {
    let guard = Guard::default();
    let url = guard.check_url(row["url"].as_str().unwrap()).unwrap();
    let port = url.port_or_known_default().unwrap();
    let checked = guard.check_answers(url.host_str().unwrap(), port, answers);
    checked.map_or_else(|refused| refused.code().to_owned(), |()| "ok".to_owned())
}

/// What passed is what is dialled: all answers or none.
fn resolve(row: &Value, answers: &[IpAddr]) -> Result<(), String> {
    let got = look_up(row, answers);
    same(code(row), &got)?;
    let dialled = if got == "ok" { answers } else { &[] };
    let expected: Vec<IpAddr> = row["connect_to"].as_array().into_iter().flatten().map(ip).collect();
    if expected == dialled { Ok(()) } else { Err(format!("{dialled:?} would be dialled")) }
}

/// Each look-up is judged by itself; that there is one look-up per send and no old connection is the client's part.
fn rebind(row: &Value) -> Result<(), String> {
    let lookups = row["dns_sequence"].as_array().unwrap();
    let got: Vec<String> = lookups.iter().map(|dns| look_up(row, &answers_of(dns).unwrap())).collect();
    for (expected, got) in row["expected_attempts"].as_array().into_iter().flatten().zip(&got) {
        same(expected.as_str().unwrap(), if got == "ok" { "allow" } else { "deny" })?;
    }
    for (field, allowed) in [("connect_to", true), ("connect_never", false)] {
        for ip in row[field].as_array().into_iter().flatten().map(ip) {
            if (look_up(row, &[ip]) == "ok") != allowed {
                return Err(format!("{ip} in {field}"));
            }
        }
    }
    Ok(())
}
