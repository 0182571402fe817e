//! How the trace of a send stands in its column.

use crate::Result;
use crate::rows::{json, to_json};
use gavel_domain::invitation::{Timing, Trace};
use serde::{Deserialize, Serialize};

const T: &str = "attempts";

#[derive(Serialize, Deserialize)]
struct Document {
    url: String,
    request_headers: Vec<(String, String)>,
    response_headers: Vec<(String, String)>,
    response_bytes: Option<u64>,
    timing: Steps,
}

/// Microseconds.
#[derive(Serialize, Deserialize)]
struct Steps {
    reused: bool,
    dns: Option<u32>,
    connect: Option<u32>,
    tls: Option<u32>,
    first_byte: Option<u32>,
    body: Option<u32>,
}

pub(crate) fn write(trace: &Trace) -> Result<String> {
    let Timing { reused, dns, connect, tls, first_byte, body } = trace.timing;
    let document = Document {
        url: trace.url.clone(),
        request_headers: trace.request_headers.clone(),
        response_headers: trace.response_headers.clone(),
        response_bytes: trace.response_bytes,
        timing: Steps { reused, dns, connect, tls, first_byte, body },
    };
    // JSON writes U+0000 as six plain characters, so any database keeps it.
    to_json(&document, T, "trace")
}

pub(crate) fn read(text: &str) -> Result<Trace> {
    let Document { url, request_headers, response_headers, response_bytes, timing } = json(text, T, "trace")?;
    let Steps { reused, dns, connect, tls, first_byte, body } = timing;
    let timing = Timing { reused, dns, connect, tls, first_byte, body };
    Ok(Trace { url, request_headers, response_headers, response_bytes, timing })
}
