//! One connection with two users: hyper, and what is written past it because no HTTP library would say it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// A handle of a connection. All handles are polled by the connection's own task, so no wake-up is lost.
#[derive(Clone)]
pub(crate) struct Line(Arc<Mutex<Io>>);

/// What the bytes travel over.
pub(crate) enum Io {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl Line {
    pub(crate) fn new(io: Io) -> Self {
        Self(Arc::new(Mutex::new(io)))
    }

    /// Writes past hyper, and waits until it left.
    pub(crate) async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut handle = self.clone();
        handle.write_all(bytes).await?;
        handle.flush().await
    }

    /// Says that nothing more will come.
    pub(crate) async fn close(&self) -> io::Result<()> {
        self.clone().shutdown().await
    }

    /// Makes the end of the connection a reset instead of an orderly close.
    pub(crate) fn reset_at_the_end(&self) -> io::Result<()> {
        match &*self.held() {
            Io::Plain(stream) => stream.set_zero_linger(),
            #[cfg(feature = "tls")]
            Io::Tls(stream) => stream.get_ref().0.set_zero_linger(),
        }
    }

    fn held(&self) -> MutexGuard<'_, Io> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Polls whichever it is.
macro_rules! poll {
    ($line:expr, $stream:ident => $call:expr) => {
        match &mut *$line.held() {
            Io::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            #[cfg(feature = "tls")]
            Io::Tls($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
        }
    };
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        poll!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(self, stream => stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        poll!(self, stream => stream.is_write_vectored())
    }
}
