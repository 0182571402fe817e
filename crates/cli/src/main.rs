//! The binary `gavel`.

use clap::Parser;
use gavel::{args::Cli, execute, output};
use std::process::ExitCode;

/// Needs less memory per open call than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match execute(Cli::parse().command).await {
        Ok(()) if output::is_lost() => {
            output::error("a part of the result could not be written");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure.told());
            ExitCode::from(failure.exit_code())
        }
    }
}
