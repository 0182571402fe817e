//! Names are looked up here, once per request, before the client is asked. The addresses that passed the guard are
//! handed to the connector, which knows no other way to find any: what was checked is what is dialled.
//!
//! The look-up happens for every request, also where an open connection could be used again: a name that meanwhile
//! points into a private network is refused at once, whoever opened that connection.

use crate::meter::Tally;
use async_trait::async_trait;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Where the addresses of a name come from.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses of `host`.
    ///
    /// # Errors
    /// When the name does not resolve.
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let answers = tokio::net::lookup_host((host, 0)).await?;
        Ok(answers.map(|answer| answer.ip()).collect())
    }
}

/// What the send whose task this is may dial, and the account it keeps.
#[derive(Clone)]
pub(crate) struct Checked {
    /// The addresses that passed the guard, with the URL's port.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) tally: Arc<Tally>,
}

tokio::task_local! {
    pub(crate) static CHECKED: Checked;
}
