//! Every agent's progress while it works: a line each that changes on a terminal, plain lines elsewhere. On stderr,
//! so that the result stays alone on stdout.

use crate::output;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(100);
/// Width of an agent's name.
const NAME: usize = 28;

/// What is shown of every agent.
pub struct Progress {
    /// `None`: plain lines.
    bars: Option<MultiProgress>,
    agents: BTreeMap<String, Agent>,
}

#[derive(Default)]
struct Agent {
    /// How it stands, as last shown.
    shown: String,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// On stderr, as it allows.
    pub fn new() -> Self {
        let bars = std::io::stderr().is_terminal();
        let bars = bars.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Progress { bars, agents: BTreeMap::new() }
    }

    /// Shows what the gallery tells.
    pub fn show(&mut self, gallery: &Value) {
        let list = |name: &str| gallery[name].as_array().cloned().unwrap_or_default();
        let scores: BTreeMap<String, Value> =
            list("bids").into_iter().map(|bid| (text(&bid["agent_slug"]), bid)).collect();
        for invitation in list("invitations") {
            let slug = text(&invitation["agent"]);
            let (standing, over) = standing(&invitation, scores.get(&slug));
            self.tell(&slug, standing, over);
        }
    }

    fn tell(&mut self, slug: &str, standing: String, over: bool) {
        let agent = self.agents.entry(slug.to_owned()).or_default();
        if agent.shown == standing {
            return;
        }
        let line = format!("  {:<NAME$} {standing}", output::clipped(&output::plain(slug), NAME));
        match &self.bars {
            Some(bars) => {
                let bar = agent.bar.get_or_insert_with(|| bars.add(spinner()));
                bar.set_message(line);
                if over {
                    bar.abandon();
                }
            }
            None => output::note(&line),
        }
        agent.shown = standing;
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// How an agent stands, and whether that is final.
fn standing(invitation: &Value, bid: Option<&Value>) -> (String, bool) {
    match (invitation["outcome"].as_str(), bid) {
        (None, _) => ("working".to_owned(), false),
        (Some("valid"), Some(bid)) => match bid["eval_score"].as_f64() {
            Some(score) => {
                let seconds = bid["response_seconds"].as_f64().unwrap_or_default();
                (format!("scored {score:.3} after {seconds:.1} s"), true)
            }
            None => ("answered, being judged".to_owned(), false),
        },
        (Some(outcome), _) => (outcome.replace('_', " "), outcome != "valid"),
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style.tick_chars("|/-\\ "));
    }
    bar.enable_steady_tick(TURN);
    bar
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn how_an_agent_stands() {
        let check = |outcome: Value, bid: Option<Value>, expected: &str, over: bool| {
            let invitation = json!({ "agent": "a", "outcome": outcome });
            assert_eq!(standing(&invitation, bid.as_ref()), (expected.to_owned(), over));
        };
        check(Value::Null, None, "working", false);
        check(json!("timeout"), None, "timeout", true);
        check(json!("invalid_response"), None, "invalid response", true);
        check(json!("valid"), None, "valid", false);
        check(json!("valid"), Some(json!({ "eval_score": null })), "answered, being judged", false);
        let scored = json!({ "eval_score": 0.71234, "response_seconds": 2.04 });
        check(json!("valid"), Some(scored), "scored 0.712 after 2.0 s", true);
    }
}
