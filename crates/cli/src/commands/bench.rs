//! `gavel bench`: one workload, measured on a server and agents that this binary starts from itself.

use super::ending::Ending;
use super::interrupted;
use crate::args::BenchArgs;
use crate::{Failure, output};
use anyhow::{Context as _, anyhow};
use gavel_bench::{Bench, Ground, NoGround, Plan, Report};
use serde_json::Value;
use std::path::Path;

pub(super) async fn bench(args: BenchArgs) -> Result<(), Failure> {
    let plan = if args.quick { Plan::quick() } else { Plan::full() };
    let plan = args.scale.into_iter().fold(plan, Plan::with_stored_tasks);
    // Not the system's folder for such files: where that is in memory, a commit costs nothing.
    let disk = args.disk.as_deref().unwrap_or(Path::new("."));
    let binary = std::env::current_exe().context("where this binary is cannot be told")?;
    let mut end = Ending::new().context("nothing is heard of a request to end")?; // from here on: what is made is thrown away
    let ground = Ground::make(disk, args.database.as_deref()).await.map_err(|no| match no {
        NoGround::Named(problem) => Failure::Usage(format!("{problem:#}")),
        NoGround::Failed(problem) => problem.into(),
    })?;
    let bench = Bench { binary, ground, plan, tell: output::note };
    let measured = tokio::select! {
        report = bench.run(args.workload) => report.map_err(Failure::from),
        () = end.asked() => Err(interrupted()),
    };
    // Also after a failure, which is the more telling of the two.
    let cleared = bench.ground.clear().await;
    print(measured?, args.json)?;
    Ok(cleared?)
}

pub(super) async fn agents() -> Result<(), Failure> {
    Ok(gavel_bench::agents::answer().await.map_err(|error| anyhow!("the agents of a benchmark: {error}"))?)
}

fn print(report: Report, json: bool) -> Result<(), Failure> {
    let document = serde_json::to_value(report).context("the report cannot be written")?;
    if json {
        output::json(&document);
    } else {
        lines(&document).iter().for_each(|line| output::line(line));
    }
    Ok(())
}

/// A short table: ratios first, then the figures they are made of, then how they were measured; what makes them worthless
/// stands before all.
fn lines(document: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if document["run"]["profile"] != RELEASE {
        lines.push("This is a debug build: its figures say nothing. Build with --release.".to_owned());
    }
    for part in ["ratios", "figures", "noise"] {
        lines.push(format!("{part}:"));
        named("", &document[part], &mut lines);
    }
    lines.push("run:".to_owned());
    for name in ["database", "profile", "processors", "took_seconds"] {
        named(name, &document["run"][name], &mut lines);
    }
    lines
}

/// How the profile of a binary that is fit to be measured is called.
const RELEASE: &str = "release";

/// A line for every value, with the names that lead to it.
fn named(names: &str, value: &Value, lines: &mut Vec<String>) {
    let below = |name: &str| if names.is_empty() { name.to_owned() } else { format!("{names}.{name}") };
    match value {
        Value::Object(values) => values.iter().for_each(|(name, value)| named(&below(name), value, lines)),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| named(&below(&at.to_string()), value, lines));
        }
        value => lines.push(format!("  {names:<46} {value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(profile: &str) -> Vec<String> {
        let document = json!({
            "ratios": { "some": 0.5 },
            "figures": { "levels": [{ "p50_ms": 1 }] },
            "noise": { "calm": true },
            "run": { "database": "sqlite", "profile": profile, "processors": 2, "took_seconds": 1, "plan": {} },
        });
        let lines = lines(&document);
        lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_line_for_every_value() {
        let figures = ["ratios:", "some 0.5", "figures:", "levels.0.p50_ms 1", "noise:", "calm true", "run:"];
        let run = [r#"database "sqlite""#, r#"profile "release""#, "processors 2", "took_seconds 1"];
        assert_eq!(told("release"), [&figures[..], &run].concat());
    }

    #[test]
    fn a_debug_build_is_told_before_all_else() {
        assert!(told("debug")[0].starts_with("This is a debug build"));
    }
}
