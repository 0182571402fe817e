//! Agents that do what a test says, byte by byte where needed.

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
    fn fault(&self) -> Option<String> {
        let Action::Answer { status, headers, .. } = self else { return None };
        if !(200..=599).contains(status) {
            return Some(format!("the status {status} is not in 200..=599; write it with `raw`"));
        }
        headers.iter().find_map(|(name, value)| match HeaderName::from_bytes(name.as_bytes()) {
            Ok(CONTENT_LENGTH | TRANSFER_ENCODING) => {
                Some(format!("{name} is set by the server; lie about it with `raw`"))
            }
            Ok(_) if HeaderValue::from_str(value).is_ok() => None,
            _ => Some(format!("{name:?}: {value:?} is no HTTP header; write it with `raw`")),
        })
    }
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
