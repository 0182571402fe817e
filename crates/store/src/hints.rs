//! "Look again": wake-ups after a commit. A hint carries no data and may be lost; every listener reads the
//! database and polls as the fallback.

use crate::news::{Hint, News, Touched};
use gavel_domain::{AgentId, TaskId};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, broadcast};

/// Wake-ups for the loop (something is ready), for watchers (something happened to a task) and for steps under way
/// (somebody decided on their task). `None` wakes them all. Whoever tells buyers by webhook is woken by each of them.
#[derive(Debug)]
pub struct Hints {
    ready: Notify,
    news: Notify,
    benchmark: Notify,
    told: broadcast::Sender<Option<TaskId>>,
    decided: broadcast::Sender<Option<TaskId>>,
    invited: broadcast::Sender<Option<AgentId>>,
    outbox: Outbox,
}

/// What other processes have not been told yet.
#[derive(Debug, Default)]
struct Outbox {
    /// `None` while nobody carries it there.
    news: Mutex<Option<News>>,
    bell: Notify,
}

/// How many hints a slow watcher may fall behind before it is told to look at everything.
const BACKLOG: usize = 1024;

impl Default for Hints {
    fn default() -> Self {
        Self {
            ready: Notify::new(),
            news: Notify::new(),
            benchmark: Notify::new(),
            told: broadcast::Sender::new(BACKLOG),
            decided: broadcast::Sender::new(BACKLOG),
            invited: broadcast::Sender::new(BACKLOG),
            outbox: Outbox::default(),
        }
    }
}

impl Hints {
    /// An event was written: the watchers of the task look again.
    pub(crate) fn told(&self, task: TaskId) {
        self.give(Hint::Task(task, Touched::Told));
    }

    /// There may be something to tell a buyer by webhook.
    pub(crate) fn news(&self) {
        self.news.notify_one();
    }

    /// A benchmark may go on. Other processes look for themselves, once a second: nobody waits for a benchmark's next task.
    pub(crate) fn benchmark(&self) {
        self.benchmark.notify_one();
    }

    /// The task may be ready for its next step: the loop looks again too.
    pub(crate) fn changed(&self, task: TaskId) {
        self.give(Hint::Task(task, Touched::Changed));
    }

    /// Somebody outside the loop changed the task: a step that works on it looks again too.
    pub(crate) fn decided(&self, task: TaskId) {
        self.give(Hint::Task(task, Touched::Decided));
    }

    /// An agent was asked for something: its worker may fetch it.
    pub(crate) fn invited(&self, agent: AgentId) {
        self.give(Hint::Invited(agent));
    }

    fn give(&self, hint: Hint) {
        self.wake(hint);
        if let Some(news) = self.outbox.news().as_mut() {
            news.add(hint);
            self.outbox.bell.notify_one();
        }
    }

    /// Wakes those who wait in this process; nobody waiting is fine.
    pub(crate) fn wake(&self, hint: Hint) {
        #[cfg(feature = "faults")]
        if crate::faults::is_lost() {
            return;
        }
        let (told, decided, invited) = match hint {
            Hint::Task(task, touched) => {
                (Some(Some(task)), (touched >= Touched::Decided).then_some(Some(task)), None)
            }
            Hint::Invited(agent) => (None, None, Some(Some(agent))),
            Hint::Everything => (Some(None), Some(None), Some(None)),
        };
        decided.map(|task| self.decided.send(task));
        told.map(|task| {
            self.news();
            self.told.send(task)
        });
        invited.map(|agent| self.invited.send(agent));
        if !matches!(hint, Hint::Task(_, Touched::Told) | Hint::Invited(_)) {
            self.ready.notify_one();
        }
    }

    /// From now on what others should hear is kept until it is taken.
    pub(crate) fn carried(&self) {
        self.outbox.news().get_or_insert_default();
    }

    /// Waits until there is something that others should hear.
    pub(crate) async fn waiting(&self) {
        self.outbox.bell.notified().await;
    }

    /// What others should hear.
    pub(crate) fn take(&self) -> News {
        self.outbox.news().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What could not be told is told later.
    pub(crate) fn keep(&self, untold: &News) {
        if let Some(news) = self.outbox.news().as_mut() {
            untold.hints().for_each(|hint| news.add(hint));
            self.outbox.bell.notify_one();
        }
    }

    /// Waits until something may be ready. A hint given just before is not lost.
    pub async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Waits until there may be something to tell a buyer by webhook.
    pub async fn told_anything(&self) {
        self.news.notified().await;
    }

    /// Waits until a benchmark may go on. A hint given just before is not lost.
    pub async fn benchmarks(&self) {
        self.benchmark.notified().await;
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

impl Outbox {
    /// A panic while it is held leaves it whole: every change is one call.
    fn news(&self) -> MutexGuard<'_, Option<News>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener for one task.
#[derive(Debug)]
pub struct Watch {
    task: TaskId,
    hints: broadcast::Receiver<Option<TaskId>>,
}

impl Watch {
    /// Waits until something may have happened to the task.
    pub async fn changed(&mut self) {
        woken(&mut self.hints, |task| *task == self.task).await;
    }
}

/// A listener for some agents' invitations.
#[derive(Debug)]
pub struct InvitationWatch {
    agents: Vec<AgentId>,
    hints: broadcast::Receiver<Option<AgentId>>,
}

impl InvitationWatch {
    /// Waits until one of the agents may have been invited.
    pub async fn changed(&mut self) {
        woken(&mut self.hints, |agent| self.agents.contains(agent)).await;
    }
}

/// Waits for a hint about one's own, about everything, or for having missed some.
async fn woken<T: Clone>(hints: &mut broadcast::Receiver<Option<T>>, is_mine: impl Fn(&T) -> bool) {
    loop {
        match hints.recv().await {
            Ok(about) if about.as_ref().is_none_or(&is_mine) => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
