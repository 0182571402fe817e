//! A client that only holds calls open: a connection each, and nothing else.

use super::call::Caller;
use anyhow::Context as _;
use bytes::Bytes;
use futures::future::try_join_all;
use tokio::task::JoinSet;

/// Connections opened at once: more than the agents' queue of new ones holds would be refused.
const OPENED_AT_ONCE: usize = 100;

/// Calls that are open for as long as this lives.
#[derive(Default)]
pub(crate) struct Held(JoinSet<anyhow::Result<()>>);

impl Held {
    /// Opens so many more, by turns with these agents, which take longer than they are held.
    pub(crate) async fn add(&mut self, urls: &[String], calls: usize, body: &Bytes) -> anyhow::Result<()> {
        let mut urls = urls.iter().cycle().take(calls).peekable();
        while urls.peek().is_some() {
            let some = urls.by_ref().take(OPENED_AT_ONCE);
            let callers = try_join_all(some.map(|url| Caller::connect(url))).await;
            for mut caller in callers.context("a bare call cannot be opened")? {
                let body = body.clone();
                self.0.spawn(async move { caller.call(&body).await });
            }
        }
        Ok(())
    }
}
