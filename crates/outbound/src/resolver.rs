//! Names are looked up here, once per request, before the client is asked. The addresses that passed the guard are
//! handed to the connector, which knows no other way to find any: what was checked is what is dialled.
//!
//! The look-up happens for every request, also where an open connection could be used again: a name that meanwhile
//! points into a private network is refused at once, whoever opened that connection.

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::future::ready;
use std::io;
use std::net::{IpAddr, SocketAddr};

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

tokio::task_local! {
    /// The addresses that were checked for the request this task is sending.
    pub(crate) static CHECKED: Vec<IpAddr>;
}

/// The connector's resolver: hands on the checked addresses of the present request, and nothing else.
pub(crate) struct OnlyChecked;

#[derive(Debug, thiserror::Error)]
#[error("no checked address for {0}: the client was used past its guard")]
struct Unchecked(String);

impl Resolve for OnlyChecked {
    fn resolve(&self, name: Name) -> Resolving {
        // Read at once, while this task is being polled; the future may be finished elsewhere.
        let checked = CHECKED.try_with(Vec::clone).unwrap_or_default();
        if checked.is_empty() {
            return Box::pin(ready(Err(Unchecked(name.as_str().to_owned()).into())));
        }
        // Port 0: the connector puts the URL's own port in.
        let addresses: Addrs = Box::new(checked.into_iter().map(|ip| SocketAddr::new(ip, 0)));
        Box::pin(ready(Ok(addresses)))
    }
}
