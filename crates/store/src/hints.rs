//! "Look again": wake-ups after a commit. A hint carries no data and may be lost; every listener reads the
//! database and polls as the fallback.

use gavel_domain::{AgentId, TaskId};
use tokio::sync::{Notify, broadcast};

/// Wake-ups for the loop (something is ready), for watchers (something happened to a task), for steps under way (somebody
/// decided on their task) and for whoever tells buyers by webhook.
#[derive(Debug)]
pub struct Hints {
    ready: Notify,
    news: Notify,
    told: broadcast::Sender<TaskId>,
    decided: broadcast::Sender<TaskId>,
    invited: broadcast::Sender<AgentId>,
}

/// How many hints a slow watcher may fall behind before it is told to look at everything.
const BACKLOG: usize = 1024;

impl Default for Hints {
    fn default() -> Self {
        let channel = || broadcast::Sender::new(BACKLOG);
        Self {
            ready: Notify::new(),
            news: Notify::new(),
            told: channel(),
            decided: channel(),
            invited: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl Hints {
    /// An event was written: the watchers of the task look again.
    pub(crate) fn told(&self, task: TaskId) {
        let _ = self.told.send(task); // nobody listening is fine
        self.news();
    }

    /// There may be something to tell a buyer by webhook.
    pub(crate) fn news(&self) {
        self.news.notify_one();
    }

    /// The task may be ready for its next step: the loop looks again too.
    pub(crate) fn changed(&self, task: TaskId) {
        self.told(task);
        self.ready.notify_one();
    }

    /// Somebody outside the loop changed the task: a step that works on it looks again too.
    pub(crate) fn decided(&self, task: TaskId) {
        let _ = self.decided.send(task); // no step under way is fine
        self.changed(task);
    }

    /// An agent was asked for something: its worker may fetch it.
    pub(crate) fn invited(&self, agent: AgentId) {
        let _ = self.invited.send(agent); // no worker waiting is fine
    }

    /// Waits until something may be ready. A hint given just before is not lost.
    pub async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Waits until there may be something to tell a buyer by webhook.
    pub async fn told_anything(&self) {
        self.news.notified().await;
    }

    /// A listener for the events of one task. Subscribe before the first read, or one can fall between.
    pub fn watch(&self, task: TaskId) -> Watch {
        Watch { task, hints: self.told.subscribe() }
    }

    /// A listener for invitations of some agents. Subscribe before the first look, or one can fall between.
    pub fn watch_invitations(&self, agents: Vec<AgentId>) -> InvitationWatch {
        InvitationWatch { agents, hints: self.invited.subscribe() }
    }

    /// A listener for decisions on one task, which are few: its own events do not wake a step.
    pub fn watch_decisions(&self, task: TaskId) -> Watch {
        Watch { task, hints: self.decided.subscribe() }
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

/// A listener for some agents' invitations.
#[derive(Debug)]
pub struct InvitationWatch {
    agents: Vec<AgentId>,
    hints: broadcast::Receiver<AgentId>,
}

impl InvitationWatch {
    /// Waits until one of the agents may have been invited.
    pub async fn changed(&mut self) {
        loop {
            match self.hints.recv().await {
                Ok(agent) if self.agents.contains(&agent) => return,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
