//! Agents that repeat whatever secret they know wherever an answer has room for text, well-formed and not.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a parrot repeats; its address says which (`/HOW/execute`). One answer each, and the last of all by the agent that
/// repeats nothing.
pub(crate) const WAYS: [&str; 16] = [
    "in-every-field",
    "when-it-finishes",
    "declines",
    "fails",
    "is-busy",
    "with-wrong-types",
    "with-a-strange-artifact",
    "with-names-of-fields",
    "no-json",
    "no-json-escaped",
    "encoded",
    "redirects",
    "breaks-the-head",
    "no-http",
    CALLS_BACK,
    "honest",
];

/// The one that is asynchronous.
pub(crate) const CALLS_BACK: &str = "calls-back";

/// All parrots on one port, and what they were sent.
pub(crate) struct Parrots {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Whose, and what.
    known: Mutex<Vec<(String, String)>>,
    received: Mutex<Vec<Received>>,
}

/// A request as it came over the wire.
#[derive(Clone)]
pub(crate) struct Received {
    /// Who got it.
    pub(crate) way: String,
    /// All of it.
    pub(crate) text: String,
}

impl Parrots {
    pub(crate) async fn start() -> Parrots {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::<Shared>::default());
        let parrots = Parrots { address, shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        parrots
    }

    pub(crate) fn url(&self, way: &str) -> String {
        format!("http://{}/{way}/execute", self.address)
    }

    /// Tells one of them a secret to repeat.
    pub(crate) fn teach(&self, way: &str, secret: &str) {
        let mut known = self.shared.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.push((way.to_owned(), secret.to_owned()));
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(text) = read(&mut stream).await else { return };
    let way = text.split('/').nth(1).unwrap_or_default().to_owned();
    let is_final = text.contains(r#""mode":"final""#);
    let heard = header(&text, "x-aitasker-key").map(str::to_owned);
    let known = shared.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let known = known.into_iter().filter(|(whose, _)| *whose == way).map(|(_, secret)| secret);
    let body: Value =
        text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok()).unwrap_or_default();
    let called = body["callback_secret"].as_str().map(str::to_owned);
    let secrets: Vec<String> = heard.into_iter().chain(known).chain(called).collect();
    let reply = reply(&way, is_final, &secrets);
    let time = header(&text, "x-aitasker-timestamp").unwrap_or_default().to_owned();
    shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(Received { way: way.clone(), text });
    let _ = stream.write_all(reply.as_bytes()).await;
    let _ = stream.shutdown().await;
    if way == CALLS_BACK && body.is_object() {
        call_back(&body, &time, &secrets).await;
    }
}

/// Brings results: one that nobody signed, one that cannot be used, and one that can.
async fn call_back(brief: &Value, time: &str, secrets: &[String]) {
    let (url, secret) = (brief["callback_url"].as_str().unwrap(), brief["callback_secret"].as_str().unwrap());
    let (address, _) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let all = secrets.join(" ");
    let text = format!("I was told {all} and will tell it to everybody who reads this text about tea. {all}");
    let refused = json!({ "full_text": [text], "summary": all, "bid_price_usd": all, (all.as_str()): all });
    let taken = full(&text, &all, &all);
    for (key, body) in
        [("", taken.as_str()), (secret, refused.to_string().as_str()), (secret, taken.as_str())]
    {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let request = format!(
            "POST {url} HTTP/1.1\r\nhost: {address}\r\nx-aitasker-signature: {signature}\r\nx-aitasker-timestamp: {time}\r\n\
             x-told: {all}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
    }
}

/// A header of a request.
pub(crate) fn header<'t>(request: &'t str, name: &str) -> Option<&'t str> {
    let mut lines =
        request.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// One whole request. `None`: the caller went away.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let count = stream.read(&mut piece).await.ok()?;
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((_, body)) = text.split_once("\r\n\r\n") {
            let named = header(&text, "content-length").and_then(|length| length.parse().ok());
            if body.len() >= named.unwrap_or(0) {
                return Some(text.into_owned());
            }
        }
        if count == 0 {
            return None;
        }
    }
}

fn reply(way: &str, is_final: bool, secrets: &[String]) -> String {
    let all = secrets.join(" ");
    let one = secrets.first().map_or("", String::as_str);
    let padded =
        format!("I was told {all} and will tell it to everybody who reads this text about tea. {all}");
    match (way, is_final) {
        ("in-every-field", _) | ("when-it-finishes", false) => {
            http("200 OK", &all, &full(&padded, &all, one))
        }
        ("when-it-finishes", true) | ("fails", _) => http("500 Oh no", &all, &padded),
        ("declines", _) => http("422 No", &all, &json!({ "detail": padded, (one): all }).to_string()),
        ("is-busy", _) => http(&format!("429 Busy\r\nretry-after: {one}"), &all, &padded),
        ("with-wrong-types", _) => http(
            "200 OK",
            &all,
            &json!({ "full_text": [padded], "summary": { (one): all }, "bid_price_usd": all }).to_string(),
        ),
        ("with-a-strange-artifact", _) => {
            let artifacts = json!([{ "type": one, "filename": all, "content": all }, { "type": all }, one]);
            let answer = json!({ "full_text": padded, "summary": all, "bid_price_usd": 20, "artifacts": artifacts, "token_usage": all });
            http("200 OK", &all, &answer.to_string())
        }
        ("with-names-of-fields", _) => {
            http("200 OK", &all, &json!({ (one): one, "nested": { (one): all }, "summary": all }).to_string())
        }
        ("no-json", _) => http("200 OK", &all, &padded),
        ("no-json-escaped", _) => {
            http("200 OK", &all, &format!("{{\"full_text\": {}", padded.replace('/', "\\/")))
        }
        ("encoded", _) => http(&format!("200 OK\r\ncontent-encoding: {one}"), &all, &padded),
        (CALLS_BACK, _) => http("202 Later", &all, &padded),
        ("redirects", _) => http(&format!("302 Go\r\nlocation: http://127.0.0.1:9/{one}"), &all, &padded),
        ("breaks-the-head", _) => {
            format!("HTTP/1.1 200 {all}\r\n{all} no colon\r\n{one}\u{1}: {all}\r\n\r\n{all}")
        }
        ("no-http", _) => format!("{padded}\r\n\r\n"),
        _ => http(
            "200 OK",
            "nothing",
            &full("A guide to green tea, from the leaf to the cup, in plain words.", "A guide.", "1.0"),
        ),
    }
}

/// A usable answer with the text in every field that is kept; a healthy one, too. Whoever reads that knows no secret of
/// the agent: only what looks like one can be hidden there.
fn full(text: &str, short: &str, version: &str) -> String {
    let artifact = json!({ "type": "markdown", "filename": format!("{short}.md"), "content": text });
    json!({
        "full_text": text, "summary": short, "agent_message": short, "bid_price_usd": 20, "artifacts": [artifact],
        "token_usage": { "input_tokens": 1, "output_tokens": 2, "model": short, "cost_usd": 0.1, "note": short },
        "unknown": text, "status": "ok", "agent": version, "version": version, "capabilities": [version],
    })
    .to_string()
}

fn http(status: &str, told: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json; told=\"{told}\"\r\nx-told: {told}\r\nserver: {told}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
