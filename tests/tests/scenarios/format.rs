//! What a file may say. Everything else is an error.

use anyhow::{Context as _, Result};
use gavel_agentfarm::Conduct;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Where the files are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");

/// All files by name, in the order of their names.
pub(crate) fn read_all() -> Result<Vec<(String, Scenario)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(FOLDER)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((name, read(&path)?));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(files)
}

fn read(path: &Path) -> Result<Scenario> {
    let text = std::fs::read_to_string(path)?;
    serde_json::from_str(&text).with_context(|| format!("{} is no scenario", path.display()))
}

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What happens, in a sentence.
    #[expect(dead_code, reason = "for people")]
    pub(crate) story: String,
    /// What the file proves.
    pub(crate) covers: Vec<String>,
    #[serde(default)]
    pub(crate) settings: Settings,
    /// The body of `POST /tasks`.
    pub(crate) task: Value,
    pub(crate) agents: Vec<Agent>,
    pub(crate) steps: Vec<Step>,
    pub(crate) then: Then,
}

/// What differs from the defaults of `world.rs`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) money: Option<Money>,
    /// Whether the loop takes up tasks from the start.
    #[serde(rename = "loop")]
    pub(crate) looping: Option<bool>,
    pub(crate) phase_ms: Option<i64>,
    pub(crate) prototype_call_ms: Option<i64>,
    pub(crate) final_call_ms: Option<i64>,
    pub(crate) async_call_ms: Option<i64>,
    pub(crate) pull_lease_ms: Option<i64>,
    pub(crate) review_window_ms: Option<i64>,
    pub(crate) answer_window_ms: Option<i64>,
    pub(crate) on_silence: Option<Silence>,
    /// Buyer and developers hold test keys.
    pub(crate) test_keys: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Money {
    Off,
    Ledger,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Silence {
    Approve,
    Expire,
}

/// One agent: what it does and what it is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agent {
    pub(crate) slug: String,
    /// Its lowest price, as registered.
    #[serde(default)]
    pub(crate) min_price: f64,
    /// Its developer and the buyer are one account.
    #[serde(default)]
    pub(crate) of_buyer: bool,
    /// How many calls it takes at once, as registered.
    #[serde(default)]
    pub(crate) max_concurrency: Option<usize>,
    /// What the last probe found; the story begins when Gavel knows it.
    #[serde(default)]
    pub(crate) health: Option<Health>,
    #[serde(default)]
    pub(crate) execution_mode: ExecutionMode,
    /// How an asynchronous agent brings its results by itself; without it, only steps do.
    #[serde(default)]
    pub(crate) calls_back: Option<CallsBack>,
    /// The worker that fetches from the start.
    #[serde(default)]
    pub(crate) worker: Option<Worker>,
    /// Replies to prototype calls, in order; the last repeats. Only of agents that answer at once.
    #[serde(default)]
    pub(crate) prototype: Vec<Reply>,
    /// Replies to final calls; those of prototypes when empty.
    #[serde(rename = "final", default)]
    pub(crate) final_mode: Vec<Reply>,
    /// Every call it receives, in order.
    pub(crate) is_sent: Vec<Call>,
    /// Every answer to what it brings by itself, in order: `202`, `202 repeated`, `410 too_late`.
    #[serde(default)]
    pub(crate) hears: Vec<String>,
}

/// What carries an agent's work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExecutionMode {
    #[default]
    Sync,
    Async,
    Pull,
}

impl ExecutionMode {
    /// The word of the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            ExecutionMode::Sync => "sync",
            ExecutionMode::Async => "async",
            ExecutionMode::Pull => "pull",
        }
    }
}

/// What a probe finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Health {
    Passing,
    Failing,
    /// The first probe never ends.
    Unknown,
}

impl Health {
    /// The word of the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Health::Passing => "passing",
            Health::Failing => "failing",
            Health::Unknown => "unknown",
        }
    }
}

/// How an asynchronous agent brings its results.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CallsBack {
    /// Milliseconds after the acknowledgement, or after the call where it comes before.
    pub(crate) after_ms: u64,
    /// So many times more, the same message.
    pub(crate) again: u32,
    /// A result that is too short comes first.
    pub(crate) invalid_first: bool,
    pub(crate) badly_signed: bool,
}

/// A worker that fetches for an agent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Worker {
    pub(crate) does: Conduct,
    /// Milliseconds from the invitation to the result.
    #[serde(default)]
    pub(crate) work_ms: u64,
}

/// What an agent does with one call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    #[serde(default)]
    pub(crate) delay_ms: u64,
    pub(crate) then: Act,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    /// A usable answer without a price.
    Work,
    /// A usable answer with this price.
    WorkFor(f64),
    /// 200 with this JSON.
    Says(Value),
    /// 200 with these bytes.
    Text(String),
    /// This status with a word of excuse.
    Status(u16),
    /// Never a byte.
    Hang,
    /// The connection is closed without a byte.
    Close,
}

/// One call as it must arrive.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) mode: String,
    /// A second send: the same webhook-id as the call before.
    #[serde(default)]
    pub(crate) again: bool,
    /// Only if this agent won the race.
    #[serde(default)]
    pub(crate) only_winner: bool,
    /// Keys of the body with their values; objects need not be whole.
    #[serde(default)]
    pub(crate) body: Map<String, Value>,
    #[serde(default)]
    pub(crate) description_ends: Option<String>,
}

/// What happens next.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// The task is posted.
    Post { key: Option<String>, expect: Option<String> },
    /// The bid of this agent is selected; `nobody` stands for a bid that does not exist.
    Select { bid: String, key: Option<String>, expect: Option<String> },
    /// The task is cancelled.
    Cancel { expect: Option<String> },
    /// The delivery is approved.
    Approve { expect: Option<String> },
    /// Changes are asked for.
    Revision { notes: String, expect: Option<String> },
    /// The same task is posted once more, as one of its own, which `beside` of a view looks at.
    PostBeside {},
    /// An asynchronous agent brings the result of one of its calls: of the latest, unless `call` (from 1) says another.
    CallBack {
        of: String,
        call: Option<usize>,
        /// What it brings; a usable answer when absent.
        with: Option<Act>,
        /// The name of the message; one for each call when absent.
        message: Option<String>,
        #[serde(default)]
        badly_signed: bool,
        expect: Option<String>,
    },
    /// One more worker begins to fetch for an agent.
    Worker { of: String, worker: Worker },
    /// All of these at the same moment: one wins, the others get the answer `losers`.
    Race { of: Vec<Step>, losers: String },
    /// Gavel stops and starts on the same files.
    Restart {
        #[serde(rename = "loop", default = "yes")]
        looping: bool,
    },
    /// open -> matching, by the store's own step, while the loop takes up nothing.
    StartByHand {},
    /// Until it is so.
    Wait(View),
    /// It is so now.
    Check(View),
}

/// What is looked at; what is not named may be anything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct View {
    pub(crate) state: Option<String>,
    /// By agent; null while it works.
    pub(crate) outcomes: BTreeMap<String, Option<String>>,
    /// Statuses by agent.
    pub(crate) bids: BTreeMap<String, String>,
    pub(crate) delivery: Option<String>,
    pub(crate) revision: Option<u64>,
    /// How many calls each agent has received.
    pub(crate) calls: BTreeMap<String, usize>,
    /// How many acknowledgements of each agent are in its delivery log.
    pub(crate) acknowledged: BTreeMap<String, usize>,
    /// What each agent was answered to what it brought by itself.
    pub(crate) hears: BTreeMap<String, Vec<String>>,
    /// The window of the state is over, whether or not anybody has noticed.
    pub(crate) window_over: Option<bool>,
    /// Each agent's time is over, whether or not anybody has noticed.
    pub(crate) deadline_over: BTreeMap<String, bool>,
    /// The same of the winner's final call.
    pub(crate) final_call_over: Option<bool>,
    pub(crate) ledger: Option<Ledger>,
    /// Why each agent was asked or not.
    pub(crate) explain: BTreeMap<String, String>,
    /// The task that was posted beside.
    pub(crate) beside: Option<Box<View>>,
}

/// How it ends. What is absent is absent: no reason, no delivery, no bid.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Then {
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) under_supplied: Option<bool>,
    /// Every invitation's, by agent.
    pub(crate) outcomes: BTreeMap<String, Option<String>>,
    /// Every bid's status, by agent.
    #[serde(default)]
    pub(crate) bids: BTreeMap<String, String>,
    /// The status of the latest delivery.
    #[serde(default)]
    pub(crate) delivery: Option<String>,
    #[serde(default)]
    pub(crate) revision: Option<u64>,
    /// The types of the events that the buyer's endpoint was told of, in order; whatever they are when absent.
    #[serde(default)]
    pub(crate) told: Option<Vec<String>>,
    /// Why each agent was asked or not.
    #[serde(default)]
    pub(crate) explain: BTreeMap<String, String>,
    /// An agent's share of counted calls that went well, where final calls changed what its outcome alone gives.
    #[serde(default)]
    pub(crate) reliability: BTreeMap<String, f64>,
    pub(crate) ledger: Ledger,
}

/// Money: movements of the task in order, and every balance; what is absent is 0.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ledger {
    pub(crate) transfers: Vec<String>,
    #[serde(default)]
    pub(crate) buyer: f64,
    #[serde(default)]
    pub(crate) held: f64,
    #[serde(default)]
    pub(crate) platform: f64,
    /// By agent.
    #[serde(default)]
    pub(crate) developers: BTreeMap<String, f64>,
}

const fn yes() -> bool {
    true
}
