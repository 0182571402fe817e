//! Our own accept loop: a deadline for request headers, a cap on connections, and a graceful end.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::{conn::auto::Builder, graceful::GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use std::{sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// What one connection may cost us.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    /// How long running requests may take after the stop.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        // 4,096 open streams are a busy day; 10 s of headers is a slow phone; 10 s of drain fits a restart.
        let (header_timeout, drain) = (Duration::from_secs(10), Duration::from_secs(10));
        ServeLimits { connections: 4096, header_timeout, drain }
    }
}

/// Memory for the head of one HTTP/1 request.
const HEAD_BYTES: usize = 64 * 1024;
/// Memory for the head of one HTTP/2 request.
const HEADER_LIST_BYTES: u32 = 32 * 1024;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 250;
/// After a failed accept (too many open files) we breathe before we try again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop`; then no new connection is taken and running requests get `limits.drain` to end.
/// `true`: all of them ended in time.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    limits: ServeLimits,
) -> bool {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (graceful, builder) = (GracefulShutdown::new(), builder(limits));
    while let Some((socket, slot)) = next(&listener, &slots, &stop).await {
        let _ = socket.set_nodelay(true); // a hint: answers are small, send them at once
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(cause) = connection.await {
                tracing::debug!(%cause, "a connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener); // refuse new connections while draining
    tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_ok()
}

fn builder(limits: ServeLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES)
        .keep_alive_interval(limits.header_timeout);
    builder
}

/// The next connection with its slot; `None` at the stop.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = tokio::select! {
        slot = Arc::clone(slots).acquire_owned() => slot.ok()?,
        () = stop.cancelled() => return None,
    };
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => return Some((socket, slot)),
                Err(cause) => {
                    tracing::warn!(%cause, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = stop.cancelled() => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn server(
        limits: ServeLimits,
    ) -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "slow"
        };
        let router = Router::new().route("/slow", axum::routing::get(slow));
        let serving = tokio::spawn(serve(listener, router, stop.clone(), limits));
        (address, stop, serving)
    }

    #[tokio::test]
    async fn a_half_sent_head_is_cut() {
        let limits = ServeLimits { header_timeout: Duration::from_millis(100), ..ServeLimits::default() };
        let (address, stop, serving) = server(limits).await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET /slow HTTP/1.1\r\nHost: ").await.unwrap();
        let mut rest = Vec::new();
        let cut = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut rest)).await;
        assert!(cut.is_ok(), "the server closes the connection");
        stop.cancel();
        assert!(serving.await.unwrap());
    }

    #[tokio::test]
    async fn a_running_request_is_finished_at_the_stop() {
        let (address, stop, serving) = server(ServeLimits::default()).await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.cancel();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("slow"), "{answer}");
        assert!(serving.await.unwrap());
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }
}
