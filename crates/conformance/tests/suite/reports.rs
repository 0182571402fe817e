//! What is told of a run.

use crate::case;
use gavel_conformance::report::{Outcome, Report};
use gavel_conformance::{Silence, Verdict, Via, junit};
use std::time::Duration;

fn report() -> Report {
    let outcome = |name, verdict| Outcome {
        case: case(name),
        via: Via::Sync,
        verdict,
        took: Duration::from_millis(1_234),
    };
    let hostile = "it was answered 500: <b>\"&'\u{1b}[2J ]]>".to_owned();
    Report {
        url: "http://127.0.0.1:9001/execute".to_owned(),
        outcomes: vec![
            outcome("health-path", Verdict::Passed),
            outcome("key-wrong", Verdict::Failed(hostile)),
            outcome("key-empty", Verdict::Failed("it was answered 200".to_owned())),
            outcome(
                "answer-valid",
                Verdict::Unanswered { why: "it acknowledged".to_owned(), fix: "--mode async" },
            ),
            outcome("error-shape", Verdict::Failed("the text error is missing".to_owned())),
            outcome("key-case", Verdict::Skipped("no key".to_owned())),
            outcome("key-longer", Verdict::Skipped("no key".to_owned())),
        ],
        silences: Vec::new(),
    }
}

#[test]
fn people_read_what_failed_and_why_and_once_the_fix_of_all_it_mends() {
    let text = report().lines().join("\n");
    for wanted in [
        "sync: health (1 of 1 passed)",
        "  failed   key-wrong: ",
        "           but it was answered 500: ",
        "           but it was answered 200\n           fix for these 2 cases: compare X-AITasker-Key",
        "           but it acknowledged\n           fix: --mode async",
        "  warned   error-shape: ",
        "  skipped  key-case, key-longer: no key",
        "1 passed, 3 failed, 1 warned, 2 skipped. The agent does not keep the contract.",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
}

#[test]
fn machines_read_the_same() {
    let document = report().document();
    assert_eq!((&document["passed"], &document["counts"]["failed"]), (&false.into(), &3.into()));
    let wrong = &document["cases"][1];
    assert_eq!(
        (&wrong["name"], &wrong["verdict"], &wrong["severity"]),
        (&"key-wrong".into(), &"failed".into(), &"must".into())
    );
    assert!(document["cases"][0]["fix"].is_null());
    let fixes = [1, 2, 3].map(|i| document["cases"][i]["fix"].as_str().unwrap());
    assert_eq!(fixes, [case("key-wrong").fix, case("key-empty").fix, "--mode async"]);
    let xml = junit::document(&report());
    assert_eq!(
        (xml.matches("fix: compare X-AITasker-Key").count(), xml.matches("fix: --mode async").count()),
        (2, 1)
    );
}

#[test]
fn a_run_that_judged_nothing_has_not_passed() {
    let mut report = report();
    report.outcomes.retain(|o| o.verdict == Verdict::Passed || matches!(o.verdict, Verdict::Skipped(_)));
    assert!(report.is_passed() && !report.is_judged());
    assert_eq!(report.document()["passed"], false);
}

#[test]
fn that_nobody_answered_is_told_first_and_alone() {
    let silence = Silence { via: Via::Sync, why: "could not connect".to_owned(), fix: "start the agent" };
    let report = Report { silences: vec![silence], ..report() };
    let lines = report.lines();
    let first = "sync: nothing answered at http://127.0.0.1:9001/execute: could not connect";
    assert_eq!((lines[0].as_str(), lines[1].as_str(), lines.len()), (first, "  fix: start the agent", 4));
    assert!(lines[3].ends_with("2 skipped. Nothing answered, so nothing could be judged."), "{}", lines[3]);
    let document = report.document();
    assert_eq!((&document["judged"], document["cases"].as_array().unwrap().len()), (&false.into(), 7));
    assert_eq!(document["unanswered"][0]["reason"], "could not connect");
}

#[test]
fn junit_is_xml_whatever_an_agent_says() {
    let xml = junit::document(&report());
    let tags: Vec<&str> = xml.split('<').skip(1).filter_map(|rest| rest.split(['>', ' ']).next()).collect();
    let count = |tag: &str| tags.iter().filter(|known| **known == tag).count();
    assert_eq!((count("testcase"), count("/testcase"), count("failure"), count("skipped")), (7, 7, 3, 2));
    assert_eq!((count("testsuite"), count("/testsuite"), count("b")), (4, 4, 0));
    assert!(xml.contains("&lt;b&gt;&quot;&amp;&apos;?[2J ]]&gt;") && xml.contains("warning: "), "{xml}");
    assert!(xml.contains("tests=\"7\" failures=\"3\""));
}
