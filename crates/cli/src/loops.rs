//! Loops that run beside each other until they are asked to end.

use tokio::task::{JoinError, JoinSet};

/// Loops, each with its name.
#[derive(Default)]
pub(crate) struct Loops(JoinSet<(&'static str, Result<(), JoinError>)>);

impl Loops {
    /// Starts one more where it is wanted; one that is not wanted is never begun.
    pub(crate) fn add_when(
        &mut self,
        wanted: bool,
        name: &'static str,
        run: impl Future<Output = ()> + Send + 'static,
    ) {
        if wanted {
            self.add(name, run);
        }
    }

    /// Starts one more.
    pub(crate) fn add(&mut self, name: &'static str, run: impl Future<Output = ()> + Send + 'static) {
        let running = tokio::spawn(run); // a task of its own: a panic is told with its name
        self.0.spawn(async move { (name, running.await) });
    }

    /// Resolves when one has ended, with its name.
    pub(crate) async fn one_ended(&mut self) -> &'static str {
        match self.0.join_next().await {
            Some(Ok((name, _))) => name,
            Some(Err(_)) => "a loop",
            None => std::future::pending().await,
        }
    }

    /// Waits until all have ended.
    pub(crate) async fn all_ended(&mut self) {
        while let Some(ended) = self.0.join_next().await {
            if let Ok((name, Err(error))) = ended {
                tracing::error!(%error, "{name} failed");
            }
        }
    }
}
