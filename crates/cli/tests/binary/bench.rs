//! `gavel bench`: every workload once, quickly, so that none stops working unseen. The figures of so short a run say
//! nothing, and little is asked of them.

use crate::support::{Place, Process, first_line};
use serde_json::{Value, json};
use std::process::Stdio;

/// Runs a workload in a place of its own, which it leaves as it was.
fn measured(workload: &str, more: &[&str]) -> Value {
    let place = Place::new();
    let document = place.json(&[&["bench", workload, "--quick"], more].concat());
    assert_eq!(place.path(".").read_dir().unwrap().count(), 0, "nothing is left behind");
    assert_eq!(document["workload"], workload);
    assert!(document["run"]["took_seconds"].as_f64().unwrap() > 0.0);
    document
}

/// All its ratios are there and sensible; names of figures that must be there, and above zero.
fn check(document: &Value, ratios: &[&str], figures: &[&str]) {
    let told: Vec<&str> = document["ratios"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(told, ratios, "{document:#}");
    assert!(
        document["ratios"].as_object().unwrap().values().all(|ratio| ratio.as_f64().unwrap().is_finite())
    );
    for path in figures {
        let figure = path.split('.').fold(&document["figures"], |at, name| &at[name]);
        assert!(figure.as_f64().is_some_and(|figure| figure > 0.0), "{path}: {figure} in {document:#}");
    }
}

#[test]
fn fanout() {
    let document = measured("fanout", &[]);
    let ratios = [
        "bids_per_engine_commit",
        "bids_per_raw_call",
        "commits_per_bid",
        "cpu_per_raw_call",
        "judged_bids_per_raw_call",
    ];
    let rates =
        ["durable_bids_per_second", "judged_bids_per_second", "engine_bids_per_second", "post.p50_ms"];
    check(&document, &ratios, &rates);
    assert_eq!(document["run"]["database"], "sqlite");
    let bids = |name: &str| document["figures"][name].as_f64().unwrap();
    assert!(
        bids("judged_bids_per_second") <= bids("durable_bids_per_second"),
        "a bid is stored, then judged"
    );
}

#[test]
fn fanout_on_postgresql() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let url = server.create_database("bench");
    let document = measured("fanout", &["--database", &url]);
    check(
        &document,
        &["bids_per_engine_commit", "bids_per_raw_call", "cpu_per_raw_call", "judged_bids_per_raw_call"],
        &[],
    );
    assert_eq!(document["run"]["database"], "postgres");
}

#[test]
fn growth_on_postgresql() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let url = server.create_database("bench");
    let document = measured("growth", &["--scale", "300", "--database", &url]);
    assert_eq!(document["figures"]["many"]["stored_tasks"], 300);
}

#[test]
fn hold() {
    let document = measured("hold", &[]);
    assert_eq!(document["figures"]["calls_held"], 100);
    check(&document, &["memory_per_raw_call"], &["held_bytes", "ready_bytes"]);
}

#[test]
fn create() {
    let document = measured("create", &[]);
    let latencies = [
        "post.p99_ms",
        "post_to_first_agent.p50_ms",
        "post_to_all_agents.p99_ms",
        "saturated_post.p95_ms",
        "half_saturated_post_to_all_agents.p99_ms",
    ];
    check(&document, &["agents_reached_per_raw_call", "create_per_raw_commit"], &latencies);
    let p50 = |name: &str| document["figures"][name]["p50_ms"].as_f64().unwrap();
    assert!(p50("post_to_first_agent") <= p50("post_to_all_agents"));
}

#[test]
fn recover() {
    let document = measured("recover", &[]);
    check(&document, &["bids_missing", "ready_per_empty_start"], &["acknowledged_bids", "open_again_in_ms"]);
    let figures = &document["figures"];
    assert_eq!(
        (&figures["acknowledged_bids_missing"], &figures["acknowledged_tasks_missing"]),
        (&json!(0), &json!(0))
    );
    assert!(figures["calls_sent_after_the_crash"].as_u64() >= figures["calls_in_flight"].as_u64());
}

#[test]
fn watch() {
    let document = measured("watch", &[]);
    check(&document, &["cpu_per_raw_write"], &["events_per_viewer", "bytes_per_event"]);
}

#[test]
fn growth() {
    let document = measured("growth", &[]);
    let ratios = ["gallery_grown", "list_grown", "restart_grown", "write_cpu_grown"];
    check(&document, &ratios, &["few.gallery.p50_ms", "many.list.p50_ms", "many.ready.p50_ms"]);
    assert_eq!(
        (&document["figures"]["few"]["stored_tasks"], &document["figures"]["many"]["stored_tasks"]),
        (&json!(5), &json!(500))
    );
}

#[test]
fn overhead() {
    let document = measured("overhead", &[]);
    check(&document, &["call_per_raw_call", "call_per_raw_call_100_at_once"], &[]);
    assert_eq!(document["figures"]["levels"][1]["at_once"], 100);
}

#[test]
fn size() {
    let document = measured("size", &[]);
    check(&document, &[], &["binary_bytes", "idle_bytes", "ready_in_ms"]);
}

#[test]
fn without_json_it_is_a_table() {
    let (code, out, err) = Place::new().ran(&["bench", "size", "--quick"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("ratios:\nfigures:\n") && out.contains("binary_bytes"), "{out}");
    assert_eq!(out.starts_with("This is a debug build"), cfg!(debug_assertions), "{out}");
}

#[test]
fn what_cannot_be_measured_is_wrong_usage() {
    let place = Place::new();
    assert_eq!(place.ran(&["bench", "everything"]).0, 2);
    let (code, _, err) = place.ran(&["bench", "size", "--database", "sqlite:gavel.db"]);
    assert!(code == 2 && err.contains("--disk"), "{code} {err}");
    let (code, _, err) = place.ran(&["bench", "size", "--disk", "nowhere"]);
    assert!(code == 2 && err.contains("there is no folder nowhere"), "{code} {err}");
}

#[test]
fn asked_to_end_it_leaves_nothing_behind() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let place = Place::new();
        let mut child =
            place.gavel(&["bench", "create"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let progress = child.stderr.take().unwrap();
        let process = Process::new(child);
        first_line(progress, "round 1 of");
        assert_eq!(process.ended_by(signal), 1, "{signal}");
        assert_eq!(place.path(".").read_dir().unwrap().count(), 0, "{signal}");
    }
}
