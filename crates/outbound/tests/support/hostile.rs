//! What an agent can do to us on a wire: the corpus's rows as plays, and a mix of our own of every kind of them.

use super::{CAP, Flaw, Play, ok};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// One row of the corpus: an exchange and what is to come of it.
#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) context: Context,
    pub(crate) response: Value,
    pub(crate) expected: Expected,
}

#[derive(Deserialize)]
pub(crate) struct Context {
    pub(crate) timeout_ms: u64,
    pub(crate) phase_deadline_ms: Option<u64>,
    pub(crate) mode: String,
    pub(crate) execution_mode: String,
    pub(crate) currency: String,
    pub(crate) budget: String,
    pub(crate) health_before: String,
}

#[derive(Deserialize)]
pub(crate) struct Expected {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) code_any_of: Vec<String>,
    #[serde(default)]
    pub(crate) retry: bool,
    #[serde(default)]
    pub(crate) must_hold: Vec<String>,
    /// Either verdict is right where there are several.
    #[serde(default)]
    pub(crate) any_of: Vec<String>,
    #[serde(default)]
    pub(crate) reliability: String,
    pub(crate) bid_price_cents: Option<i64>,
    pub(crate) agent_message: Option<String>,
    pub(crate) download_names: Option<Vec<String>>,
}

/// Who is at the other end, and what passes meanwhile.
pub(crate) struct Step {
    pub(crate) end: End,
    pub(crate) time: Time,
    /// The body, where it comes whole.
    pub(crate) body: Option<Vec<u8>>,
}

/// The other end.
pub(crate) enum End {
    Server(Play),
    Tls(Flaw),
    NoName,
    HangingName,
    Refused,
    BlackHole,
}

/// How the clock goes.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    Stands,
    /// In such steps until the send is over.
    Passes(Duration),
    /// At once, when the request has arrived.
    Jumps(Duration),
}

const SECOND: Duration = Duration::from_secs(1);

impl Row {
    /// When the send must be over.
    pub(crate) fn deadline(&self) -> Duration {
        let most = self.context.phase_deadline_ms.unwrap_or(u64::MAX);
        Duration::from_millis(self.context.timeout_ms.min(most))
    }

    /// What the row says, or what of it is unknown here.
    pub(crate) fn step(&self) -> Result<Step, String> {
        let response = &self.response;
        if let Some(name) = response["transport"].as_str() {
            return transport(name);
        }
        if let Some(wire) = response["wire"].as_str() {
            return Ok(Step::at_once(Play::WriteAndClose(wire.as_bytes().to_vec())));
        }
        if let Some(recipe) = response.get("wire_gen") {
            return Recipe(recipe).wire();
        }
        match response.get("body_gen").map(Recipe) {
            Some(recipe) if recipe.makes_a_wire() => recipe.wire(),
            Some(recipe) => match recipe.bytes()? {
                Some(body) => Ok(self.whole(body)),
                None => recipe.play(self.head(None)),
            },
            None => Ok(self.whole(self.literal_body())),
        }
    }

    fn literal_body(&self) -> Vec<u8> {
        match self.response["body_b64"].as_str() {
            Some(text) => {
                base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64")
            }
            None => self.response["body"].as_str().unwrap_or_default().as_bytes().to_vec(),
        }
    }

    /// An answer that comes whole, now or late.
    fn whole(&self, body: Vec<u8>) -> Step {
        let bytes = [self.head(Some(body.len())), body.clone()].concat();
        let body = Some(body);
        match self.response["elapsed_ms"].as_u64().map(Duration::from_millis) {
            None => Step { body, ..Step::at_once(Play::WriteAndClose(bytes)) },
            Some(late) => {
                Step { end: End::Server(Play::WaitAndWrite(late, bytes)), time: Time::Jumps(late), body }
            }
        }
    }

    /// Status line and headers; with a length, unless they name one or the status has no body.
    fn head(&self, length: Option<usize>) -> Vec<u8> {
        let status = self.response["status"].as_u64().expect("a status");
        let mut head = format!("HTTP/1.1 {status} X\r\n");
        let headers = self.response["headers"].as_array().cloned().unwrap_or_default();
        let pairs = headers.iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
        pairs.clone().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        let says = pairs.clone().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if let (Some(length), false, false) = (length, says, matches!(status, 204 | 304)) {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        format!("{head}\r\n").into_bytes()
    }
}

impl Step {
    fn at_once(play: Play) -> Step {
        Step { end: End::Server(play), time: Time::Stands, body: None }
    }
    fn in_time(end: End, tick: Duration) -> Step {
        Step { end, time: Time::Passes(tick), body: None }
    }
}

fn transport(name: &str) -> Result<Step, String> {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"full".to_vec();
    let half_head = b"HTTP/1.1 200 OK\r\nx-ha".to_vec();
    let in_head = name.ends_with("mid_headers") || name.ends_with("mid_head");
    let started = if in_head { half_head } else { half };
    Ok(match name {
        "connect_refused" => Step { end: End::Refused, time: Time::Stands, body: None },
        "connect_timeout" => Step::in_time(End::BlackHole, SECOND),
        "reset_before_headers" => Step::at_once(Play::Reset),
        "close_before_headers" => Step::at_once(Play::WriteAndClose(Vec::new())),
        dns if dns.starts_with("dns_") && dns.contains("time") => Step::in_time(End::HangingName, SECOND),
        dns if dns.starts_with("dns_") => Step { end: End::NoName, time: Time::Stands, body: None },
        reset if reset.starts_with("reset_") => Step::at_once(Play::WriteAndReset(started)),
        close if close.starts_with("close_") => Step::at_once(Play::WriteAndClose(started)),
        other => match Flaw::named(other) {
            Some(Flaw::Stall) => Step::in_time(End::Tls(Flaw::Stall), SECOND),
            Some(flaw) => Step { end: End::Tls(flaw), time: Time::Stands, body: None },
            None => return Err(format!("no play for the transport {other:?}")),
        },
    })
}

/// A body or a wire too large, too slow or too endless to stand in a row.
struct Recipe<'a>(&'a Value);

impl Recipe<'_> {
    fn kind(&self) -> &str {
        self.text("gen")
    }
    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }
    fn number(&self, key: &str, default: usize) -> usize {
        self.0[key].as_u64().map_or(default, |number| usize::try_from(number).unwrap())
    }
    fn tick(&self) -> Duration {
        Duration::from_millis(self.number("tick_ms", 1_000) as u64)
    }
    fn repeated(&self) -> String {
        self.text("unit").repeat(self.number("count", 0))
    }
    fn with(&self, field: &str, value: Value) -> Vec<u8> {
        let mut base = self.0["base"].clone();
        base[field] = value;
        base.to_string().into_bytes()
    }
    /// The recipe's own text or document.
    fn content(&self) -> Option<Vec<u8>> {
        let text = self.0["text"].as_str().map(|text| text.as_bytes().to_vec());
        text.or_else(|| self.0.get("base").map(|base| base.to_string().into_bytes()))
    }
    fn makes_a_wire(&self) -> bool {
        let wires =
            ["chunked_with_trailer", "informational_flood", "many_headers", "huge_header", "slow_headers"];
        wires.contains(&self.kind())
    }

    /// A body that comes whole, or `None` where time or framing is the point.
    fn bytes(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(Some(match self.kind() {
            "nest" => {
                let depth = self.number("depth", 0);
                let (open, close) = (self.text("open").repeat(depth), self.text("close").repeat(depth));
                [self.text("before"), &open, &close, self.text("after")].concat().into_bytes()
            }
            "field_repeat" => self.with(self.text("field"), self.repeated().into()),
            "artifact_repeat" => {
                let content = self.repeated();
                self.with("artifacts", json!([{"type": "markdown", "filename": "a.md", "content": content}]))
            }
            "pad_json" => {
                let mut text = self.0["base"].to_string().into_bytes();
                text.resize(self.number("total_bytes", 0), b' ');
                text
            }
            "bytes" => {
                let digits = self.text("hex").as_bytes().chunks(2);
                digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
            }
            "gzip_of" => gzip(self.text("text").as_bytes()),
            "stream" => {
                let unit = self.text("unit").as_bytes();
                unit.iter().copied().cycle().take(self.number("total_bytes", 0)).collect()
            }
            "gzip_bomb" | "stream_forever" | "drip" | "stall_after" | "close_after" | "wire_body" => {
                return Ok(None);
            }
            other => return Err(format!("no body is made by {other:?}")),
        }))
    }

    /// A body that never comes whole.
    fn play(&self, head: Vec<u8>) -> Result<Step, String> {
        let endless = |head, unit| Play::Repeat { head, unit, pause: Duration::ZERO };
        Ok(match self.kind() {
            "close_after" | "wire_body" => {
                Step::at_once(Play::WriteAndClose([head, self.text("text").into()].concat()))
            }
            "gzip_bomb" => Step::at_once(endless(head, gzip(&[0; 4_096]))),
            "stream_forever" => Step::at_once(endless(head, vec![b'a'; 4_096])),
            "stall_after" => {
                let sent = vec![b'{'; self.number("sent_bytes", 1)];
                Step::in_time(End::Server(Play::Stall([head, sent].concat())), SECOND)
            }
            _ if self.content().is_some() => {
                let (body, pause) = (self.content().unwrap(), self.tick());
                let drops =
                    body.chunks(self.number("bytes_per_tick", 1).max(1)).map(<[u8]>::to_vec).collect();
                let end = End::Server(Play::Drip { head, drops, pause });
                Step { body: Some(body), ..Step::in_time(end, pause) }
            }
            _ => {
                let unit = vec![b'x'; self.number("bytes_per_tick", 1)];
                Step::in_time(End::Server(Play::Repeat { head, unit, pause: self.tick() }), self.tick())
            }
        })
    }

    /// Everything that is written, head included.
    fn wire(&self) -> Result<Step, String> {
        let status_line = "HTTP/1.1 200 OK\r\n";
        let good = "content-length: 2\r\n\r\n{}";
        let wire = match self.kind() {
            "chunked_with_trailer" => {
                let body = self.content().map_or("{}".to_owned(), |body| String::from_utf8(body).unwrap());
                let size = body.len();
                format!(
                    "{status_line}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\nx-t: 1\r\n\r\n"
                )
            }
            "informational_flood" => {
                let status = self.number("status", 103);
                let unit = format!("HTTP/1.1 {status} X\r\n\r\n").repeat(100).into_bytes();
                return Ok(Step::at_once(Play::Repeat { head: Vec::new(), unit, pause: Duration::ZERO }));
            }
            "many_headers" => {
                let headers: String =
                    (0..self.number("count", 10_000)).map(|n| format!("x-{n}: v\r\n")).collect();
                format!("{status_line}{headers}{good}")
            }
            "huge_header" => {
                let bytes = ["bytes", "value_bytes", "total_bytes", "count"].iter();
                let bytes = bytes.map(|key| self.number(key, 0)).max().filter(|bytes| *bytes > 0);
                format!("{status_line}x-huge: {}\r\n{good}", "h".repeat(bytes.unwrap_or(1 << 20)))
            }
            "slow_headers" => {
                let head = format!("{status_line}x-slow: ").into_bytes();
                let unit = vec![b'x'; self.number("bytes_per_tick", 1)];
                let slow = Play::Repeat { head, unit, pause: self.tick() };
                return Ok(Step::in_time(End::Server(slow), self.tick()));
            }
            other => return Err(format!("no wire is made by {other:?}")),
        };
        Ok(Step::at_once(Play::WriteAndClose(wire.into_bytes())))
    }
}

/// A gzip member with one stored block. Nobody unpacks it, so its checksum may be anything.
fn gzip(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), content, &[0; 8]].concat()
}

/// Everything an agent can do to us, each kind once; sizes are in the tests' own cap.
pub(crate) fn everything() -> Vec<Play> {
    let text = |text: &str| Play::WriteAndClose(text.as_bytes().to_vec());
    let head = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes();
    let flood = |head: Vec<u8>, unit: &str| Play::Repeat {
        head,
        unit: unit.repeat(4_096 / unit.len()).into_bytes(),
        pause: Duration::ZERO,
    };
    let drip = |head: Vec<u8>| Play::Repeat { head, unit: vec![b'x'], pause: Duration::from_millis(20) };
    let chunked = "transfer-encoding: chunked\r\n";
    vec![
        Play::Write(ok(&"[".repeat(CAP))),
        Play::Write(ok(&"x".repeat(CAP + 1))),
        Play::WriteAndClose([head("content-encoding: gzip\r\n"), gzip(b"{}")].concat()),
        text("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nxx"),
        text("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort"),
        text("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 900\r\n\r\n{}"),
        text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc"),
        text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-t: 1\r\n\r\n"),
        Play::Write(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"
                .to_vec(),
        ),
        text("HTTP/0.9 200 OK\r\n\r\n{}"),
        text("hello\r\n\r\n"),
        text(""),
        text(&format!("HTTP/1.1 200 OK\r\n{}\r\n{{}}", "x-filler: y\r\n".repeat(5_000))),
        text(&format!("HTTP/1.1 200 OK\r\nx-huge: {}\r\n\r\n{{}}", "x".repeat(200_000))),
        text("HTTP/1.1 302 Go\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n"),
        flood(Vec::new(), "HTTP/1.1 103 X\r\n\r\n"),
        flood(head(""), "x"),
        flood(head("content-encoding: gzip\r\n"), "0"),
        flood(head(chunked), "1\r\nx\r\n"),
        flood(head(chunked), "0"),
        flood(b"HTTP/1.1 500 No\r\n\r\n".to_vec(), "x"),
        flood(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), "y"),
        drip(head("")),
        drip(b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec()),
        Play::Stall(head("content-length: 50\r\n")),
        Play::Stall(Vec::new()),
        Play::WriteAndReset(head("content-length: 50\r\n")),
        Play::WriteOnce(ok("{}")),
        Play::Reset,
        Play::HangUp,
        Play::Greet(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()),
        Play::Deaf,
    ]
}
