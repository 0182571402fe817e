//! "Look again": wake-ups after a commit. A hint carries no data and may be lost; every listener reads the
//! database and polls as the fallback.

use gavel_domain::TaskId;
use tokio::sync::{Notify, broadcast};

/// Wake-ups for the loop (something is ready) and for watchers (something happened to a task).
#[derive(Debug)]
pub struct Hints {
    ready: Notify,
    tasks: broadcast::Sender<TaskId>,
}

/// How many hints a slow watcher may fall behind before it is told to look at everything.
const BACKLOG: usize = 1024;

impl Default for Hints {
    fn default() -> Self {
        Self { ready: Notify::new(), tasks: broadcast::Sender::new(BACKLOG) }
    }
}

impl Hints {
    /// Tells the watchers of a task, and the loop, to look again.
    pub(crate) fn changed(&self, task: TaskId) {
        let _ = self.tasks.send(task); // nobody listening is fine
        self.ready.notify_one();
    }

    /// Waits until something may be ready. A hint given just before is not lost.
    pub async fn ready(&self) {
        self.ready.notified().await;
    }

    /// A listener for one task. Subscribe before the first read, or an event can fall between.
    pub fn watch(&self, task: TaskId) -> Watch {
        Watch { task, hints: self.tasks.subscribe() }
    }
}

/// A listener for one task.
#[derive(Debug)]
pub struct Watch {
    task: TaskId,
    hints: broadcast::Receiver<TaskId>,
}

impl Watch {
    /// Waits until something may have happened to the task.
    pub async fn changed(&mut self) {
        loop {
            match self.hints.recv().await {
                Ok(task) if task == self.task => return,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
