//! The farm as a process of its own: `agentfarm --spec FILE`.
//!
//! FILE is a JSON list of agents, `-` for none. One line of JSON says where they are; for every line that comes on
//! standard input one line of JSON says what happened so far; when standard input ends, so does the farm.

use gavel_agentfarm::{AgentSpec, Farm};
use serde_json::Value;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use tokio::sync::mpsc;

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
    let farm = Farm::start(specs()?).await?;
    say(&farm.addresses())?;
    let mut asked = lines_of_stdin();
    while asked.recv().await.is_some() {
        say(&farm.report())?;
    }
    farm.stop().await;
    Ok(())
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

/// A thread of its own: reading standard input cannot be interrupted.
fn lines_of_stdin() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if line.is_err() || sender.blocking_send(()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn say(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}
