//! Reads what happens to a task while it happens, and comes back with the last id it saw.

use super::http::{Ask, Caller};
use super::told::{Fact, History};
use http_body_util::BodyExt;
use serde_json::Value;
use std::time::Duration;

/// A stream that is silent for longer than its comments allow is given up.
const SILENCE: Duration = Duration::from_secs(20);
/// Before coming back.
const BREATH: Duration = Duration::from_millis(100);

/// Tells every event of the task to the history, until its last.
pub(crate) async fn watch(caller: Caller, history: &History, task: &str) {
    let mut after = 0;
    loop {
        let over = follow(&caller, task, &mut after, |seq, document| {
            history.tell(task, Fact::Event { seq, document });
        })
        .await;
        if over {
            return;
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// All events of a task that has ended.
pub(crate) async fn read(caller: &Caller, task: &str) -> Vec<(i64, Value)> {
    let (mut after, mut events) = (0, Vec::new());
    while !follow(caller, task, &mut after, |seq, document| events.push((seq, document))).await {
        tokio::time::sleep(BREATH).await;
    }
    events
}

/// Reads on from `after`; `true` when nothing more will be told: the task's last event has been, or there is no such
/// task.
async fn follow(caller: &Caller, task: &str, after: &mut i64, mut tell: impl FnMut(i64, Value)) -> bool {
    let path = format!("/api/v1/tasks/{task}/events");
    let Ok(response) = caller.open(&Ask { last_event: Some(*after), ..Ask::get(&path) }).await else {
        return false;
    };
    if response.status() != 200 {
        return response.status() == 404;
    }
    let (mut body, mut text) = (response.into_body(), String::new());
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await {
        text += &String::from_utf8_lossy(frame.data_ref().map_or(&[][..], |bytes| bytes));
        while let Some((event, rest)) = text.split_once("\n\n").map(|(e, r)| (e.to_owned(), r.to_owned())) {
            text = rest;
            let Some((seq, document)) = parsed(&event) else { continue };
            let over = is_final(&document["to"]);
            *after = seq;
            tell(seq, document);
            if over {
                return true;
            }
        }
    }
    false
}

fn parsed(event: &str) -> Option<(i64, Value)> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some((field("id:")?.parse().ok()?, serde_json::from_str(field("data:")?).ok()?))
}

/// Whether a task ends in this state.
pub(crate) fn is_final(state: &Value) -> bool {
    matches!(state.as_str(), Some("completed" | "cancelled" | "expired"))
}
