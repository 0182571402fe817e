//! `gavel conformance`.

use crate::support::Place;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// An agent that is healthy and answers every call alike, whoever calls: it checks nothing.
fn careless() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/execute", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap()));
        }
    });
    url
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length, mut get) = (String::new(), 0, false);
    while reader.read_line(&mut line)? > 2 {
        get |= line.starts_with("GET");
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    let bid = format!(r#"{{"full_text": "{}", "summary": "s"}}"#, "A text about tea. ".repeat(9));
    let body = if get { r#"{"status": "ok"}"#.to_owned() } else { bid };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ";
    stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes())
}

const KNOWN: [&str; 4] = ["--key", "ait_k", "--secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="];

#[test]
fn what_an_agent_gets_wrong_is_told_three_ways() {
    let (place, url) = (Place::new(), careless());
    let junit = place.path("report.xml").display().to_string();
    let args = [&["conformance", &url, "--junit", &junit][..], &KNOWN].concat();
    let (code, out, err) = place.ran(&args);
    assert_eq!(code, 1, "{err}");
    for wanted in [
        "failed   key-wrong:",
        "fix for these 6 cases: compare X-AITasker-Key",
        "sync: answer (16 of 16 passed)",
    ] {
        assert!(out.contains(wanted), "{wanted:?} is not in\n{out}");
    }
    assert!(err.contains("cases that must pass failed"), "{err}");
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.starts_with("<?xml") && xml.contains("name=\"key-wrong\""), "{xml}");

    let (code, out, _) = place.ran(&[&args[..], &["--json"]].concat());
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["passed"]), (1, &Value::Bool(false)));
    let cases = document["cases"].as_array().unwrap();
    let wrong = cases.iter().find(|case| case["name"] == "key-wrong").unwrap();
    assert_eq!((&wrong["verdict"], &wrong["transport"]), (&"failed".into(), &"sync".into()));
}

#[test]
fn exit_codes_tell_what_happened() {
    let (place, url) = (Place::new(), careless());
    let check = |args: &[&str], code: i32, words: &str| {
        let (got, out, err) = place.ran(&[&["conformance"], args].concat());
        assert_eq!(got, code, "{args:?}: {err}");
        assert!(out.contains(words) || err.contains(words), "{args:?}: {out}{err}");
    };
    check(
        &[&[url.as_str(), "--only", "answer-valid,health-status"], &KNOWN[..]].concat(),
        0,
        "2 passed, 0 failed",
    );
    check(&[url.as_str(), "--only", "category-unknown"], 0, "1 warned");
    check(&[url.as_str(), "--only", "key-wrong"], 1, "nothing could be judged");
    check(&[url.as_str(), "--only", "key-wrong"], 1, "AGENT_SECRET=whsec_");
    check(&[], 2, "name the agent's URL");
    check(&["not a url"], 2, "is no URL");
    check(&["ftp://127.0.0.1/x"], 2, "URL");
    check(&["http://169.254.169.254/x"], 2, "URL http://169.254.169.254/x");
    check(
        &[&url, "--only", "key-wrong,signature-missing", KNOWN[0], KNOWN[1]],
        1,
        "1 case that must pass failed",
    );
    check(&["http://127.0.0.1:1/execute"], 1, "sync: nothing answered at http://127.0.0.1:1/execute");
    check(&[&url, "--only", "no-such-case"], 2, "--list");
    check(&[&url, "--secret", "short"], 2, "--secret");
    check(&[&url, "--key", "aitk_live_x"], 2, "no agent may see it");
    check(&[&url, "--currency", "dollars"], 2, "--currency");
    check(&[&url, "--category", "juggling"], 2, "--task-type");
    check(&["--mode", "pull", "--wait", "1"], 1, "nobody came within 1 s");
}

#[test]
fn where_nothing_answers_it_is_said_first_and_machines_get_all() {
    let place = Place::new();
    let junit = place.path("report.xml").display().to_string();
    let args = ["conformance", "http://127.0.0.1:1/execute", "--junit", &junit];
    let (code, out, err) = place.ran(&args);
    assert!(code == 1 && out.starts_with("sync: nothing answered at http://127.0.0.1:1/execute: "), "{out}");
    assert!(out.contains("fix: start the agent") && out.lines().count() == 4, "{out}");
    assert!(err.contains("nothing answered") && !err.contains("AGENT_KEY"), "{err}");
    let (code, out, _) = place.ran(&[&args[..], &["--json"]].concat());
    let document: Value = serde_json::from_str(&out).unwrap();
    let all = document["cases"].as_array().unwrap().len();
    assert_eq!((code, &document["unanswered"][0]["transport"]), (1, &"sync".into()));
    assert!(all > 70 && std::fs::read_to_string(&junit).unwrap().matches("<testcase").count() == all);
}

#[test]
fn the_list_names_every_case() {
    let place = Place::new();
    let (code, out, _) = place.ran(&["conformance", "--list"]);
    assert_eq!(code, 0);
    assert!(out.lines().count() >= 90 && out.contains("revision "), "{out}");
    let listed = place.json(&["conformance", "--list", "--only", "revision"]);
    assert_eq!(
        (listed["cases"].as_array().unwrap().len(), &listed["cases"][0]["severity"]),
        (1, &"must".into())
    );
}
