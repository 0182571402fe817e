use super::*;
use crate::agent::outcome::{Failure, of_status as status};
use regex::Regex;
use std::collections::BTreeSet;
use std::path::Path;

/// What `pattern` finds in the sources of a crate, their tests left out.
fn written(folder: &str, pattern: &str) -> BTreeSet<String> {
    let (path, pattern) = (Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), Regex::new(pattern).unwrap());
    let mut found = BTreeSet::new();
    let mut folders = vec![path.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if !entry.ends_with("advice.rs") && !entry.ends_with("advice/tests.rs") {
                let text = std::fs::read_to_string(entry).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap();
                found.extend(pattern.captures_iter(code).map(|found| found[1].to_owned()));
            }
        }
    }
    assert!(!found.is_empty(), "nothing in {folder} is like {pattern} any more: look where its codes are");
    found
}

/// Every code that the code base gives, read from where it is given.
fn codes() -> BTreeSet<String> {
    let of_folders = [
        ("contract/src/agent", r#"(?:Rejected|Self)::new\(\s*"(\w+)""#),
        ("contract/src/agent", r#"PriceError::\w+ => "(\w+)""#),
        ("contract/src/agent", r#"code: "(\w+)""#),
        ("domain/src", r#"Refused::new\(\s*"(\w+)""#),
        ("domain/src/network", r#"=> "(\w+)""#),
        ("domain/src/network", r#"METADATA: &str = "(\w+)""#),
        ("domain/src", r#"Outcome::\w+, "(\w+)""#),
        ("outbound/src", r#"Refused\("(\w+)"\)"#),
        ("store/src", r#"give_up\(c, attempt, "(\w+)"\)"#),
        ("api/src/door", r#"code: "(\w+)""#),
        ("store/src", r#"=> "(\w+_closed)""#),
        ("dispatcher/src", r#"Outcome::\w+,\s*"(\w+)""#),
        ("dispatcher/src", r#"deadline_is_own_limit, "(\w+)", why"#),
    ];
    let mut codes: BTreeSet<String> =
        of_folders.into_iter().flat_map(|(folder, pattern)| written(folder, pattern)).collect();
    codes.extend(Failure::ALL.into_iter().map(|failure| failure.meaning().code.to_owned()));
    codes.extend((0..=999).filter(|n| *n != 200).map(|n| status(n).1.to_owned()));
    codes.insert("acknowledged".to_owned()); // no ending of its own
    codes
}

#[test]
fn every_code_has_advice_of_its_own() {
    let codes = codes();
    assert!(codes.len() > 70, "{codes:?}");
    for code in codes {
        for mode in ExecutionMode::ALL {
            for outcome in [None, Some(Outcome::InvalidResponse), Some(Outcome::ServerError)] {
                let end = end(&code, outcome, mode);
                let own = of_code(end);
                assert!(own.is_some(), "{code} has no advice");
                assert_eq!(advice(end, &[]), [own.unwrap()]);
            }
        }
    }
}

fn end(code: &str, outcome: Option<Outcome>, execution_mode: ExecutionMode) -> End<'_> {
    End { code, status: None, outcome, execution_mode, replayed: false }
}

fn well_said(text: &str) {
    assert!(text.len() > 30 && text.ends_with('.'), "{text}");
    assert!(text.matches(". ").count() <= 1, "{text}");
    assert!(!text.contains("  "), "{text}");
}

#[test]
fn advice_is_one_or_two_sentences() {
    for code in codes() {
        for mode in ExecutionMode::ALL {
            let end = end(&code, Some(Outcome::AgentError), mode);
            well_said(of_code(end).unwrap());
            well_said(of_code(End { replayed: true, ..end }).unwrap());
        }
    }
    for outcome in Outcome::ALL {
        assert!(of_outcome(outcome).ends_with('.') && counts(outcome).why.ends_with('.'), "{outcome:?}");
    }
}

#[test]
fn some_statuses_have_advice_of_their_own() {
    let of = |status| {
        let end = end("http_status", Some(Outcome::AgentError), ExecutionMode::Sync);
        advice(End { status: Some(status), ..end }, &[]).join(" ")
    };
    for (status, expected) in [(401, "promotion"), (403, "rotation"), (404, "path"), (405, "POST")] {
        well_said(&of(status));
        assert!(of(status).contains(expected), "{status}: {}", of(status));
    }
    assert_eq!(of(418), advice(end("http_status", None, ExecutionMode::Sync), &[]).join(" "));
}

#[test]
fn a_replay_is_not_advised_to_whoever_makes_one() {
    for code in codes() {
        for mode in ExecutionMode::ALL {
            let end = End { replayed: true, ..end(&code, Some(Outcome::AgentError), mode) };
            assert!(!advice(end, &[]).join(" ").contains("replay"), "{code}");
        }
    }
    assert!(advice(end("status_400", None, ExecutionMode::Sync), &[])[0].contains("replay"));
}

#[test]
fn every_warning_that_can_be_mended_says_how() {
    for code in written("contract/src/agent", r#""([a-z]+_[a-z_]+): "#) {
        let warned =
            advice(end("ok", Some(Outcome::Valid), ExecutionMode::Sync), &[format!("{code}: words")]);
        assert_eq!(warned.len(), 1, "{code}");
    }
    let hidden = "the answer contained the key or signing secret of its agent; it was hidden".to_owned();
    let good = end("ok", None, ExecutionMode::Sync);
    assert!(advice(good, &[hidden])[0].contains("rotate"));
    assert!(advice(good, &["something else".to_owned()]).is_empty());
}

#[test]
fn a_good_end_needs_no_advice_and_a_good_send_of_a_lost_call_says_why() {
    let check = |code: &str, outcome, expected: &str| {
        let advice = advice(end(code, outcome, ExecutionMode::Sync), &[]).join(" ");
        assert!(if expected.is_empty() { advice.is_empty() } else { advice.contains(expected) }, "{advice}");
    };
    check("ok", Some(Outcome::Valid), "");
    check("ok", None, "");
    check("acknowledged", Some(Outcome::Valid), "");
    check("acknowledged", None, "callback_url");
    check("ok", Some(Outcome::Superseded), "chosen another bid");
    check("ok", Some(Outcome::Late), "phase had closed");
    check("something_new", Some(Outcome::Timeout), "time limit");
    check("something_new", None, "docs/agents.md");
}

#[test]
fn advice_follows_how_the_agent_is_asked_and_says_nothing_twice() {
    let [sync, asynchronous, pull] =
        ExecutionMode::ALL.map(|mode| advice(end("timeout", Some(Outcome::Timeout), mode), &[]).join(" "));
    assert!(sync.contains("Gavel-Deadline"), "{sync}");
    assert!(asynchronous.contains("callback_url"), "{asynchronous}");
    assert!(pull.contains("heartbeats"), "{pull}");
    let twice = ["artifact_unnamed: a", "artifact_unnamed: b", "artifact_dropped: c"].map(str::to_owned);
    assert_eq!(advice(end("ok", None, ExecutionMode::Sync), &twice).len(), 2);
}

#[test]
fn what_counts() {
    let words: Vec<&str> = Outcome::ALL.into_iter().map(|outcome| counts(outcome).word).collect();
    insta::assert_snapshot!(words.join(" "), @"for against against against no against against against if_healthy no no no no");
}
