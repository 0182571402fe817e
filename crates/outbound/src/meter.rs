//! The promise of every connection: it reads no more for a request than that request may cost, and never for so long
//! that others wait.
//!
//! The parser above takes informational heads without end and asks nobody. So the bytes are counted below it, where
//! nothing passes uncounted: interim heads, headers, chunk sizes, bodies.

use crate::steps::Steps;
use hyper_util::client::legacy::connect::{Connected, Connection};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};

/// Bytes a connection hands out before it lets others run. Parsing so many interim heads takes milliseconds; an
/// answer of a usual size comes in one turn.
const TURN: u64 = 16 * 1024;

/// What one request has read, what it may read, and how long its steps took.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) steps: Steps,
    read: AtomicU64,
    allowance: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes arrived, which no answer needs")]
struct Flooded(u64);

impl Tally {
    pub(crate) fn new(allowance: u64) -> Arc<Self> {
        let (read, allowance) = (AtomicU64::new(0), AtomicU64::new(allowance));
        Arc::new(Self { steps: Steps::start(), read, allowance })
    }

    /// Whether any byte arrived since the request began to be written.
    pub(crate) fn heard(&self) -> bool {
        self.read.load(Relaxed) > 0
    }

    /// Whether more arrived than was allowed; the connection broke off then.
    pub(crate) fn is_over(&self) -> bool {
        self.read.load(Relaxed) > self.allowance.load(Relaxed)
    }

    /// The head is complete: so many bytes more may come.
    pub(crate) fn allow(&self, more: u64) {
        self.allowance.store(self.allowance.load(Relaxed).saturating_add(more), Relaxed);
    }

    fn count(&self, bytes: usize) -> io::Result<()> {
        self.read.fetch_add(bytes as u64, Relaxed);
        if self.is_over() {
            return Err(io::Error::other(Flooded(self.allowance.load(Relaxed))));
        }
        Ok(())
    }
}

/// Whose request the bytes of a connection are counted for. A handle: the request finds it through the connection it
/// was given.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<Mutex<Counted>>);

#[derive(Debug)]
struct Counted {
    tally: Arc<Tally>,
    /// The request the connection was opened for, until the first one is sent on it.
    opener: Option<Arc<Tally>>,
}

impl Meter {
    /// From here on everything is read for this request. Tells whether the connection was opened for another one.
    pub(crate) fn begin(&self, tally: &Arc<Tally>) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.tally = Arc::clone(tally);
        !counted.opener.take().is_some_and(|opener| Arc::ptr_eq(&opener, tally))
    }

    fn count(&self, bytes: usize) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tally.count(bytes)
    }
}

/// A connection that counts and takes turns.
pub(crate) struct Metered<S> {
    /// Its limit is what is left of this turn.
    stream: Take<S>,
    meter: Meter,
}

impl<S: AsyncRead> Metered<S> {
    /// A connection opened for the request of `opener`. Until its first request it may read `allowance` bytes.
    pub(crate) fn new(stream: S, allowance: u64, opener: Arc<Tally>) -> Self {
        let counted = Counted { tally: Tally::new(allowance), opener: Some(opener) };
        Self { stream: stream.take(TURN), meter: Meter(Arc::new(Mutex::new(counted))) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stream.limit() == 0 {
            self.stream.set_limit(TURN);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_pending() {
            self.stream.set_limit(TURN); // others run now: that was a turn
        }
        ready!(read)?;
        Poll::Ready(self.meter.count(buf.filled().len() - before))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}

impl<S> Connection for Metered<S> {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.meter.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn endless(allowance: u64) -> Metered<tokio::io::Repeat> {
        Metered::new(tokio::io::repeat(b'x'), allowance, Tally::new(allowance))
    }

    /// Polls once for up to 64 KiB. An endless source is always ready.
    fn poll(metered: &mut Metered<tokio::io::Repeat>) -> Poll<io::Result<usize>> {
        let mut space = vec![0; 64 * 1024];
        let mut buf = ReadBuf::new(&mut space);
        let polled = Pin::new(metered).poll_read(&mut Context::from_waker(Waker::noop()), &mut buf);
        polled.map_ok(|()| buf.filled().len())
    }

    #[test]
    fn after_its_turn_a_connection_lets_others_run() {
        let mut metered = endless(u64::MAX);
        for _ in 0..3 {
            assert!(matches!(poll(&mut metered), Poll::Ready(Ok(read)) if read as u64 == TURN));
            assert!(poll(&mut metered).is_pending(), "although more is there");
        }
    }

    #[tokio::test]
    async fn whoever_gave_up_its_turn_is_woken() {
        let mut metered = endless(u64::MAX);
        let mut space = vec![0; 10 * TURN as usize];
        metered.read_exact(&mut space).await.unwrap();
        assert!(space.iter().all(|&byte| byte == b'x'));
    }

    #[test]
    fn one_byte_over_the_allowance_breaks_the_connection_off() {
        let mut metered = endless(TURN);
        assert!(matches!(poll(&mut metered), Poll::Ready(Ok(_))));
        assert!(poll(&mut metered).is_pending());
        let error = match poll(&mut metered) {
            Poll::Ready(Err(error)) => error.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(error, "more than 16384 bytes arrived, which no answer needs");
    }

    #[test]
    fn each_request_counts_for_itself() {
        let mut metered = endless(TURN);
        let meter = metered.meter.clone();
        assert!(poll(&mut metered).is_ready());
        let tally = Tally::new(TURN - 1);
        meter.begin(&tally);
        assert!(!tally.heard(), "what came before it was not for it");
        assert!(poll(&mut metered).is_pending());
        tally.allow(1);
        assert!(matches!(poll(&mut metered), Poll::Ready(Ok(_))));
        assert!(tally.heard() && !tally.is_over());
        assert!(poll(&mut metered).is_pending());
        assert!(matches!(poll(&mut metered), Poll::Ready(Err(_))));
        assert!(tally.is_over());
    }

    #[test]
    fn a_connection_is_used_again_by_all_but_the_first_request_of_its_opener() {
        let (opener, other) = (Tally::new(1), Tally::new(1));
        let meter = || Metered::new(tokio::io::empty(), 1, Arc::clone(&opener)).meter;
        let own = meter();
        assert_eq!([own.begin(&opener), own.begin(&other), own.begin(&opener)], [false, true, true]);
        let left_over = meter();
        assert_eq!([left_over.begin(&other), left_over.begin(&opener)], [true, true]);
    }
}
