//! `gavel tasks`: which there are, what nothing helped, and how it goes on.

use super::existing;
use crate::args::{DeadTasksArgs, ListTasksArgs, RetryTaskArgs};
use crate::{Failure, output};
use gavel_domain::clock::SystemClock;
use gavel_domain::ledger::TransferKind;
use gavel_domain::{Clock, Currency};
use gavel_store::overview::{ListedTask, Wanted};
use gavel_store::recovery::SetAside;
use serde_json::{Value, json};

/// Of a title in a line of the list.
const TITLE_WIDTH: usize = 60;

pub(super) async fn list(args: ListTasksArgs) -> Result<(), Failure> {
    let (config, store) = existing(&args.place).await?;
    let wanted = Wanted { state: args.state, account: args.account, before: args.before };
    let tasks = store.list_tasks(&wanted, args.limit).await?;
    let own = store.currency().await?.and_then(|code| Currency::new(&code).ok());
    store.close().await;
    let currency = own.unwrap_or(config.currency);
    if args.json {
        let tasks: Vec<_> = tasks.iter().map(|task| listed(task, &currency)).collect();
        output::json(&json!({ "currency": currency.code(), "tasks": tasks }));
    } else if tasks.is_empty() {
        output::line("There are no such tasks.");
    } else {
        tasks.iter().for_each(|task| output::line(&list_line(task)));
    }
    Ok(())
}

pub(super) async fn dead(args: &DeadTasksArgs) -> Result<(), Failure> {
    let (_, store) = existing(&args.place).await?;
    let aside = store.set_aside().await?;
    store.close().await;
    if args.json {
        output::json(&json!({ "tasks": aside.iter().map(document).collect::<Vec<_>>() }));
    } else if aside.is_empty() {
        output::line("No task is set aside.");
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

fn listed(task: &ListedTask, currency: &Currency) -> Value {
    json!({
        "id": task.id.to_string(),
        "account": task.account,
        "test": task.test,
        "state": task.state.name(),
        "reason": task.reason,
        "title": task.title,
        "budget": task.budget.to_f64(currency),
        "money": task.money.map(became),
        "created_at": task.created_at,
    })
}

/// What the last movement made of a task's money.
const fn became(last: TransferKind) -> &'static str {
    match last {
        TransferKind::Hold => "held",
        TransferKind::Release => "paid",
        TransferKind::Refund => "given back",
    }
}

/// `01a2...  2026-...  completed (answer_window_lapsed)  paid  buyer  A guide to green tea`
fn list_line(task: &ListedTask) -> String {
    let at = task.created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let why = task.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let money = task.money.map_or("no money", became);
    let test = if task.test { "  test" } else { "" };
    let title = output::clipped(&task.title, TITLE_WIDTH);
    format!("{}  {at}  {}{why}  {money}{test}  {}  {title}", task.id, task.state, task.account)
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
