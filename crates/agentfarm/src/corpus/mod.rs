//! Rows of a corpus of answers, each turned into what an agent does.
//!
//! A row says under `response` what came back for a call: `status`, `headers` and a body (`body`, `body_b64`, or
//! `body_gen`, a recipe), or literal bytes (`wire`, or `wire_gen`, a recipe), or `transport`, what the network did
//! instead. `elapsed_ms` says how long it took, `context.health_before` what the last health probe found.

mod generate;

use crate::spec::{Door, Health, Tls};
use crate::wire::{Answer, End, Headers, Piece, Wire, chunk, head, pair};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// Stands in a row's body for the key that came with the call.
const KEY_PLACE: &str = "{{X-AITasker-Key}}";

/// An agent that plays rows: row `r` is called at `/rows/r/execute`, its health asked at `/rows/r/health`. Rows that
/// need a door of their own get one; [`crate::Agent::row_url`] knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corpus {
    /// The rows.
    #[serde(default)]
    pub rows: Vec<Value>,
    /// A file with further rows, one in a line.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// How long a row's second lasts here, in seconds.
    #[serde(default = "real_time")]
    pub time_scale: f64,
}

/// One row, ready to be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub id: String,
    /// How it is reached: most rows at any door, those about connections and TLS behind their own.
    pub door: Door,
    /// What is answered when its health is asked.
    pub health: Health,
    /// Milliseconds before it answers.
    pub elapsed_ms: u64,
    /// The answer; a row whose door never opens has none.
    pub answer: Answer,
}

impl Corpus {
    /// These rows at this speed.
    pub fn new(rows: Vec<Value>, time_scale: f64) -> Self {
        Self { rows, file: None, time_scale }
    }

    /// Every row, read.
    ///
    /// # Errors
    /// When the file cannot be read, or a row says something that cannot be played (`InvalidInput`, saying which).
    pub fn read(&self) -> io::Result<BTreeMap<String, Row>> {
        let further = match &self.file {
            Some(path) => lines(&std::fs::read_to_string(path)?)?,
            None => Vec::new(),
        };
        let read = |row| Row::read(row, self.time_scale).map(|row| (row.id.clone(), row));
        self.rows.iter().chain(&further).map(read).collect::<Result<_, _>>().map_err(invalid)
    }
}

impl Row {
    /// Reads a row; its times are multiplied by `time_scale`.
    ///
    /// # Errors
    /// What is missing or unknown, in a sentence that names the row.
    pub fn read(row: &Value, time_scale: f64) -> Result<Self, String> {
        let id = row["id"].as_str().ok_or("a row has no id")?.to_owned();
        let response = &row["response"];
        let scaled = |ms: u64| (ms as f64 * time_scale) as u64;
        let (door, answer) = match response["transport"].as_str() {
            Some(transport) => below_http(transport),
            None => answer(response, &scaled).map(|answer| (Door::Http, answer)),
        }
        .map_err(|fault| format!("{id}: {fault}"))?;
        let health = match row["context"]["health_before"].as_str() {
            Some("failing") => Health::Fail,
            Some("unknown") => Health::Hang,
            _ => Health::Ok,
        };
        let elapsed_ms = scaled(response["elapsed_ms"].as_u64().unwrap_or_default());
        Ok(Self { id, door, health, elapsed_ms, answer })
    }

    /// Status, headers and body, where the row is a well-formed answer and not about bytes on a wire.
    pub fn whole(&self) -> Option<(u16, &Headers, &Bytes)> {
        match &self.answer {
            Answer::Whole { status, headers, body } if self.door == Door::Http => {
                Some((*status, headers, body))
            }
            _ => None,
        }
    }

    /// The answer to a call that came with this key.
    pub(crate) fn answer_to(&self, key: &str) -> Answer {
        let mut answer = self.answer.clone();
        if let Answer::Whole { body, .. } = &mut answer
            && let Ok(text) = std::str::from_utf8(body)
            && text.contains(KEY_PLACE)
        {
            *body = text.replace(KEY_PLACE, key).into();
        }
        answer
    }
}

/// What the network does instead of bringing an answer, in the words of the rows.
fn below_http(transport: &str) -> Result<(Door, Answer), String> {
    let silent = |end| Answer::Wire(Wire::silent(end));
    let broken_off = |end| Answer::Wire(Wire::new(beginning(), end));
    Ok(match transport {
        "dns_nxdomain" => (Door::NoSuchName, silent(End::Close)),
        "connect_refused" => (Door::Refused, silent(End::Close)),
        "connect_timeout" => (Door::BlackHole, silent(End::Close)),
        "reset_before_headers" => (Door::Http, silent(End::Reset)),
        "close_before_headers" => (Door::Http, silent(End::Close)),
        reset if reset.starts_with("reset_") => (Door::Http, broken_off(End::Reset)),
        close if close.starts_with("close_") => (Door::Http, broken_off(End::Close)),
        other => match other.strip_prefix("tls_").and_then(fault) {
            Some(tls) => (Door::Https(tls), crate::answers::bid()),
            None => return Err(format!("the transport {other} is unknown")),
        },
    })
}

/// What is wrong with TLS, by the word that matters.
fn fault(name: &str) -> Option<Tls> {
    let words: [(&str, Tls); 12] = [
        ("expired", Tls::Expired),
        ("not_yet", Tls::NotYetValid),
        ("self_signed", Tls::SelfSigned),
        ("untrusted", Tls::UnknownAuthority),
        ("unknown", Tls::UnknownAuthority),
        ("plain_http", Tls::PlainHttp),
        ("stall", Tls::Stall),
        ("name", Tls::WrongName),
        ("host", Tls::WrongName),
        ("1_", Tls::OldVersion),
        ("garbage", Tls::Garbage),
        ("close", Tls::HangUp),
    ];
    words.into_iter().find_map(|(word, tls)| name.contains(word).then_some(tls))
}

/// An answer that breaks off in its body.
fn beginning() -> Vec<u8> {
    let headers = [pair("content-type", "application/json"), pair("content-length", "4096")];
    (head(200, &headers) + "{\"full_text\": \"").into_bytes()
}

fn answer(response: &Value, scaled: &dyn Fn(u64) -> u64) -> Result<Answer, String> {
    if let Some(wire) = response["wire"].as_str() {
        return Ok(Answer::Wire(Wire::new(wire.to_owned(), End::Close)));
    }
    if let Some(recipe) = generate::of_a_wire(response) {
        return generate::wire(recipe, scaled).map(Answer::Wire);
    }
    let status = response["status"].as_u64().ok_or("neither status, wire, wire_gen nor transport")?;
    let status = u16::try_from(status).map_err(|_| "the status is no status")?;
    let headers: Headers = match response.get("headers") {
        Some(headers) => serde_json::from_value(headers.clone()).map_err(|e| format!("headers: {e}"))?,
        None => Vec::new(),
    };
    let parts = generate::parts(response, scaled)?;
    Ok(parts.answer(status, headers))
}

/// A body as the recipe makes it.
struct Parts {
    /// One after the other.
    pieces: Vec<Piece>,
    /// How the connection ends after them; `None`: it does not, the body is whole.
    end: Option<End>,
    /// How many bytes these are, where that is known beforehand and worth declaring.
    length: Option<u64>,
}

impl Parts {
    fn whole(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { length: Some(body.len() as u64), pieces: vec![Piece::once(body)], end: None }
    }

    /// As HTTP where HTTP can say it, else as bytes.
    fn answer(self, status: u16, mut headers: Headers) -> Answer {
        let has = |wanted: &str| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let framed = has("content-length") || has("transfer-encoding");
        if let (false, true, None, [piece]) = (framed, is_answer(status), self.end, &self.pieces[..]) {
            return Answer::Whole { status, headers, body: piece.bytes.clone() };
        }
        let chunked = has("transfer-encoding");
        if let (false, Some(length)) = (framed, self.length) {
            headers.push(pair("content-length", length.to_string()));
        }
        let head = Piece::once(head(status, &headers));
        let body = if chunked { self.chunked() } else { self.pieces };
        let pieces = std::iter::once(head).chain(body).collect();
        Answer::Wire(Wire { pieces, end: self.end.unwrap_or(End::Close) })
    }
}

impl Parts {
    /// The same in chunks; the last one only where the body is complete.
    fn chunked(&self) -> Vec<Piece> {
        let full = self.pieces.iter().filter(|piece| !piece.bytes.is_empty());
        let body = full.map(|piece| Piece { bytes: chunk(&piece.bytes), ..piece.clone() });
        body.chain(self.length.map(|_| Piece::once("0\r\n\r\n"))).collect()
    }
}

/// Whether a library would send this status as the last of a call.
fn is_answer(status: u16) -> bool {
    (200..=999).contains(&status)
}

fn lines(text: &str) -> io::Result<Vec<Value>> {
    let read =
        |(number, line)| serde_json::from_str(line).map_err(|e| invalid(format!("line {}: {e}", number + 1)));
    text.lines().enumerate().filter(|(_, line): &(usize, &str)| !line.trim().is_empty()).map(read).collect()
}

fn invalid(fault: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, fault)
}

/// The bytes of `body_b64`.
fn decoded(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|e| format!("body_b64: {e}"))
}

const fn real_time() -> f64 {
    1.0
}
