//! How agents are reached: listeners, ports where nobody listens, handshakes that go wrong.

use crate::answers::GARBAGE;
use crate::line::{Io, Line};
use crate::spec::{Door, Tls};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// A name that no resolver knows: the top-level domain is reserved for that.
const NO_SUCH_NAME: &str = "no-such-agent.invalid";
/// Connections after which a listener's queue must be full.
const QUEUE_MAX: usize = 16;
/// A connection that has not come about after this time is one that will not.
const FULL_AFTER: Duration = Duration::from_millis(200);

/// A door that stands.
#[derive(Debug)]
pub(crate) struct Opened {
    /// `scheme://host:port`.
    pub(crate) base: String,
    pub(crate) kept: Kept,
}

/// What must live as long as the door.
#[derive(Debug)]
pub(crate) enum Kept {
    /// Agents are served here.
    Listener(TcpListener),
    /// A port that is ours, so that nobody else listens there.
    Socket(#[expect(dead_code, reason = "held, not used")] TcpSocket),
    /// A listener whose queue is full.
    Full(#[expect(dead_code, reason = "held, not used")] (TcpListener, Vec<TcpStream>)),
    Nothing,
}

impl Door {
    pub(crate) async fn open(self, ip: Ipv4Addr) -> io::Result<Opened> {
        let at =
            |scheme: &str, host: &str, address: SocketAddr| format!("{scheme}://{host}:{}", address.port());
        Ok(match self {
            Door::NoSuchName => Opened { base: format!("https://{NO_SUCH_NAME}"), kept: Kept::Nothing },
            Door::Refused => {
                let socket = bound(ip)?;
                let base = at("http", &ip.to_string(), socket.local_addr()?);
                Opened { base, kept: Kept::Socket(socket) }
            }
            Door::BlackHole => {
                let full = full(ip).await?;
                let base = at("http", &ip.to_string(), full.0.local_addr()?);
                Opened { base, kept: Kept::Full(full) }
            }
            Door::Http | Door::Https(_) => {
                let listener = TcpListener::bind((ip, 0)).await?;
                let address = listener.local_addr()?;
                let base = match self {
                    Door::Https(_) => at("https", crate::TLS_NAME, address),
                    _ => at("http", &ip.to_string(), address),
                };
                Opened { base, kept: Kept::Listener(listener) }
            }
        })
    }
}

fn bound(ip: Ipv4Addr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((ip, 0).into())?;
    Ok(socket)
}

/// A listener that accepts nothing and whose queue is full: Linux drops what would begin a further connection.
async fn full(ip: Ipv4Addr) -> io::Result<(TcpListener, Vec<TcpStream>)> {
    let listener = bound(ip)?.listen(0)?;
    let (address, mut queue) = (listener.local_addr()?, Vec::new());
    while queue.len() < QUEUE_MAX {
        let Ok(connected) = timeout(FULL_AFTER, TcpStream::connect(address)).await else { break };
        queue.push(connected?);
    }
    Ok((listener, queue))
}

/// Does the handshake, right or wrong; `None` where there is nothing to talk about afterwards.
pub(crate) async fn handshake(stream: TcpStream, door: &Handshake) -> Option<Line> {
    match door {
        Handshake::None => Some(Line::new(Io::Plain(stream))),
        #[cfg(feature = "tls")]
        Handshake::Tls(acceptor) => {
            let stream = acceptor.accept(stream).await.ok()?;
            Some(Line::new(Io::Tls(Box::new(stream))))
        }
        Handshake::Broken(tls) => {
            // However it ends: the caller is gone.
            let _ = broken(stream, *tls).await;
            None
        }
    }
}

/// What happens before HTTP.
#[derive(Clone)]
pub(crate) enum Handshake {
    None,
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there are no such doors"))]
    Broken(Tls),
}

#[cfg(feature = "tls")]
impl Handshake {
    pub(crate) fn of(tls: Tls, authority: &crate::tls::Authority) -> io::Result<Self> {
        Ok(match tls {
            Tls::PlainHttp => Self::None,
            Tls::OldVersion | Tls::Garbage | Tls::Stall | Tls::HangUp => Self::Broken(tls),
            Tls::Valid
            | Tls::Expired
            | Tls::NotYetValid
            | Tls::WrongName
            | Tls::SelfSigned
            | Tls::UnknownAuthority => Self::Tls(authority.server(tls)?.into()),
        })
    }
}

async fn broken(mut stream: TcpStream, tls: Tls) -> io::Result<()> {
    let mut hello = [0; 4096];
    let read = stream.read(&mut hello).await?;
    match tls {
        Tls::HangUp => stream.shutdown().await?,
        Tls::OldVersion => stream.write_all(&hello_of_1999(&hello[..read])).await?,
        Tls::Garbage => {
            stream.write_all(GARBAGE).await?;
            stream.shutdown().await?;
        }
        _ => {}
    }
    // To close with something unread would be a reset, which is another fault than the one that was asked for.
    while stream.read(&mut hello).await? > 0 {}
    Ok(())
}

/// The hello of a server that knows TLS 1.0 and nothing newer, in answer to any hello: it picks that version, whatever
/// it was offered. The random part is the client's own, which is as good as any.
fn hello_of_1999(client: &[u8]) -> Vec<u8> {
    const TLS_1_0: [u8; 2] = [3, 1];
    let random = client.get(11..43).unwrap_or(&[7; 32]);
    let (no_session, aes_128_cbc, uncompressed) = ([0], [0x00, 0x2f], [0]);
    let hello = [&TLS_1_0[..], random, &no_session, &aes_128_cbc, &uncompressed].concat();
    let (handshake, server_hello, length) = (22, 2, hello.len() as u8);
    let head = [handshake, TLS_1_0[0], TLS_1_0[1], 0, length + 4, server_hello, 0, 0, length];
    [&head[..], &hello].concat()
}
