//! The agents: strangers on loopback in a process of their own, so that their time and their open files are not ours.

use crate::bench::Bench;
use crate::place::{PATIENCE, Process};
use anyhow::{Context as _, anyhow};
use gavel_agentfarm::{AgentSpec, Behaviour, Farm, Reply, Script, process};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, Command, Stdio};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The command of the binary that is these agents.
pub const COMMAND: &str = "bench-agents";
/// A sentence of a bid; repeated until the answer has about 4 KiB.
const SENTENCE: &str = "The same honest answer, given to every caller, so that only the caller is measured. ";
/// How often.
const SENTENCES: usize = 48;

/// An agent that is wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wanted {
    slug: String,
    act: Act,
}

/// What it does when it is called. The farm's own words for this can say far more, and reading those would make the
/// binary larger for everybody.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Act {
    /// Gives the constant bid after so many milliseconds.
    Echo(u64),
    /// Notes when it was asked, which the constant one does not, and gives a bid with this text.
    Note(String),
}

/// Running agents.
pub(crate) struct Agents {
    process: Process,
    ask: ChildStdin,
    answers: mpsc::UnboundedReceiver<String>,
    /// Their names and where they are called.
    pub(crate) doors: Vec<Door>,
}

/// An agent as it is registered.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) slug: String,
    pub(crate) url: String,
}

/// What all agents did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// Calls that came.
    pub(crate) calls: u64,
    /// Calls that are being worked on.
    pub(crate) under_way: u64,
}

/// The agents' process: the first line of standard input is a JSON list of agents; then as `agentfarm` does.
///
/// # Errors
/// When the list cannot be read, or the agents cannot be started.
pub async fn answer() -> io::Result<()> {
    let mut lines = process::lines_of_stdin();
    let specs = lines.recv().await.ok_or_else(|| io::Error::other("no list of agents came"))?;
    let wanted: Vec<Wanted> = serde_json::from_str(&specs)?;
    process::converse(Farm::start(wanted.into_iter().map(spec).collect()).await?, lines).await
}

impl Agents {
    /// Starts them.
    pub(crate) async fn start(bench: &Bench, wanted: &[Wanted]) -> anyhow::Result<Agents> {
        let mut command = Command::new(&bench.binary);
        command.arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process(command.spawn().context("the agents cannot be started")?);
        let mut ask = process.0.stdin.take().context("the agents cannot be asked")?;
        let answers = lines_of(process.0.stdout.take().context("the agents say nothing")?);
        writeln!(ask, "{}", serde_json::to_string(wanted)?)?;
        let mut agents = Agents { process, ask, answers, doors: Vec::new() };
        let addresses = agents.next().await?;
        agents.doors = addresses["agents"].as_array().into_iter().flatten().map(door).collect();
        Ok(agents)
    }

    /// Where they are called.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.doors.iter().map(|door| door.url.clone()).collect()
    }

    /// What happened so far.
    pub(crate) async fn told(&mut self) -> anyhow::Result<Told> {
        writeln!(self.ask).context("the agents ended")?;
        let report = self.next().await?;
        let calls =
            report["agents"].as_array().into_iter().flatten().filter_map(|agent| agent["calls"].as_u64());
        Ok(Told { calls: calls.sum(), under_way: report["under_way"].as_u64().unwrap_or_default() })
    }

    /// Ends them: calls that are open are cut.
    pub(crate) fn stop(self) {
        drop(self.process);
    }

    async fn next(&mut self) -> anyhow::Result<Value> {
        let line = timeout(PATIENCE, self.answers.recv()).await.context("the agents say nothing")?;
        Ok(serde_json::from_str(&line.ok_or_else(|| anyhow!("the agents ended"))?)?)
    }
}

/// So many agents that give the same bid after so many milliseconds, named `kind-1` and so on.
pub(crate) fn echoes(kind: &str, agents: usize, latency_ms: u64) -> Vec<Wanted> {
    (1..=agents).map(|n| Wanted { slug: format!("{kind}-{n}"), act: Act::Echo(latency_ms) }).collect()
}

/// So many agents that note when they are asked and give a bid with this text.
pub(crate) fn noting(agents: usize, text: &str) -> Vec<Wanted> {
    (1..=agents).map(|n| Wanted { slug: format!("noting-{n}"), act: Act::Note(text.to_owned()) }).collect()
}

/// As the farm is told.
pub(crate) fn spec(wanted: Wanted) -> AgentSpec {
    let behaviour = match wanted.act {
        Act::Echo(latency_ms) => Behaviour::Echo { latency_ms },
        Act::Note(text) => {
            let bid = json!({ "full_text": text, "summary": "The constant answer of a benchmark agent." });
            Behaviour::Script(Script::always(Reply::answer(200, bid.to_string())))
        }
    };
    AgentSpec::new(wanted.slug, behaviour)
}

/// What the answers of agents say.
pub(crate) fn bid_text() -> String {
    SENTENCE.repeat(SENTENCES)
}

fn door(agent: &Value) -> Door {
    let text = |name: &str| agent[name].as_str().unwrap_or_default().to_owned();
    Door { slug: text("slug"), url: text("url") }
}

/// A thread of its own: a pipe cannot be waited for otherwise.
fn lines_of(pipe: impl Read + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
