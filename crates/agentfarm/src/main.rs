//! The farm as a process of its own: `agentfarm --spec FILE`.
//!
//! FILE is a JSON list of agents, `-` for none. What it says and is asked: [`gavel_agentfarm::process`].

use gavel_agentfarm::{AgentSpec, Farm, process};
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: agentfarm --spec FILE, where FILE is a JSON list of agents";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Nobody is left to hear of an error while telling the error.
            let _ = writeln!(io::stderr(), "agentfarm: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    process::converse(Farm::start(specs()?).await?, process::lines_of_stdin()).await
}

fn specs() -> io::Result<Vec<AgentSpec>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [flag, file] = &arguments[..] else { return Err(io::Error::other(USAGE)) };
    if flag != "--spec" {
        return Err(io::Error::other(USAGE));
    }
    if file == "-" {
        return Ok(Vec::new());
    }
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{file}: {e}"));
    let text = std::fs::read_to_string(file).map_err(named)?;
    serde_json::from_str(&text).map_err(|e| named(e.into()))
}
