//! What is told of a run.

use crate::case;
use gavel_conformance::report::{Outcome, Report};
use gavel_conformance::{Verdict, Via, junit};
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
            outcome("error-shape", Verdict::Failed("the text error is missing".to_owned())),
            outcome("key-case", Verdict::Skipped("no key".to_owned())),
            outcome("key-longer", Verdict::Skipped("no key".to_owned())),
        ],
    }
}

#[test]
fn people_read_what_failed_why_and_the_fix_once() {
    let text = report().lines().join("\n");
    for wanted in [
        "sync: health (1 of 1 passed)",
        "  failed   key-wrong: ",
        "           but it was answered 500: ",
        "           fix: compare X-AITasker-Key",
        "           fix: the same",
        "  warned   error-shape: ",
        "  skipped  key-case, key-longer: no key",
        "1 passed, 2 failed, 1 warned, 2 skipped. The agent does not keep the contract.",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
}

#[test]
fn machines_read_the_same() {
    let document = report().document();
    assert_eq!((&document["passed"], &document["counts"]["failed"]), (&false.into(), &2.into()));
    let wrong = &document["cases"][1];
    assert_eq!(
        (&wrong["name"], &wrong["verdict"], &wrong["severity"]),
        (&"key-wrong".into(), &"failed".into(), &"must".into())
    );
    assert!(wrong["fix"].is_string() && document["cases"][0]["fix"].is_null());
}

#[test]
fn a_run_that_judged_nothing_has_not_passed() {
    let mut report = report();
    report.outcomes.retain(|o| o.verdict == Verdict::Passed || matches!(o.verdict, Verdict::Skipped(_)));
    assert!(report.is_passed() && !report.is_judged());
    assert_eq!(report.document()["passed"], false);
}

#[test]
fn junit_is_xml_whatever_an_agent_says() {
    let xml = junit::document(&report());
    let tags: Vec<&str> = xml.split('<').skip(1).filter_map(|rest| rest.split(['>', ' ']).next()).collect();
    let count = |tag: &str| tags.iter().filter(|known| **known == tag).count();
    assert_eq!((count("testcase"), count("/testcase"), count("failure"), count("skipped")), (6, 6, 2, 2));
    assert_eq!((count("testsuite"), count("/testsuite"), count("b")), (3, 3, 0));
    assert!(xml.contains("&lt;b&gt;&quot;&amp;&apos;?[2J ]]&gt;") && xml.contains("warning: "), "{xml}");
    assert!(xml.contains("tests=\"6\" failures=\"2\""));
}
