//! The platform's side of callbacks and of pulled work: a small server with a book. What is answered is decided by the
//! book, pure; the server only carries.

mod book; // what is answered, and what was seen
mod serve; // the server

pub use book::{Book, Event, Offer, Seen, Signed, Slot, What};

use gavel_domain::Clock;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// The running desk. Dropping it closes it.
#[derive(Debug)]
pub struct Desk {
    base_url: String,
    book: Arc<watch::Sender<Book>>,
    server: JoinHandle<()>,
}

impl Desk {
    /// Opens it. Agents are told `public_url` where they cannot reach the address itself; workers show `key`.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn open(
        address: SocketAddr,
        public_url: Option<&str>,
        key: &str,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Desk> {
        let listener = TcpListener::bind(address).await?;
        let here = format!("http://{}", listener.local_addr()?);
        let book = Arc::new(watch::Sender::new(Book::new(key)));
        let server = tokio::spawn(serve::accept(listener, Arc::clone(&book), clock));
        let base_url = public_url.map_or(here, |url| url.trim_end_matches('/').to_owned());
        Ok(Desk { base_url, book, server })
    }

    /// Where agents find it, without `/api/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where the result of one call is to go.
    pub fn callback_url(&self, token: &str) -> String {
        format!("{}/api/v1/callbacks/{token}", self.base_url)
    }

    /// Reads the book.
    pub fn look<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.borrow())
    }

    /// Writes into the book; whoever waits looks again.
    pub fn change(&self, change: impl FnOnce(&mut Book)) {
        self.book.send_modify(change);
    }

    /// Waits until `look` finds something, at most until then.
    pub async fn wait<T>(&self, until: Instant, mut look: impl FnMut(&Book) -> Option<T>) -> Option<T> {
        let mut changes = self.book.subscribe();
        let mut found = None;
        let looking = changes.wait_for(|book| {
            found = look(book);
            found.is_some()
        });
        let _ = timeout_at(until, looking).await;
        found
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.server.abort();
    }
}
