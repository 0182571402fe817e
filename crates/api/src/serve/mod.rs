//! Our own accept loop: nobody holds a connection for nothing, no address holds them all, and the end is graceful.
//!
//! A head is whole within `header_timeout`, dribbled or not; between two requests a connection may rest for `idle`;
//! who does not read what we send is let go after `stall`; and after `lifetime` the present request is the last.
//!
//! HTTP/1.1 alone: whoever wants HTTP/2 has a proxy with TLS in front, and a server that guesses the version waits for
//! a first byte without any deadline.

mod addresses; // how many connections one address holds
mod connection; // one connection from its first byte to its last
mod pace; // how long a client may take, as a decision

use crate::{RequestLimits, peer::Peer};
use addresses::{Addresses, Share};
use axum::Router;
use connection::{Signals, carry};
use std::io::Write;
use std::net::SocketAddr;
use std::{sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// What connections may cost us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// Connections of one address at once; more are refused.
    pub connections_per_address: usize,
    /// Whether this machine is an address like others. A proxy on it stands for all its clients, so normally not.
    pub count_loopback: bool,
    /// How long a head may take: the first from the connection on, later ones from their first byte on.
    pub header_timeout: Duration,
    /// How long a connection may rest between an answer and the next request.
    pub idle: Duration,
    /// How long a client may read nothing of what waits for it.
    pub stall: Duration,
    /// After this the present request is the last one of its connection, and event streams end.
    pub lifetime: Duration,
    /// How long that last request may take.
    pub farewell: Duration,
    /// How long running requests may take after the stop.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        ServeLimits {
            connections: 4096,             // a busy day of open streams
            connections_per_address: 1024, // a company behind one address; four strangers fill the server, not one
            count_loopback: false,
            header_timeout: Duration::from_secs(10), // a slow phone
            idle: Duration::from_secs(60),           // what clients' pools keep
            stall: Duration::from_secs(30),          // a tunnel on a train
            lifetime: Duration::from_secs(600),      // balancers get a new choice, nobody stays for ever
            farewell: RequestLimits::default().longest(),
            drain: Duration::from_secs(10), // fits a restart
        }
    }
}

/// Connections that wait to be accepted; the kernel may allow fewer.
const QUEUE: u32 = 4096;
/// After a failed accept (too many open files) we breathe before we try again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What an address hears that holds its share. A hint: it may be lost when the client has sent much.
const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Binds to this address, with a queue in which a burst of clients waits; in the usual one, of 128, the next are not
/// heard and come back a second later.
///
/// # Errors
/// When the address cannot be listened on.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(cfg!(unix))?; // a restart need not wait for the last one's connections to be forgotten
    socket.bind(address)?;
    socket.listen(QUEUE)
}

/// Serves until `stop`; then no new connection is taken, and running requests, those of clients that have left
/// included, get `limits.drain` to end. `true`: all of them ended in time; `false`: their connections were cut.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    limits: ServeLimits,
) -> bool {
    let (signals, cut) = Signals::new(stop);
    let door = Door::new(listener, limits);
    while let Some((socket, peer, seat)) = door.next(&signals.stop).await {
        let _ = socket.set_nodelay(true); // a hint: answers are small, send them at once
        let connection = carry((socket, peer), router.clone(), limits, signals.clone());
        signals.work.spawn(async move {
            connection.await;
            drop(seat);
        });
    }
    drop(door); // refuse new connections while draining
    signals.work.close();
    let ended = tokio::time::timeout(limits.drain, signals.work.wait()).await.is_ok();
    drop(cut);
    ended
}

/// Lets clients in, as many as there is room for.
struct Door {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

/// What a connection occupies until it ends.
type Seat = (OwnedSemaphorePermit, Share);

impl Door {
    fn new(listener: TcpListener, limits: ServeLimits) -> Door {
        let slots = Arc::new(Semaphore::new(limits.connections));
        let addresses = Addresses::new(limits.connections_per_address, limits.count_loopback);
        Door { listener, slots, addresses: Arc::new(addresses) }
    }

    /// The next connection with its seat; `None` at the stop.
    async fn next(&self, stop: &CancellationToken) -> Option<(TcpStream, Peer, Seat)> {
        let slot = stop.run_until_cancelled(Arc::clone(&self.slots).acquire_owned()).await?.ok()?;
        loop {
            let (socket, address) = stop.run_until_cancelled(self.accept()).await?;
            match self.addresses.admit(address.ip()) {
                Some(share) => return Some((socket, Peer(address.ip()), (slot, share))),
                None => refuse(socket, address),
            }
        }
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(cause) => {
                    tracing::warn!(%cause, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Told without waiting: a socket that is new takes this much at once, or the client has gone.
fn refuse(socket: TcpStream, address: SocketAddr) {
    tracing::debug!(%address, "a connection was refused: its address holds its share of them");
    if let Ok(mut socket) = socket.into_std() {
        let _ = socket.write_all(REFUSAL);
    }
}

#[cfg(test)]
mod tests;
