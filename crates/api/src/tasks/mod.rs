//! A buyer's tasks, one endpoint per file, in the order of a task's life.

pub(crate) mod create;
pub(crate) mod list;
mod new_task;
mod asked;
pub(crate) mod preview;

pub(crate) mod bid;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod gallery;
pub(crate) mod get;

pub(crate) mod cancel;
pub(crate) mod select;

pub(crate) mod approve;
pub(crate) mod delivery;
pub(crate) mod revision;

pub(crate) use new_task::EXPERIMENTATION_MILLI;

use crate::{AppState, auth, problem::Problem};
use gavel_domain::account::ApiKey;
use gavel_domain::{TaskId, task::Task};

/// A task this key may look at: its own, or any for an operator.
pub(crate) async fn seen(state: &AppState, key: &ApiKey, id: TaskId) -> Result<Task, Problem> {
    let task = state.store.task(id).await?;
    task.filter(|task| task.test == key.test && (task.account == key.account || auth::sees_all(key)))
        .ok_or_else(|| Problem::not_found("task"))
}

/// A task this key's account decides about.
pub(crate) async fn owned(state: &AppState, key: &ApiKey, id: TaskId) -> Result<Task, Problem> {
    let task = seen(state, key, id).await?;
    if task.account == key.account {
        return Ok(task);
    }
    Err(Problem::forbidden("Only the buyer of this task decides about it."))
}
