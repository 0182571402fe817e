//! `gavel-bench`: prints one JSON document on stdout, its progress on stderr.

use anyhow::{Context as _, bail};
use clap::Parser;
use gavel::output;
use gavel_bench::place::Subject;
use gavel_bench::plan::{Measurement, Plan};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The allocator of the measured binary: the bare client is to have no other advantage than being bare.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the binary `gavel` beside this one; ratios to raw limits of the same run stand beside every figure.
#[derive(Debug, Parser)]
#[command(name = "gavel-bench", version)]
struct Args {
    /// A first look, below 20 seconds
    #[arg(long)]
    quick: bool,
    /// Measure only this; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<Measurement>,
    /// Where databases are made, on the disk that is to be measured; beside this binary when absent
    #[arg(long, value_name = "FOLDER")]
    disk: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("gavel-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn bench(args: Args) -> anyhow::Result<()> {
    let own = std::env::current_exe().context("where this binary is cannot be told")?;
    let beside = own.parent().context("this binary is in no folder")?;
    // Not the system's folder for such files: where that is in memory, a commit costs nothing.
    let disk = args.disk.as_deref().unwrap_or(beside);
    let plan = if args.quick { Plan::quick() } else { Plan::full() };
    let report = gavel_bench::run(&plan, &args.only, &subject(beside)?, disk).await?;
    output::json(&serde_json::to_value(report)?);
    Ok(())
}

fn subject(beside: &Path) -> anyhow::Result<Subject> {
    let binary = beside.join("gavel").with_extension(std::env::consts::EXE_EXTENSION);
    if !binary.is_file() {
        let release = if cfg!(debug_assertions) { "" } else { " --release" };
        bail!("there is no {}; build it first: cargo build{release}", binary.display());
    }
    Ok(Subject::Binary(binary))
}
