//! One request out, one answer or one named failure back.

use crate::failure::{before_the_head, in_the_body};
use crate::limits::Limits;
use crate::resolver::{CHECKED, Lookup, OnlyChecked, SystemLookup};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use gavel_dispatcher::transport::{FailureKind, Reply, Request, SendFailure, Transport};
use gavel_domain::network::{Guard, Refused};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::{Instant, timeout, timeout_at};
use url::{Host, Url};

/// The guarded client. Make one and share it: it keeps the open connections.
#[derive(Clone)]
pub struct Outbound {
    http: reqwest::Client,
    guard: Guard,
    limits: Limits,
    lookup: Arc<dyn Lookup>,
}

impl Outbound {
    /// A client that resolves names as the machine does.
    ///
    /// # Errors
    /// When TLS cannot be set up, most often because the machine has no bundle of root certificates.
    pub fn new(guard: Guard, limits: Limits) -> Result<Self, reqwest::Error> {
        Self::with_lookup(guard, limits, Arc::new(SystemLookup))
    }

    /// A client with another source of addresses.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn with_lookup(
        guard: Guard,
        limits: Limits,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self { http: client(&limits)?, guard, limits, lookup })
    }

    /// Looks up, checks, connects, sends and reads; the caller puts the deadline around it.
    async fn exchange(&self, request: Request) -> Result<Reply, SendFailure> {
        let url = self.guard.check_url(&request.url).map_err(refused)?;
        let headers = headers(&request.headers)?;
        let checked = self.checked_addresses(&url).await?;
        let post = self.http.post(url).headers(headers).body(request.body.clone());
        let response = CHECKED.scope(checked, post.send()).await.map_err(before_the_head)?;
        self.read(response, &request).await
    }

    /// Every address of the URL's host, once all have passed the guard. The connector dials a literal by itself, so
    /// that is judged here like an answer.
    async fn checked_addresses(&self, url: &Url) -> Result<Vec<IpAddr>, SendFailure> {
        let port = url.port_or_known_default().unwrap_or_default();
        let (host, answers) = match url.host() {
            Some(Host::Domain(host)) => (host, self.look_up(host).await?),
            Some(Host::Ipv4(ip)) => (url.host_str().unwrap_or_default(), vec![ip.into()]),
            Some(Host::Ipv6(ip)) => (url.host_str().unwrap_or_default(), vec![ip.into()]),
            None => return Err(SendFailure::new(FailureKind::Refused("no_host"), "the URL has no host")),
        };
        self.guard.check_answers(host, port, &answers).map_err(refused)?;
        Ok(answers)
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

    async fn read(&self, response: reqwest::Response, request: &Request) -> Result<Reply, SendFailure> {
        let mut reply = Reply {
            status: response.status().as_u16(),
            content_encoding: text_of(response.headers(), CONTENT_ENCODING)
                .filter(|named| is_encoding(named)),
            retry_after: text_of(response.headers(), RETRY_AFTER),
            body: Bytes::new(),
        };
        // An encoded body stays unread: dropping the response closes its connection.
        if reply.content_encoding.is_none() {
            reply.body = match reply.status {
                200 => whole_body(response, request.body_cap).await?,
                _ => self.start_of_body(response, request).await,
            };
        }
        Ok(reply)
    }

    /// What arrives soon of a body that only explains the status. Nothing that happens to it changes the verdict.
    async fn start_of_body(&self, mut response: reqwest::Response, request: &Request) -> Bytes {
        let until = request.deadline.min(Instant::now() + self.limits.error_body_wait);
        let mut body = BytesMut::new();
        while body.len() < request.error_body_cap {
            match timeout_at(until, response.chunk()).await {
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                Ok(Ok(None) | Err(_)) | Err(_) => break,
            }
        }
        body.truncate(request.error_body_cap);
        body.freeze()
    }
}

#[async_trait]
impl Transport for Outbound {
    async fn send(&self, request: Request) -> Result<Reply, SendFailure> {
        let deadline = request.deadline;
        timeout_at(deadline, self.exchange(request)).await.unwrap_or_else(|_| {
            Err(SendFailure::new(FailureKind::Timeout, "the deadline passed before the answer was complete"))
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the client is made: here it learns its manners"
)]
fn client(limits: &Limits) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .dns_resolver(OnlyChecked)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy() // HTTPS_PROXY in the environment would dial for us, unchecked
        .retry(reqwest::retry::never()) // each send has its own row; the client must not add one
        .referer(false)
        .http1_only() // one exchange at a time per connection: a framing fault spoils no other answer
        .http1_max_headers(limits.headers)
        .connect_timeout(limits.connect)
        .pool_idle_timeout(limits.idle)
        .pool_max_idle_per_host(limits.idle_per_host)
        .tcp_nodelay(true)
        .build()
}

/// The whole body, or a failure once it is known to be larger than `cap`.
async fn whole_body(mut response: reqwest::Response, cap: usize) -> Result<Bytes, SendFailure> {
    let too_large =
        || SendFailure::new(FailureKind::TooLarge, format!("the answer is larger than {cap} bytes"));
    let declared = response.content_length().unwrap_or(0);
    if declared > cap as u64 {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(in_the_body)? {
        if body.len() + chunk.len() > cap {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The headers as given, and the wish for a body that is not encoded.
fn headers(given: &[(String, String)]) -> Result<HeaderMap, SendFailure> {
    let mut headers = HeaderMap::with_capacity(given.len() + 1);
    for (name, value) in given {
        // The value may be a key, so the message names only the header.
        let bad = || {
            SendFailure::new(FailureKind::Ours, format!("the header {name} has a value that cannot be sent"))
        };
        let name = HeaderName::try_from(name).map_err(|_| bad())?;
        headers.append(name, HeaderValue::try_from(value).map_err(|_| bad())?);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// The header's lines joined, or `None` where there is none.
fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.map(|line| line.into_owned()).reduce(|all, line| format!("{all}, {line}"))
}

/// `identity` names no encoding; neither does an empty value.
fn is_encoding(named: &str) -> bool {
    let named = named.trim();
    !named.is_empty() && !named.eq_ignore_ascii_case("identity")
}

fn refused(refused: Refused) -> SendFailure {
    SendFailure::new(FailureKind::Refused(refused.code()), refused.to_string())
}
