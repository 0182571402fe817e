//! Servers on loopback that misbehave as told, and a name service that answers from a list.
//! 127.0.0.2 plays the public internet (it is allowed), 127.0.0.1 the network that must not be reached.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod clock; // time that stands still while sockets work
mod hostile;
pub(crate) mod verdict; // what an agent can do to us on a wire
mod process; // what this process holds open
mod tls; // certificates good and bad

pub(crate) use clock::Clock;
pub(crate) use hostile::{End, Row, Time, everything};
pub(crate) use process::Held;
pub(crate) use tls::{Authority, Flaw, HOST};

use async_trait::async_trait;
use bytes::Bytes;
use gavel_dispatcher::transport::{Method, Reply, Request, SendFailure, Transport};
use gavel_domain::network::Guard;
use gavel_outbound::{Dial, Limits, Lookup, Outbound, Surroundings};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a server does once it has read a request.
#[derive(Clone)]
pub(crate) enum Play {
    /// Writes this and waits for the next request on the connection.
    Write(Vec<u8>),
    /// Writes this and closes.
    WriteAndClose(Vec<u8>),
    /// Writes this for the first request of a connection and closes at the second, without a word.
    WriteOnce(Vec<u8>),
    /// Writes this and resets the connection.
    WriteAndReset(Vec<u8>),
    /// Writes the head, then the unit again and again, with a pause between.
    Repeat { head: Vec<u8>, unit: Vec<u8>, pause: Duration },
    /// Writes the head, then the unit so many times, then nothing more until the client closes.
    Fill { head: Vec<u8>, unit: Vec<u8>, times: usize },
    /// Writes the head, then a drop at a time with a pause before each, and closes.
    Drip { head: Vec<u8>, drops: Vec<Vec<u8>>, pause: Duration },
    /// Waits, then writes this and closes.
    WaitAndWrite(Duration, Vec<u8>),
    /// Writes this, then nothing more, and keeps the connection open until the client closes it.
    Stall(Vec<u8>),
    /// Resets the connection.
    Reset,
    /// Closes at once, unread: a server that does not speak TLS and hangs up.
    HangUp,
    /// Writes this before it has read anything.
    Greet(Vec<u8>),
    /// Accepts and says nothing.
    Deaf,
}

/// A server that does the same for every request.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    over: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    pub(crate) async fn start(ip: &str, play: Play) -> Server {
        Server::on(SocketAddr::new(ip.parse().unwrap(), 0), play).await
    }

    pub(crate) async fn on(address: SocketAddr, play: Play) -> Server {
        Server::behind(address, None, play).await
    }

    /// The same behind TLS.
    pub(crate) async fn tls(ip: &str, tls: TlsAcceptor, play: Play) -> Server {
        Server::behind(SocketAddr::new(ip.parse().unwrap(), 0), Some(tls), play).await
    }

    async fn behind(address: SocketAddr, tls: Option<TlsAcceptor>, play: Play) -> Server {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server =
            Server { address, connections: Arc::default(), over: Arc::default(), requests: Arc::default() };
        let (connections, over) = (server.connections.clone(), server.over.clone());
        let requests = server.requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, SeqCst);
                let (play, over, requests) = (play.clone(), over.clone(), requests.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    let _ = match tls {
                        None => converse(stream, play, requests).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => converse(stream, play, requests).await,
                            Err(error) => Err(error),
                        },
                    };
                    over.fetch_add(1, SeqCst);
                });
            }
        });
        server
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
    /// Connections that are not over.
    pub(crate) fn open(&self) -> usize {
        self.connections.load(SeqCst).saturating_sub(self.over.load(SeqCst))
    }
    /// Waits until this many connections are over.
    pub(crate) async fn closed(&self, count: usize) {
        eventually("the client closes its connection", || self.over.load(SeqCst) >= count).await;
    }
    /// Each request as it came over the wire.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|bytes| String::from_utf8(bytes.clone()).unwrap()).collect()
    }
    pub(crate) fn url(&self) -> String {
        format!("http://{}/execute", self.address)
    }
    /// Waits until this many requests have come.
    pub(crate) async fn asked(&self, count: usize) {
        eventually("the request comes", || self.requests.lock().unwrap().len() >= count).await;
    }
    /// By a name that is opened, so http will do.
    pub(crate) fn url_by_name(&self) -> String {
        format!("http://agent.test:{}/execute", self.address.port())
    }
    /// By the name of a stranger.
    pub(crate) fn url_of_a_stranger(&self) -> String {
        format!("https://stranger.example.com:{}/execute", self.address.port())
    }
}

/// Requests a server keeps: one that is asked 100,000 times would be what grows.
const REQUESTS_KEPT: usize = 1_000;

/// Waits for what others bring about. Real time: a test may have stopped the runtime's.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A connection that can be cut.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    /// Closing it from now on is a reset.
    fn cut(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn cut(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl Stream for TlsStream<TcpStream> {
    fn cut(&self) -> io::Result<()> {
        self.get_ref().0.set_zero_linger()
    }
}

async fn converse(mut stream: impl Stream, play: Play, requests: Arc<Mutex<Vec<Vec<u8>>>>) -> io::Result<()> {
    match play.clone() {
        Play::HangUp => return Ok(()),
        Play::Deaf => return stream.read_to_end(&mut Vec::new()).await.map(|_| ()),
        Play::Greet(greeting) => {
            stream.write_all(&greeting).await?;
            return stream.read_to_end(&mut Vec::new()).await.map(|_| ());
        }
        _ => {}
    }
    let mut answered = false;
    while let Some(request) = read_request(&mut stream).await? {
        keep(&requests, request);
        match &play {
            Play::Write(bytes) => put(&mut stream, bytes).await?,
            Play::WriteAndClose(bytes) => return finish(&mut stream, bytes).await,
            Play::WriteOnce(_) if answered => return Ok(()),
            Play::WriteOnce(bytes) => put(&mut stream, bytes).await?,
            Play::WriteAndReset(bytes) => {
                put(&mut stream, bytes).await?;
                return stream.cut();
            }
            Play::Repeat { head, unit, pause } => {
                put(&mut stream, head).await?;
                loop {
                    put(&mut stream, unit).await?;
                    sleep(*pause).await;
                }
            }
            Play::Stall(bytes) => {
                put(&mut stream, bytes).await?;
                return stream.read_to_end(&mut Vec::new()).await.map(|_| ());
            }
            Play::Reset => return stream.cut(),
            Play::Fill { head, unit, times } => {
                put(&mut stream, head).await?;
                for _ in 0..*times {
                    put(&mut stream, unit).await?;
                }
                return stream.read_to_end(&mut Vec::new()).await.map(|_| ());
            }
            Play::Drip { head, drops, pause } => {
                put(&mut stream, head).await?;
                for drop in drops {
                    sleep(*pause).await;
                    put(&mut stream, drop).await?;
                }
                return stream.shutdown().await;
            }
            Play::WaitAndWrite(wait, bytes) => {
                sleep(*wait).await;
                return finish(&mut stream, bytes).await;
            }
            Play::HangUp | Play::Deaf | Play::Greet(_) => unreachable!("handled before reading"),
        }
        answered = true;
    }
    Ok(())
}

fn keep(requests: &Mutex<Vec<Vec<u8>>>, request: Vec<u8>) {
    let mut kept = requests.lock().unwrap();
    if kept.len() < REQUESTS_KEPT {
        kept.push(request);
    }
}

/// Writes all of it, past what a TLS layer keeps back.
async fn put(stream: &mut impl Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Writes all of it and says that it was all.
async fn finish(stream: &mut impl Stream, bytes: &[u8]) -> io::Result<()> {
    put(stream, bytes).await?;
    stream.shutdown().await
}

/// Head and body of one request, or `None` at the end of the connection.
async fn read_request(stream: &mut impl Stream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let body: usize = length.map_or(0, |text| text.parse().unwrap());
            if bytes.len() >= end + 4 + body {
                return Ok(Some(bytes));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// A 200 with this body.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Answers from a list, one entry per look-up, the last one for ever. Counts.
pub(crate) struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Names> {
        let parsed = answers.iter().map(|ips| ips.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        Arc::new(Names { answers: Mutex::new(parsed), asked: AtomicUsize::new(0) })
    }
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

#[async_trait]
impl Lookup for Names {
    async fn look_up(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name"))
    }
}

/// Never answers.
pub(crate) struct HangingNames;

#[async_trait]
impl Lookup for HangingNames {
    async fn look_up(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

/// Dials nobody: notes the addresses, and connects to a server of the test, if to any.
#[derive(Default)]
pub(crate) struct Recorder {
    dialled: Mutex<Vec<SocketAddr>>,
    instead: Option<SocketAddr>,
}

impl Recorder {
    pub(crate) fn leading_to(instead: Option<SocketAddr>) -> Arc<Recorder> {
        Arc::new(Recorder { instead, ..Recorder::default() })
    }
    /// What was dialled since this was asked last.
    pub(crate) fn dialled(&self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.dialled.lock().unwrap())
    }
}

#[async_trait]
impl Dial for Recorder {
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.dialled.lock().unwrap().push(address);
        match self.instead {
            Some(instead) => TcpStream::connect(instead).await,
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

/// No answer to a SYN.
#[derive(Default)]
pub(crate) struct BlackHole(pub(crate) AtomicUsize);

#[async_trait]
impl Dial for BlackHole {
    async fn dial(&self, _: SocketAddr) -> io::Result<TcpStream> {
        self.0.fetch_add(1, SeqCst);
        std::future::pending().await
    }
}

/// A client with this name service.
pub(crate) fn client(guard: Guard, limits: Limits, lookup: Arc<dyn Lookup>) -> Outbound {
    Outbound::within(Surroundings { lookup, ..Surroundings::default() }, guard, limits).unwrap()
}

/// Opens 127.0.0.2 and the name agent.test. Names that are not opened need https and one of the ports.
pub(crate) fn guard(ports: &[u16]) -> Guard {
    Guard { allow: "127.0.0.2/32, agent.test".parse().unwrap(), ports: ports.to_vec(), ..Guard::default() }
}

/// Bounds short enough for tests.
pub(crate) fn limits() -> Limits {
    Limits {
        look_up: Duration::from_millis(300),
        connect: Duration::from_millis(300),
        error_body_wait: Duration::from_millis(200),
        ..Limits::default()
    }
}

/// The cap of the tests' requests.
pub(crate) const CAP: usize = 10_000;

/// A signed-looking POST that must be over in `millis`.
pub(crate) fn request(url: &str, millis: u64) -> Request {
    Request {
        method: Method::Post,
        url: url.to_owned(),
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("X-AITasker-Key".to_owned(), "ait_key".to_owned()),
        ],
        body: Bytes::from_static(b"{\"mode\": \"prototype\"}"),
        deadline: Instant::now() + Duration::from_millis(millis),
        body_cap: CAP,
        error_body_cap: 100,
    }
}

/// Sends a POST that has two seconds.
pub(crate) async fn post(client: &Outbound, url: &str) -> Result<Reply, SendFailure> {
    client.send(request(url, 2_000)).await
}
