//! From a URL to an open connection: the checked addresses, TCP, TLS, the meter.

use crate::limits::Limits;
use crate::meter::Metered;
use crate::resolver::{CHECKED, Checked};
use crate::steps::Step;
use crate::tls::{ExtraRoots, NoTrust, trust};
use async_trait::async_trait;
use futures::stream::{FuturesUnordered, StreamExt};
use gavel_dispatcher::transport::FailureKind;
use http::Uri;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{InvalidDnsNameError, ServerName};
use tower_service::Service;

/// How long an address is given before the next is tried beside it: a host of which one family is dead is still
/// reached well within the limit for connecting (RFC 8305 names this value).
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses of one host that are tried. A name may have hundreds; a send must not dial them all.
const ADDRESSES_TRIED: usize = 6;

/// The plaintext side of a connection: TCP, or TLS over it.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Opens one TCP connection. It is given only addresses that were checked.
#[async_trait]
pub trait Dial: Send + Sync {
    /// A connection to `address` and no other.
    ///
    /// # Errors
    /// When none can be made.
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

/// The machine's own network.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDial;

#[async_trait]
impl Dial for SystemDial {
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}

/// Opens connections to the checked addresses of the present send, and to no others.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: Result<TlsConnector, NoTrust>,
    dial: Arc<dyn Dial>,
    connect: Duration,
    allowance: u64,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unconnected {
    #[error("{0}")]
    Tcp(io::Error),
    #[error("{0}")]
    Tls(io::Error),
    #[error("no connection was made within {} s", .0.as_secs_f32())]
    TooSlow(Duration),
    #[error("no certificate can name this host: {0}")]
    NoName(#[from] InvalidDnsNameError),
    #[error(transparent)]
    NoTrust(#[from] NoTrust),
    #[error("no checked address for {0}: the client was used past its guard")]
    Unchecked(Uri),
}

impl Unconnected {
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            // What the TLS layer finds wrong it reports as invalid data; all else is the connection's end.
            Self::Tls(error) if error.kind() == io::ErrorKind::InvalidData => FailureKind::Tls,
            Self::NoName(_) => FailureKind::Tls,
            Self::Tcp(_) | Self::Tls(_) | Self::TooSlow(_) => FailureKind::Connect,
            Self::NoTrust(_) | Self::Unchecked(_) => FailureKind::Ours,
        }
    }
}

impl Connector {
    pub(crate) fn new(limits: &Limits, dial: Arc<dyn Dial>, roots: &ExtraRoots) -> Self {
        Self { tls: trust(roots), dial, connect: limits.connect, allowance: limits.before_the_body as u64 }
    }

    /// Whether agents can be reached over https.
    pub(crate) fn trust(&self) -> Result<(), NoTrust> {
        self.tls.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    async fn open(&self, uri: &Uri, checked: &Checked) -> Result<Box<dyn Wire>, Unconnected> {
        let steps = &checked.tally.steps;
        let dialled = steps.measure(Step::Connect, first_to_answer(&*self.dial, &checked.addresses));
        if uri.scheme_str() != Some("https") {
            return Ok(Box::new(dialled.await?));
        }
        let tls = self.tls.as_ref().map_err(Clone::clone)?;
        let host = uri.host().unwrap_or_default();
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
        let stream = dialled.await?;
        let secured = steps.measure(Step::Tls, tls.connect(name, stream)).await;
        Ok(Box::new(secured.map_err(Unconnected::Tls)?))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Metered<Box<dyn Wire>>>;
    type Error = Unconnected;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unconnected>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unconnected>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // Read at once, while the send's own task is being polled; the future may be finished elsewhere.
        let checked = CHECKED.try_with(Checked::clone);
        let connector = self.clone();
        Box::pin(async move {
            let Ok(checked) = checked else { return Err(Unconnected::Unchecked(uri)) };
            let limit = connector.connect;
            let opened = timeout(limit, connector.open(&uri, &checked)).await;
            let stream = opened.unwrap_or(Err(Unconnected::TooSlow(limit)))?;
            Ok(TokioIo::new(Metered::new(stream, connector.allowance, checked.tally)))
        })
    }
}

/// The first of these addresses that answers. Each gets a head start; one that fails makes way at once.
async fn first_to_answer(dial: &dyn Dial, checked: &[SocketAddr]) -> Result<TcpStream, Unconnected> {
    let mut waiting = by_turns(checked).into_iter();
    let mut dialled = FuturesUnordered::new();
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        dialled.extend(waiting.next().map(|address| dial.dial(address)));
        tokio::select! {
            answered = dialled.next() => match answered {
                Some(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(Unconnected::Tcp)?;
                    return Ok(stream);
                }
                Some(Err(error)) => failed = error,
                None => return Err(Unconnected::Tcp(failed)),
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

/// The families in turns, the resolver's first choice first.
fn by_turns(checked: &[SocketAddr]) -> Vec<SocketAddr> {
    let preferred = checked.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        checked.iter().partition(|address| address.is_ipv6() == preferred);
    let turns = (0..checked.len()).flat_map(|turn| [first.get(turn), second.get(turn)]);
    turns.flatten().copied().take(ADDRESSES_TRIED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_only_some_addresses_are_tried() {
        let check = |given: &[&str], expected: &[&str]| {
            let parsed = |list: &[&str]| -> Vec<SocketAddr> {
                list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 443)).collect()
            };
            assert_eq!(by_turns(&parsed(given)), parsed(expected));
        };
        check(&[], &[]);
        check(&["::1", "::2", "1.1.1.1"], &["::1", "1.1.1.1", "::2"]);
        check(&["1.1.1.1", "::1", "::2", "::3"], &["1.1.1.1", "::1", "::2", "::3"]);
        let many = ["1.0.0.1", "1.0.0.2", "1.0.0.3", "1.0.0.4", "1.0.0.5", "1.0.0.6", "1.0.0.7"];
        check(&many, &many[..ADDRESSES_TRIED]);
    }

    #[tokio::test]
    async fn outside_a_send_nothing_is_dialled() {
        let dial = Arc::new(SystemDial);
        let mut connector = Connector::new(&Limits::default(), dial, &ExtraRoots::default());
        let opened = connector.call(Uri::from_static("http://127.0.0.1:9/")).await;
        assert!(matches!(opened, Err(Unconnected::Unchecked(_))));
    }
}
