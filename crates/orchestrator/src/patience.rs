//! A database that is away for a while: nothing is lost, nobody asks it all the time, and the log says so once in a
//! while, however many steps wait for it.

use crate::Context;
use gavel_domain::{Chain, Chance, TaskId, backoff};
use gavel_store::{Error, Result, Seldom};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// How often it is told that the database is busy or away.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// When it was last told that the database is busy or away.
#[derive(Debug)]
pub struct Outage(Seldom);

impl Default for Outage {
    fn default() -> Self {
        Outage(Seldom::every(TELL_EVERY))
    }
}

impl Outage {
    /// Logs what could not be done; that the database is busy or away is not told for each who meets it.
    fn tell(&self, what: &str, error: &Error) {
        if !matches!(error, Error::Busy(_)) || self.0.is_news() {
            tracing::error!(error = %Chain(error), "{what}");
        }
    }
}

/// Tries again for as long as the database is busy or away.
#[derive(Clone)]
pub(crate) struct Patience {
    outage: Arc<Outage>,
    chance: Arc<dyn Chance>,
}

impl Patience {
    /// What an agent has said, and the calls that are under way beside it, are worth the wait. The step is dropped with
    /// its claim all the same.
    pub(crate) async fn with<T, F>(&self, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut failures = 0;
        loop {
            match attempt().await {
                Err(error @ Error::Busy(_)) => {
                    failures += 1;
                    self.outage.tell("the database is waited for", &error);
                    sleep(backoff::pause(failures, &*self.chance)).await;
                }
                done => return done,
            }
        }
    }
}

impl Context {
    /// Who waits for the database.
    pub(crate) fn patience(&self) -> Patience {
        Patience { outage: Arc::clone(&self.outage), chance: Arc::clone(&self.chance) }
    }

    /// [`Patience::with`].
    pub(crate) async fn patiently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.patience().with(attempt).await
    }

    /// Logs what the loops could not do.
    pub(crate) fn tell(&self, what: &str, error: &Error) {
        self.outage.tell(what, error);
    }

    /// Logs that a step has to wait.
    pub(crate) fn tell_of_step(&self, task: TaskId, error: &str) {
        if self.outage.0.is_news() {
            tracing::error!(task.id = %task, error, "a step is put off");
        }
    }
}
