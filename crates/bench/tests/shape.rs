//! Every measurement once, within this process: the document has its shape, and what is counted is right. The figures
//! of so short a run say nothing, and nothing is asked of them.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel_bench::place::Subject;
use gavel_bench::plan::{AGENTS, Measurement, Plan};
use serde_json::Value;

async fn measured(wanted: &[Measurement]) -> Value {
    let disk = tempfile::tempdir().unwrap();
    let report = gavel_bench::run(&Plan::tiny(), wanted, &Subject::Within, disk.path()).await.unwrap();
    assert_eq!(disk.path().read_dir().unwrap().count(), 0, "the databases are gone");
    serde_json::to_value(report).unwrap()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_has_its_place_in_the_document() {
    let report = measured(&[]).await;
    assert_eq!(keys(&report), ["create", "memory", "overhead", "run", "size", "throughput", "wire"]);
    assert_eq!((&report["run"]["subject"], &report["run"]["plan"]["rounds"]), (&"within".into(), &1.into()));

    let plan = Plan::tiny();
    let latencies = [
        ("create", "post", plan.creates),
        ("create", "raw_answer", plan.creates),
        ("create", "raw_commit", plan.creates),
        ("wire", "post_to_first_agent", plan.wires),
        ("wire", "post_to_last_agent", plan.wires),
        ("wire", "raw_to_last_agent", plan.wires),
        ("throughput", "post", plan.tasks),
    ];
    for (measurement, name, samples) in latencies {
        let latency = &report[measurement][name];
        assert_eq!(
            keys(latency),
            ["max_ms", "p50_ms", "p95_ms", "p99_ms", "samples"],
            "{measurement}.{name}"
        );
        assert_eq!(latency["samples"], samples, "{measurement}.{name}");
        let ranks = ["p50_ms", "p95_ms", "p99_ms", "max_ms"].map(|rank| latency[rank].as_f64().unwrap());
        assert!(ranks[0] > 0.0 && ranks.is_sorted(), "{measurement}.{name}: {ranks:?}");
    }
    for (measurement, ratio) in [
        ("create", "ratio"),
        ("wire", "ratio"),
        ("throughput", "bids_to_raw_calls"),
        ("throughput", "bids_to_raw_commits"),
    ] {
        assert!(report[measurement][ratio].as_f64().unwrap() > 0.0, "{measurement}.{ratio}");
        assert_eq!(report[measurement]["rounds"], 1, "{measurement}");
    }
    let levels = report["overhead"]["levels"].as_array().unwrap();
    assert_eq!(levels.iter().map(|level| level["at_once"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 100]);
    assert_eq!((&levels[0]["raw"]["samples"], &levels[1]["ours"]["samples"]), (&20.into(), &200.into()));
    assert!(levels.iter().all(|level| level["ratio_p50"].as_f64().unwrap() > 0.0));
    assert_eq!(report["memory"]["calls_held"], plan.held_tasks * AGENTS);
    assert_eq!(report["memory"]["alone"], false);
    // In one process with its agents nobody can tell whose time it was, and no binary was measured.
    assert_eq!(
        (&report["throughput"]["cpu_us_per_bid"], &report["size"]["binary_bytes"]),
        (&Value::Null, &Value::Null)
    );
    let first = report["wire"]["post_to_first_agent"]["max_ms"].as_f64();
    assert!(first <= report["wire"]["post_to_last_agent"]["max_ms"].as_f64());
}

#[tokio::test]
async fn only_what_was_asked_for() {
    let report = measured(&[Measurement::Size]).await;
    assert_eq!(keys(&report), ["run", "size"]);
}
