//! One connection: the line under hyper, the service above it, and the watch over both.
//!
//! What a request changes is not dropped with its client: everything but reading runs on a task of its own from the
//! moment its head is whole, and is awaited at the stop like a connection.

use super::ServeLimits;
use super::pace::{Look, Pace};
use crate::peer::Peer;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1::Builder;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use std::io::{IoSlice, Result};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// The head of one request: what common proxies let through at most.
const HEAD_BYTES: usize = 16 * 1024;
/// What hyper gathers of a body before we take it, and of an answer before the client does.
const BUFFER_BYTES: usize = 64 * 1024;

/// What all connections of a server share.
#[derive(Clone)]
pub(super) struct Signals {
    /// No new requests.
    pub(super) stop: CancellationToken,
    /// The time to end by oneself is over.
    cut: CancellationToken,
    /// Connections, and requests that outlive theirs.
    pub(super) work: TaskTracker,
}

impl Signals {
    /// Dropping the guard cuts what is still there.
    pub(super) fn new(stop: CancellationToken) -> (Signals, DropGuard) {
        let cut = CancellationToken::new();
        let guard = cut.clone().drop_guard();
        (Signals { stop, cut, work: TaskTracker::new() }, guard)
    }
}

/// Answers the requests of one connection until it ends, by its client or by a limit.
pub(super) async fn carry(
    (socket, peer): (TcpStream, Peer),
    router: Router,
    limits: ServeLimits,
    signals: Signals,
) {
    let watch = Watch::new(limits);
    let ending = signals.stop.child_token();
    let line = TokioIo::new(Line { socket, watch: watch.clone() });
    let (watching, work) = (watch.clone(), signals.work.clone());
    let requests = Requests { router, peer, watch: watching, ending: ending.clone(), work };
    let mut connection = pin!(builder().serve_connection(line, requests));
    let mut leaving = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => return told(ended),
            () = ending.cancelled(), if !leaving => {
                leaving = true;
                if watch.pace().has_no_request() {
                    return; // half a head must not delay the stop
                }
                connection.as_mut().graceful_shutdown();
            }
            why = watch.broken(&ending) => return tracing::debug!(why, "a connection was closed"),
            () = signals.cut.cancelled() => return,
        }
    }
}

/// Without hyper's own limit of a head: it runs while a connection rests, too, and can tell the two not apart.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.header_read_timeout(None).max_header_size(HEAD_BYTES).max_buf_size(BUFFER_BYTES);
    builder
}

fn told(ended: hyper::Result<()>) {
    if let Err(cause) = ended {
        tracing::debug!(%cause, "a connection ended early");
    }
}

/// What line, requests and answers tell, for one to judge.
#[derive(Debug, Clone)]
struct Watch(Arc<Mutex<Pace>>);

impl Watch {
    fn new(limits: ServeLimits) -> Watch {
        Watch(Arc::new(Mutex::new(Pace::new(limits, Instant::now()))))
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a limit is broken, with the reason; at the end of its life it asks the connection to end.
    async fn broken(&self, ending: &CancellationToken) -> &'static str {
        loop {
            let look = self.pace().look(Instant::now());
            match look {
                Look::Wait(until) => tokio::time::sleep_until(until).await,
                Look::Leave => ending.cancel(),
                Look::Close(why) => return why,
            }
        }
    }
}

/// The router, as hyper calls it.
struct Requests {
    router: Router,
    peer: Peer,
    watch: Watch,
    ending: CancellationToken,
    work: TaskTracker,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Answer>;
    type Error = JoinError;
    type Future = BoxFuture<'static, std::result::Result<Self::Response, JoinError>>;

    /// What changes something is started here and not when first polled: a client that leaves at once has hyper drop
    /// the future before that.
    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.watch.pace().asked(Instant::now());
        let (watch, ending) = (self.watch.clone(), self.ending.clone());
        let reads = request.method().is_safe();
        request.extensions_mut().insert(self.peer);
        let answer = self.router.clone().oneshot(request);
        let running = if reads { Running::Here(answer) } else { Running::Apart(self.work.spawn(answer)) };
        Box::pin(async move {
            let Ok(response) = match running {
                Running::Here(answer) => answer.await,
                Running::Apart(task) => task.await?,
            };
            Ok(Answer::of(response, watch, ending))
        })
    }
}

/// A request under way: dropped with its connection, or not.
enum Running<H, A> {
    Here(H),
    Apart(A),
}

/// The body of an answer. An event stream ends when its connection is to end, between two events; its client comes
/// back with `Last-Event-ID`.
struct Answer {
    body: Body,
    watch: Watch,
    ending: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Answer {
    fn of(response: Response, watch: Watch, ending: CancellationToken) -> Response<Answer> {
        let ending = is_event_stream(response.headers()).then(|| Box::pin(ending.cancelled_owned()));
        response.map(|body| Answer { body, watch, ending })
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| text.starts_with("text/event-stream"))
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, axum::Error>>> {
        if self.ending.as_mut().is_some_and(|ending| ending.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.watch.pace().answered(Instant::now());
    }
}

/// The socket, telling what moves.
struct Line {
    socket: TcpStream,
    watch: Watch,
}

impl Line {
    fn noted(&self, sent: Poll<Result<usize>>) -> Poll<Result<usize>> {
        match sent {
            Poll::Pending => self.watch.pace().blocked(Instant::now()),
            Poll::Ready(Ok(bytes)) if bytes > 0 => self.watch.pace().sent(Instant::now()),
            Poll::Ready(_) => {}
        }
        sent
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.watch.pace().heard(Instant::now());
        }
        read
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let sent = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.noted(sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let sent = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.noted(sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
