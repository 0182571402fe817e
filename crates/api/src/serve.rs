//! Our own accept loop: a deadline for request headers, a cap on connections, and a graceful end.
//!
//! HTTP/1.1 alone: whoever wants HTTP/2 has a proxy with TLS in front, and a server that guesses the version waits for
//! a first byte without any deadline.

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
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
    /// How long a client may take to send its headers, from the connection on and from each answer on.
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

/// Memory for the head of one request.
const HEAD_BYTES: usize = 64 * 1024;
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
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(socket), service));
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

fn builder(limits: ServeLimits) -> Builder {
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(HEAD_BYTES);
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
    async fn who_sends_no_whole_head_is_cut() {
        let limits = ServeLimits { header_timeout: Duration::from_millis(100), ..ServeLimits::default() };
        let (address, stop, serving) = server(limits).await;
        for said in ["", "G", "GET /slow HTTP/1.1\r\nHost: ", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
        {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(said.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            let cut = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut rest)).await;
            assert!(cut.is_ok(), "after {said:?} the server closes the connection");
        }
        stop.cancel();
        assert!(serving.await.unwrap());
    }

    #[tokio::test]
    async fn a_silent_connection_gives_its_slot_back() {
        let limits = ServeLimits {
            connections: 1,
            header_timeout: Duration::from_millis(100),
            ..ServeLimits::default()
        };
        let (address, stop, serving) = server(limits).await;
        let silent = TcpStream::connect(address).await.unwrap();
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let read = tokio::time::timeout(Duration::from_secs(5), socket.read_to_string(&mut answer)).await;
        assert!(read.is_ok() && answer.ends_with("slow"), "{answer}");
        drop(silent);
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
