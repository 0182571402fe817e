//! What can be asked of triage.

use super::{EXIT_CODES, PlaceArgs, parse_task_id};
use clap::{Args, Subcommand};
use gavel_domain::TaskId;
use gavel_market::{Contestant, Scenario};
use std::path::PathBuf;

/// `gavel triage`.
#[derive(Debug, Subcommand)]
pub enum TriageCommand {
    /// Tell why an agent was asked for a task, or why not
    #[command(after_help = EXIT_CODES)]
    Explain(ExplainArgs),
    /// Make a decision again from what is stored, and see that it is the same to the byte
    #[command(after_help = EXIT_CODES)]
    Replay(ReplayArgs),
    /// Print a decision with everything it was made from, to be replayed or explained on another machine
    #[command(after_help = EXIT_CODES)]
    Export(ExportArgs),
    /// See whom other parameters would have asked: who gains, who loses, and what it would take
    #[command(after_help = EXIT_CODES)]
    Diff(DiffArgs),
    /// Let the shipped policies live through markets that are made up from seeds, and compare them
    #[command(after_help = EXIT_CODES)]
    Simulate(SimulateArgs),
}

/// Which decision.
#[derive(Debug, Clone, Args)]
pub struct DecisionArgs {
    /// The round of the task
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub round: u32,
    /// A file that `gavel triage export` printed, instead of the database
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel triage explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The task; with --file it is not looked at
    #[arg(value_name = "TASK", value_parser = parse_task_id)]
    pub task: TaskId,
    /// The agent's short name or id; without it every candidate's reason in a word
    #[arg(value_name = "AGENT")]
    pub agent: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub decision: DecisionArgs,
}

/// `gavel triage replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The task; not needed with --file
    #[arg(value_name = "TASK", value_parser = parse_task_id, required_unless_present = "file")]
    pub task: Option<TaskId>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub decision: DecisionArgs,
}

/// `gavel triage export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The task
    #[arg(value_name = "TASK", value_parser = parse_task_id)]
    pub task: TaskId,
    /// The round of the task
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub round: u32,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel triage diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The other parameters of aitasker-v1, in TOML as in triage.policy_file; what it leaves out is as shipped
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// How many of the latest decisions are made again
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub last: u32,
    /// Only decisions of this category
    #[arg(long, value_name = "SLUG")]
    pub category: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel triage simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The kind of market: young, mature or gaming
    #[arg(long, default_value = "mature")]
    pub scenario: Scenario,
    /// A policy to compare (may be repeated; all when none is named): uniform, greedy, v1, v1-by-budget,
    /// v1-without-lanes, thompson-judge, thompson-choices or thompson
    #[arg(long = "policy", value_name = "POLICY")]
    pub policies: Vec<Contestant>,
    /// How many markets, each from its own seed (2 to 1,000)
    #[arg(long, default_value_t = 20)]
    pub seeds: u32,
    /// How many tasks are counted in each market (200 to 200,000)
    #[arg(long, default_value_t = 4_000)]
    pub tasks: u32,
    /// What is added to every score of the judge, as another judge would: -0.10 shows how fragile thresholds are
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true, value_name = "SCORE")]
    pub judge_shift: f64,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}
