//! A caller in plain bytes, and a platform that agents call back.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// Silence of this length, after something came, means that nothing more will come.
const SILENCE: Duration = Duration::from_millis(150);
/// What is still going on after this time, goes on for ever.
const GLIMPSE: Duration = Duration::from_millis(400);
/// What is read at most of an answer without end.
const READ_MAX: usize = 1024 * 1024;
/// Far beyond what any condition takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back, and how it ended.
pub(crate) struct Got {
    pub(crate) raw: Vec<u8>,
    pub(crate) end: Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Closed,
    Reset,
    /// Silence on an open connection.
    Open,
    /// More than anyone reads.
    Endless,
}

impl Got {
    pub(crate) fn status(&self) -> u16 {
        let head = String::from_utf8_lossy(&self.raw);
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }
    pub(crate) fn head(&self) -> String {
        String::from_utf8_lossy(&self.raw[..self.head_end()]).into_owned()
    }
    pub(crate) fn body(&self) -> &[u8] {
        &self.raw[self.head_end()..]
    }
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.body()).expect("JSON")
    }
    fn head_end(&self) -> usize {
        self.raw.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4
    }
}

/// Sends a call and reads to the end, or until it is clear that there is none.
pub(crate) async fn call(url: &str, headers: &str, body: &str) -> Got {
    let (mut stream, path) = dial(url).await;
    talk(&mut stream, &path, headers, body).await
}

/// Sends a call whose answer stops without an end, or drips for ever.
pub(crate) async fn glimpse(url: &str) -> Got {
    let (mut stream, path) = dial(url).await;
    ask(&mut stream, &path, "", "{}").await;
    let mut raw = Vec::new();
    timeout(PATIENCE, stream.read_buf(&mut raw)).await.expect("a beginning").unwrap();
    let reading = async {
        loop {
            match timeout(SILENCE, stream.read_buf(&mut raw)).await {
                Err(_) => return Ended::Open,
                Ok(Ok(0) | Err(_)) => return Ended::Closed,
                Ok(Ok(_)) => {}
            }
        }
    };
    let end = timeout(GLIMPSE, reading).await.unwrap_or(Ended::Endless);
    Got { raw, end }
}

/// Whether nothing comes on a connection that stays open.
pub(crate) async fn is_silent(url: &str) -> bool {
    timeout(SILENCE, get(url)).await.is_err()
}

/// Asks for health, or anything else.
pub(crate) async fn get(url: &str) -> Got {
    call(url, "", "").await
}

async fn dial(url: &str) -> (TcpStream, String) {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    (TcpStream::connect(address).await.unwrap(), format!("/{path}"))
}

async fn ask(stream: &mut (impl AsyncWrite + Unpin), path: &str, headers: &str, body: &str) {
    let (method, length) = (if body.is_empty() { "GET" } else { "POST" }, body.len());
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
}

pub(crate) async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    path: &str,
    headers: &str,
    body: &str,
) -> Got {
    ask(stream, path, headers, body).await;
    let mut raw = Vec::new();
    let end = loop {
        match timeout(PATIENCE, stream.read_buf(&mut raw)).await.expect("something to come, or an end") {
            Ok(0) => break Ended::Closed,
            Ok(_) if raw.len() >= READ_MAX => break Ended::Endless,
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => break Ended::Reset,
            Err(e) => panic!("{e}"),
        }
    };
    Got { raw, end }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}: it never came about"));
}

/// A brief of a task.
pub(crate) fn brief(task: &str) -> Value {
    json!({ "task_id": task, "mode": "prototype", "title": "A guide to bees", "category": "content-writing",
            "description": "Write a guide for people who never kept bees." })
}

/// One request that came to the platform.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// What the platform answers.
type Answers = Box<dyn Fn(&Asked) -> Reaction + Send + Sync>;

/// How the platform takes a request.
pub(crate) enum Reaction {
    Say(u16, String),
    /// Crashes before it has answered.
    Crash,
}

/// The side that agents call back or fetch from.
pub(crate) struct Platform {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Platform {
    pub(crate) async fn start(answers: impl Fn(&Asked) -> Reaction + Send + Sync + 'static) -> Platform {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let platform = Platform { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (asked, answers): (_, Arc<Answers>) = (Arc::clone(&platform.asked), Arc::new(Box::new(answers)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, answers) = (Arc::clone(&asked), Arc::clone(&answers));
                tokio::spawn(async move { serve(stream, &asked, &answers).await });
            }
        });
        platform
    }

    /// Answers everything with this status.
    pub(crate) async fn saying(status: u16) -> Platform {
        Platform::start(move |_| Reaction::Say(status, "{}".to_owned())).await
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What came under paths that contain this.
    pub(crate) fn asked_for(&self, part: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.line.contains(part)).collect()
    }
}

async fn serve(mut stream: TcpStream, asked: &Mutex<Vec<Asked>>, answers: &Answers) {
    let mut raw = Vec::new();
    let request = loop {
        if let Some(request) = parsed(&raw) {
            break request;
        }
        if stream.read_buf(&mut raw).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let reaction = answers(&request);
    asked.lock().unwrap().push(request);
    if let Reaction::Say(status, body) = reaction {
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        // The agent may be gone.
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

fn parsed(raw: &[u8]) -> Option<Asked> {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(raw[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers: HashMap<_, _> = pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let body = raw.get(end + 4..end + 4 + length)?.to_vec();
    Some(Asked { line, headers, body })
}
