//! An answer: well-formed, or exact bytes at exact times.

use crate::line::Line;
use bytes::{Bytes, BytesMut};
use std::io;
use std::time::Duration;
use tokio::time::sleep;

/// Small units that are repeated without a pause leave in blocks of about this size.
const BLOCK_BYTES: usize = 64 * 1024;

/// Names and values, in order.
pub type Headers = Vec<(String, String)>;

/// What is sent back for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Well-formed HTTP; the length of the body is added.
    Whole {
        /// The status.
        status: u16,
        /// Names and values.
        headers: Headers,
        /// The body.
        body: Bytes,
    },
    /// These bytes and nothing else.
    Wire(Wire),
}

/// Bytes as they go out, and what happens to the connection afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// One after the other.
    pub pieces: Vec<Piece>,
    /// What happens then.
    pub end: End,
}

/// Bytes that go out once, several times or without end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What goes out each time.
    pub bytes: Bytes,
    /// How many times; `None`: until the caller goes away.
    pub times: Option<u64>,
    /// Milliseconds of silence before each time.
    pub pause_ms: u64,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// In order.
    Close,
    /// With a reset.
    Reset,
    /// Not before the caller ends it: silence.
    Hold,
}

impl Wire {
    /// These bytes at once.
    pub fn new(bytes: impl Into<Bytes>, end: End) -> Self {
        Self { pieces: vec![Piece::once(bytes)], end }
    }

    /// Nothing at all.
    pub fn silent(end: End) -> Self {
        Self { pieces: Vec::new(), end }
    }

    /// The same, with one more piece.
    #[must_use]
    pub fn then(mut self, piece: Piece) -> Self {
        self.pieces.push(piece);
        self
    }

    /// Plays it; what the caller does not read, holds it up. Comes back only when the connection is to be dropped.
    pub(crate) async fn play(&self, line: &Line) -> io::Result<()> {
        for piece in &self.pieces {
            piece.play(line).await?;
        }
        match self.end {
            End::Close => line.close().await,
            End::Reset => line.reset_at_the_end(),
            End::Hold => std::future::pending().await,
        }
    }
}

impl Piece {
    /// These bytes, once.
    pub fn once(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), times: Some(1), pause_ms: 0 }
    }

    /// These bytes again and again.
    pub fn repeated(bytes: impl Into<Bytes>, times: Option<u64>) -> Self {
        Self { bytes: bytes.into(), times, pause_ms: 0 }
    }

    /// The same, with silence before each time.
    #[must_use]
    pub fn every_ms(mut self, pause_ms: u64) -> Self {
        self.pause_ms = pause_ms;
        self
    }

    async fn play(&self, line: &Line) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let (block, per_block) = self.block();
        let mut left = self.times;
        while left != Some(0) {
            pause(self.pause_ms).await;
            let now = left.map_or(per_block, |left| per_block.min(left));
            line.send(&block[..now as usize * self.bytes.len()]).await?;
            left = left.map(|left| left - now);
        }
        Ok(())
    }

    /// What leaves in one go, and how many times that is.
    fn block(&self) -> (Bytes, u64) {
        let fitting = (BLOCK_BYTES / self.bytes.len()).max(1) as u64;
        if self.pause_ms > 0 || fitting == 1 || self.times == Some(1) {
            return (self.bytes.clone(), 1);
        }
        let mut block = BytesMut::with_capacity(fitting as usize * self.bytes.len());
        (0..fitting).for_each(|_| block.extend_from_slice(&self.bytes));
        (block.freeze(), fitting)
    }
}

/// Waits so many milliseconds.
pub(crate) async fn pause(milliseconds: u64) {
    if milliseconds > 0 {
        sleep(Duration::from_millis(milliseconds)).await;
    }
}

/// The head of an answer, as it stands on the wire.
pub(crate) fn head(status: u16, headers: &[(String, String)]) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} Chaos\r\n{lines}\r\n")
}

/// Bytes as a chunk of a chunked body.
pub(crate) fn chunk(bytes: &[u8]) -> Bytes {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat().into()
}

/// A header as it is written in lists.
pub(crate) fn pair(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}
