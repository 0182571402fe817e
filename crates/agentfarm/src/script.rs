//! Agents that do what a test says, byte by byte where needed.

use crate::answers;
use crate::record::Received;
use crate::wire::{Answer, End, Piece, Wire, chunk, head, pair};
use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use serde::{Deserialize, Serialize};

/// Replies per kind of call, in order; the last one repeats.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Replies to calls in prototype mode (and to calls whose mode cannot be read).
    pub prototype: Vec<Reply>,
    /// Replies to calls in final mode; the prototype's when empty.
    #[serde(rename = "final")]
    pub final_mode: Vec<Reply>,
    /// Replies to health probes; healthy when empty.
    pub health: Vec<Reply>,
}

/// What to do with one call, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Milliseconds between having read the call and doing it.
    #[serde(default)]
    pub delay_ms: u64,
    /// What to do.
    pub then: Action,
}

/// What to do with one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// A well-formed HTTP answer.
    Answer {
        /// The status, 200..=599.
        #[serde(default = "ok")]
        status: u16,
        /// Names and values. The body's length is added; lies about it need [`Action::Raw`].
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: Payload,
    },
    /// These bytes and nothing else, then the connection is closed.
    Raw {
        /// Written one after the other.
        pieces: Vec<Payload>,
        /// Milliseconds before each piece but the first: a drip.
        #[serde(default)]
        pause_ms: u64,
        /// Write the last piece again and again until the caller goes away.
        #[serde(default)]
        endless: bool,
        /// Keep the connection open in silence instead of closing it.
        #[serde(default)]
        hold: bool,
    },
    /// Close the connection without a byte.
    Close,
    /// Keep the connection open without a byte.
    Hang,
    /// The constant valid bid.
    Bid,
    /// Reset the connection, after these bytes.
    Reset {
        /// What goes out before; nothing: a reset instead of an answer.
        #[serde(default)]
        after: Payload,
    },
    /// A 200 whose Content-Length is a lie, then the connection is closed.
    Lie {
        /// What it says: more than the body has (the rest never comes) or less (the rest is too much).
        content_length: u64,
        /// The body.
        body: Payload,
    },
    /// A well-formed answer in drops.
    Drip {
        /// The body.
        body: Payload,
        /// Bytes at a time, head included.
        bytes: usize,
        /// Milliseconds before each.
        tick_ms: u64,
    },
    /// Something without end, as fast as the caller takes it.
    Endless(Endless),
    /// A redirect.
    Redirect {
        /// Where to.
        to: String,
        /// 301, 302, 303, 307 or 308.
        #[serde(default = "temporary")]
        status: u16,
    },
    /// Everything that came in the headers, the key included, in every text of the answer.
    EchoHeaders {
        /// 200: a bid. Anything else: an error body.
        #[serde(default = "ok")]
        status: u16,
    },
}

/// What does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endless {
    /// A body without a declared length.
    Body,
    /// A body in chunks.
    Chunked,
    /// One header's value.
    Header,
    /// Headers, one after the other.
    Headers,
    /// 103 Early Hints, one after the other.
    Informational,
}

/// Bytes: in JSON a string, or a list of numbers where they are not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Payload {
    /// Text.
    Text(String),
    /// Any bytes.
    Bytes(Vec<u8>),
}

impl Script {
    /// The same reply to every call in both modes.
    pub fn always(reply: Reply) -> Self {
        Self { prototype: vec![reply], ..Self::default() }
    }

    /// What no HTTP answer can carry.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.prototype.is_empty() {
            return Some("its script has no reply for prototype mode".to_owned());
        }
        [&self.prototype, &self.final_mode, &self.health].into_iter().flatten().find_map(|r| r.then.fault())
    }
}

impl Reply {
    /// An answer at once.
    pub fn answer(status: u16, body: impl Into<String>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::at_once(Action::Answer { status, headers, body: Payload::Text(body.into()) })
    }

    /// An action at once.
    pub fn at_once(then: Action) -> Self {
        Self { delay_ms: 0, then }
    }

    /// The same, later.
    #[must_use]
    pub fn after_ms(mut self, delay_ms: u64) -> Self {
        self.delay_ms = delay_ms;
        self
    }
}

impl Action {
    /// What goes out for this call.
    pub fn answer(&self, call: &Received) -> Answer {
        match self {
            Action::Hang => Answer::Wire(Wire::silent(End::Hold)),
            Action::Close => Answer::Wire(Wire::silent(End::Close)),
            Action::Bid => answers::bid(),
            Action::Answer { status, headers, body } => {
                Answer::Whole { status: *status, headers: headers.clone(), body: body.to_bytes() }
            }
            Action::Raw { pieces, pause_ms, endless, hold } => {
                Answer::Wire(raw(pieces, *pause_ms, *endless, *hold))
            }
            Action::Reset { after } => Answer::Wire(Wire::new(after.to_bytes(), End::Reset)),
            Action::Lie { content_length, body } => {
                Answer::Wire(Wire::new(declaring(*content_length, &body.to_bytes()), End::Close))
            }
            Action::Drip { body, bytes, tick_ms } => Answer::Wire(drip(&body.to_bytes(), *bytes, *tick_ms)),
            Action::Endless(what) => Answer::Wire(what.wire()),
            Action::Redirect { to, status } => Answer::Whole {
                status: *status,
                headers: vec![pair("location", to.as_str())],
                body: Bytes::new(),
            },
            Action::EchoHeaders { status } => answers::echoed(*status, call),
        }
    }

    /// What no HTTP answer can carry.
    pub(crate) fn fault(&self) -> Option<String> {
        let (status, headers) = match self {
            Action::Answer { status, headers, .. } => (*status, headers.clone()),
            Action::Redirect { to, status } => (*status, vec![pair("location", to.as_str())]),
            Action::EchoHeaders { status } => (*status, Vec::new()),
            Action::Drip { bytes: 0, .. } => return Some("a drip needs at least one byte".to_owned()),
            _ => return None,
        };
        if !(200..=599).contains(&status) {
            return Some(format!("the status {status} is not in 200..=599; write it with `raw`"));
        }
        headers.iter().find_map(|(name, value)| match HeaderName::from_bytes(name.as_bytes()) {
            Ok(CONTENT_LENGTH | TRANSFER_ENCODING) => {
                Some(format!("{name} is set by the server; lie about it with `raw` or `lie`"))
            }
            Ok(_) if HeaderValue::from_str(value).is_ok() => None,
            _ => Some(format!("{name:?}: {value:?} is no HTTP header; write it with `raw`")),
        })
    }
}

impl Endless {
    fn wire(self) -> Wire {
        const TEXT: &[u8] = &[b'a'; 4096];
        let json = pair("content-type", "application/json");
        let (start, unit) = match self {
            Endless::Body => (head(200, &[json]), Bytes::from_static(TEXT)),
            Endless::Chunked => (head(200, &[json, pair("transfer-encoding", "chunked")]), chunk(TEXT)),
            Endless::Header => ("HTTP/1.1 200 Chaos\r\nx-endless: ".to_owned(), Bytes::from_static(TEXT)),
            Endless::Headers => {
                ("HTTP/1.1 200 Chaos\r\n".to_owned(), Bytes::from_static(b"x-again: and again\r\n"))
            }
            Endless::Informational => {
                (String::new(), Bytes::from_static(b"HTTP/1.1 103 Early Hints\r\n\r\n"))
            }
        };
        Wire::new(start, End::Close).then(Piece::repeated(unit, None))
    }
}

fn raw(pieces: &[Payload], pause_ms: u64, endless: bool, hold: bool) -> Wire {
    let end = if hold { End::Hold } else { End::Close };
    let each = |(number, piece): (usize, &Payload)| {
        Piece::once(piece.to_bytes()).every_ms(if number > 0 { pause_ms } else { 0 })
    };
    let wire = Wire { pieces: pieces.iter().enumerate().map(each).collect(), end };
    match pieces.last().filter(|_| endless) {
        Some(last) => wire.then(Piece::repeated(last.to_bytes(), None).every_ms(pause_ms)),
        None => wire,
    }
}

fn drip(body: &[u8], bytes: usize, tick_ms: u64) -> Wire {
    let whole = declaring(body.len() as u64, body);
    let drops = whole.chunks(bytes.max(1)).map(|drop| Piece::once(drop.to_vec()).every_ms(tick_ms));
    Wire { pieces: drops.collect(), end: End::Close }
}

/// A 200 that says its body is so long.
fn declaring(length: u64, body: &[u8]) -> Vec<u8> {
    let headers = [pair("content-type", "application/json"), pair("content-length", length.to_string())];
    [head(200, &headers).as_bytes(), body].concat()
}

impl Payload {
    pub(crate) fn to_bytes(&self) -> Bytes {
        match self {
            Payload::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
            Payload::Bytes(bytes) => Bytes::copy_from_slice(bytes),
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Payload::Text(String::new())
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Payload::Text(text.to_owned())
    }
}

const fn ok() -> u16 {
    200
}

const fn temporary() -> u16 {
    307
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_from_json() {
        let script: Script = serde_json::from_str(
            r#"{"prototype": [{"delay_ms": 5, "then": "hang"},
                              {"then": {"answer": {"status": 503, "headers": [["retry-after", "1"]]}}},
                              {"then": {"raw": {"pieces": ["HTTP/1.1 ", [255, 0]], "pause_ms": 3}}}],
                "final": [{"then": "close"}]}"#,
        )
        .unwrap();
        assert_eq!(script.prototype[0], Reply::at_once(Action::Hang).after_ms(5));
        let Action::Raw { pieces, endless: false, hold: false, pause_ms: 3 } = &script.prototype[2].then
        else {
            panic!("{script:?}")
        };
        assert_eq!(pieces[1], Payload::Bytes(vec![255, 0]));
        assert_eq!(script.final_mode, [Reply::at_once(Action::Close)]);
        for what in [
            r#"{"reset": {}}"#,
            r#""bid""#,
            r#"{"endless": "headers"}"#,
            r#"{"lie": {"content_length": 3, "body": "four"}}"#,
            r#"{"drip": {"body": "abc", "bytes": 1, "tick_ms": 2}}"#,
            r#"{"redirect": {"to": "http://127.0.0.1/"}}"#,
            r#"{"echo_headers": {"status": 500}}"#,
        ] {
            serde_json::from_str::<Action>(what).unwrap_or_else(|e| panic!("{what}: {e}"));
        }
        let again: Script = serde_json::from_str(&serde_json::to_string(&script).unwrap()).unwrap();
        assert_eq!((again, script.fault()), (script, None));
    }

    #[test]
    fn what_no_answer_can_carry_is_refused() {
        let check = |status, header: (&str, &str), refused: bool| {
            let headers = vec![(header.0.to_owned(), header.1.to_owned())];
            let script =
                Script::always(Reply::at_once(Action::Answer { status, headers, body: Payload::default() }));
            assert_eq!(script.fault().is_some(), refused, "{status} {header:?}");
        };
        check(200, ("x-a", "b"), false);
        check(199, ("x-a", "b"), true);
        check(200, ("x a", "b"), true);
        check(200, ("x-a", "b\r\nc"), true);
        check(200, ("Content-Length", "5"), true);
        assert!(Script::default().fault().is_some());
    }
}
