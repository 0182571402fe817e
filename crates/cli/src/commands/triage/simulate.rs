//! `gavel triage simulate`: what would each policy do to a market? Made-up markets from seeds, the shipped policies in
//! them.

use crate::args::SimulateArgs;
use crate::{Failure, output};
use anyhow::Context as _;
use gavel_market::{Contestant, Plan, PlanError, Report};
use indicatif::{ProgressBar, ProgressStyle};

pub(in crate::commands) async fn simulate(args: SimulateArgs) -> Result<(), Failure> {
    let plan = plan(&args);
    plan.check().map_err(|wrong| Failure::Usage(wrong.to_string()))?;
    let report = tokio::task::spawn_blocking(move || run(&plan)).await.context("the simulation broke off")?;
    let report = report.map_err(|wrong| Failure::Usage(wrong.to_string()))?;
    if args.json {
        output::json(&serde_json::to_value(&report).context("the report cannot be written")?);
    } else {
        output::line(report.to_string().trim_end());
    }
    Ok(())
}

fn plan(args: &SimulateArgs) -> Plan {
    let all = args.policies.is_empty();
    Plan {
        scenario: args.scenario,
        policies: if all { Contestant::ALL.to_vec() } else { args.policies.clone() },
        seeds: args.seeds,
        tasks: args.tasks,
        judge_shift: args.judge_shift,
    }
}

/// With a bar on a terminal, and silently elsewhere.
fn run(plan: &Plan) -> Result<Report, PlanError> {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos} of {len} lives, {eta} left") {
        bar.set_style(style);
    }
    let report = gavel_market::run(plan, &|done, total| {
        bar.set_length(u64::from(total));
        bar.set_position(u64::from(done));
    });
    bar.finish_and_clear();
    report
}
