//! A farm as a process of its own. One line of JSON says where the agents are; for every line that comes on standard
//! input one line of JSON says what happened so far; when standard input ends, so does the farm.

use crate::farm::Farm;
use serde_json::Value;
use std::io::{self, BufRead, Write};
use tokio::sync::mpsc;

/// Says where the agents are, then what happened so far for every line that was asked.
///
/// # Errors
/// When nobody reads standard output any more.
pub async fn converse(farm: Farm, mut asked: mpsc::Receiver<String>) -> io::Result<()> {
    say(&farm.addresses())?;
    while asked.recv().await.is_some() {
        say(&farm.report())?;
    }
    farm.stop().await;
    Ok(())
}

/// A thread of its own: reading standard input cannot be interrupted.
pub fn lines_of_stdin() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
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
