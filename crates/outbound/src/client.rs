//! One request out, one answer or one named failure back.

use crate::answer::Answer;
use crate::connector::{Connector, Dial, SystemDial};
use crate::failure::before_the_head;
use crate::limits::{HEAD_BYTES_LEAST, Limits};
use crate::meter::Tally;
use crate::request::{Outgoing, outgoing};
use crate::resolver::{CHECKED, Checked, Lookup, SystemLookup};
use crate::steps::Step;
use crate::tls::{ExtraRoots, NoTrust};
use async_trait::async_trait;
use gavel_dispatcher::transport::{FailureKind, Reply, Request, SendFailure, Transport};
use gavel_domain::network::{Allow, Guard, Refused};
use http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::time::{timeout, timeout_at};
use url::{Host, Url};

/// The guarded client. Make one and share it: it keeps the open connections.
#[derive(Clone)]
pub struct Outbound {
    http: Client<Connector, Outgoing>,
    guard: Guard,
    limits: Limits,
    lookup: Arc<dyn Lookup>,
}

/// What the client finds around it: the machine's own name service, network and roots, unless it is told others.
#[derive(Clone)]
pub struct Surroundings {
    /// Where the addresses of names come from.
    pub lookup: Arc<dyn Lookup>,
    /// How a connection to a checked address is opened.
    pub dial: Arc<dyn Dial>,
    /// Who is trusted beside the machine's roots.
    pub roots: ExtraRoots,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { lookup: Arc::new(SystemLookup), dial: Arc::new(SystemDial), roots: ExtraRoots::default() }
    }
}

impl Outbound {
    /// The client of a machine.
    ///
    /// # Errors
    /// When no agent could be reached: the machine has no root certificates, and nothing is opened that would do
    /// without. Where something is, only sends over https fail.
    pub fn new(guard: Guard, limits: Limits) -> Result<Self, NoTrust> {
        Self::within(Surroundings::default(), guard, limits)
    }

    /// A client with other surroundings.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn within(surroundings: Surroundings, guard: Guard, limits: Limits) -> Result<Self, NoTrust> {
        let Surroundings { lookup, dial, roots } = surroundings;
        let connector = Connector::new(&limits, dial, &roots);
        if guard.allow == Allow::default() {
            connector.trust()?;
        }
        Ok(Self { http: client(connector, &limits), guard, limits, lookup })
    }

    /// Looks up, checks, connects, sends and reads; the caller puts the deadline around it.
    async fn exchange(&self, request: Request, tally: &Arc<Tally>) -> Result<Reply, SendFailure> {
        let url = self.guard.check_url(&request.url).map_err(refused)?;
        let (outgoing, connection) = outgoing(&request, uri(&url, &request)?, tally)?;
        let addresses = self.checked_addresses(&url, tally).await?;
        let checked = Checked { addresses, tally: Arc::clone(tally) };
        let sent = CHECKED.scope(checked, self.http.request(outgoing)).await;
        tally.steps.end(Step::FirstByte);
        let response = sent.map_err(|error| before_the_head(&error, tally))?;
        Answer::new(response, tally, connection).read(&request, self.limits.error_body_wait).await
    }

    /// Every address of the URL's host, once all have passed the guard; a literal is judged like an answer.
    async fn checked_addresses(&self, url: &Url, tally: &Tally) -> Result<Vec<SocketAddr>, SendFailure> {
        let port = url.port_or_known_default().unwrap_or_default();
        let (host, answers) = match url.host() {
            Some(Host::Domain(host)) => (host, tally.steps.measure(Step::Dns, self.look_up(host)).await?),
            Some(Host::Ipv4(ip)) => (url.host_str().unwrap_or_default(), vec![ip.into()]),
            Some(Host::Ipv6(ip)) => (url.host_str().unwrap_or_default(), vec![ip.into()]),
            None => return Err(SendFailure::new(FailureKind::Refused("no_host"), "the URL has no host")),
        };
        self.guard.check_answers(host, port, &answers).map_err(refused)?;
        Ok(answers.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, SendFailure> {
        let answers = timeout(self.limits.look_up, self.lookup.look_up(host)).await.map_err(|_| {
            let waited = self.limits.look_up.as_secs();
            let message = format!("{host} was not resolved within {waited} s");
            SendFailure::new(FailureKind::Refused("dns_timeout"), message)
        })?;
        answers.map_err(|error| {
            SendFailure::new(FailureKind::Connect, format!("{host} does not resolve: {error}"))
        })
    }
}

#[async_trait]
impl Transport for Outbound {
    async fn send(&self, request: Request) -> Result<Reply, SendFailure> {
        let deadline = request.deadline;
        let tally = Tally::new(self.limits.before_the_body as u64);
        let sent = timeout_at(deadline, self.exchange(request, &tally)).await.unwrap_or_else(|_| {
            Err(SendFailure::new(FailureKind::Timeout, "the deadline passed before the answer was complete"))
        });
        let timing = tally.steps.timing();
        sent.map(|reply| Reply { timing, ..reply }).map_err(|failure| SendFailure { timing, ..failure })
    }
}

/// The pool and the parser. It knows no redirect, proxy, cookie or encoding; the connector speaks only HTTP/1.1: one
/// exchange at a time per connection, so a framing fault spoils no other answer.
#[expect(clippy::disallowed_methods, reason = "this is the one client that checks what it dials")]
fn client(connector: Connector, limits: &Limits) -> Client<Connector, Outgoing> {
    Client::builder(TokioExecutor::new())
        .retry_canceled_requests(false) // each send has its own row; the client must not add one
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(limits.idle)
        .pool_max_idle_per_host(limits.idle_per_host)
        .http1_max_headers(limits.headers)
        .http1_max_buf_size(limits.head_bytes.max(HEAD_BYTES_LEAST))
        .build(connector)
}

/// The URL, with whose connections may be used in the place of a user name: the pool keeps them apart by it, and it is
/// not sent. Agents on one host do not share connections: what one of them says too late would be another's answer.
fn uri(url: &Url, request: &Request) -> Result<Uri, SendFailure> {
    let unusual = || SendFailure::new(FailureKind::Ours, "the URL has characters that cannot be sent");
    let mut url = url.clone();
    url.set_username(&pool_of(request)).map_err(|()| unusual())?;
    Uri::try_from(url.as_str()).map_err(|_| unusual())
}

/// One pool per address and key: an agent's own.
fn pool_of(request: &Request) -> String {
    let mut hasher = DefaultHasher::new();
    request.url.hash(&mut hasher);
    let keys = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-aitasker-key"));
    keys.for_each(|(_, key)| key.hash(&mut hasher));
    format!("{:016x}", hasher.finish())
}

fn refused(refused: Refused) -> SendFailure {
    SendFailure::new(FailureKind::Refused(refused.code()), refused.to_string())
}
