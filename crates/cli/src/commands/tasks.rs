//! `gavel tasks`: what nothing helped, and how it goes on.

use super::existing;
use crate::args::{DeadTasksArgs, RetryTaskArgs};
use crate::{Failure, output};
use gavel_domain::Clock;
use gavel_domain::clock::SystemClock;
use gavel_store::recovery::SetAside;
use serde_json::{Value, json};

pub(super) async fn dead(args: &DeadTasksArgs) -> Result<(), Failure> {
    let (_, store) = existing(&args.place).await?;
    let aside = store.set_aside().await?;
    store.close().await;
    if args.json {
        output::json(&json!({ "tasks": aside.iter().map(document).collect::<Vec<_>>() }));
    } else {
        aside.iter().for_each(|task| output::line(&one_line(task)));
    }
    Ok(())
}

pub(super) async fn retry(args: &RetryTaskArgs) -> Result<(), Failure> {
    let (_, store) = existing(&args.place).await?;
    let taken_up = store.retry(args.id, SystemClock.now()).await?;
    store.close().await;
    if !taken_up {
        let why = format!("no task {} is set aside; `gavel tasks dead` lists those that are", args.id);
        return Err(Failure::Usage(why));
    }
    if args.json {
        output::json(&json!({ "id": args.id.to_string(), "retried": true }));
    } else {
        output::line(&format!("The task {} is taken up again, as if nothing had failed.", args.id));
    }
    Ok(())
}

fn document(aside: &SetAside) -> Value {
    json!({
        "id": aside.task.to_string(),
        "state": aside.state,
        "since": aside.at,
        "failures": aside.failures,
        "reason": aside.reason,
    })
}

fn one_line(aside: &SetAside) -> String {
    let since = aside.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    format!("{}  {}  since {since}  {}", aside.task, aside.state, aside.reason)
}
