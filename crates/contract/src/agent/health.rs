//! Asking an agent how it is: where that is asked, and what the answer means. Only `status` decides; everything else
//! an agent says of itself is taken as far as it can be read.

use crate::signature::hide_marked;
use gavel_domain::health::Report;
use serde_json::{Map, Value};

/// The longest version, name or category that is kept of an agent's word of itself.
pub const WORD_CHARS_MAX: usize = 100;
/// The most categories that are kept of it: more than any catalogue's agent works in.
pub const CAPABILITIES_MAX: usize = 50;

/// Why an answer is not that of a healthy agent, in words for its developer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unhealthy {
    /// Not 200.
    #[error("the health endpoint answered {0}, only 200 is healthy{hint}", hint = hint(*.0))]
    Status(u16),
    /// The body is not as it was asked for.
    #[error("the body is encoded ({0}) although only identity is accepted; it was not read")]
    Encoded(String),
    /// The body is not JSON.
    #[error("the body is not JSON ({0}); a healthy agent answers {{\"status\": \"ok\"}}")]
    NotJson(String),
    /// The body is JSON, but has no `status`.
    #[error(
        "the body is not a JSON object with a \"status\"; a healthy agent answers {{\"status\": \"ok\"}}"
    )]
    NoStatus,
    /// It has another one.
    #[error("\"status\" is {0}, only \"ok\" is healthy")]
    OtherStatus(String),
}

/// Where an agent's health is asked: its endpoint without a trailing `/execute`, plus `/health`, on the same host and
/// port. A query is left out: it may hold a key, and a probe carries none.
pub fn health_url(endpoint: &str) -> String {
    let whole = endpoint.split(['?', '#']).next().unwrap_or_default();
    let host_at = whole.find("://").map_or(0, |scheme_ends| scheme_ends + "://".len());
    let path_at = whole[host_at..].find('/').map_or(whole.len(), |length| host_at + length);
    let (origin, path) = whole.split_at(path_at);
    let path = path.strip_suffix('/').unwrap_or(path);
    let base = path.strip_suffix("/execute").unwrap_or(path);
    format!("{origin}{base}/health")
}

/// What a healthy agent says of itself.
///
/// # Errors
/// The first thing that keeps the answer from being a healthy agent's.
pub fn read(status: u16, content_encoding: Option<&str>, body: &[u8]) -> Result<Report, Unhealthy> {
    if status != 200 {
        return Err(Unhealthy::Status(status));
    }
    if let Some(encoding) = content_encoding {
        return Err(Unhealthy::Encoded(bounded(encoding)));
    }
    let said = object(body)?;
    match said.get("status") {
        None => Err(Unhealthy::NoStatus),
        Some(Value::String(word)) if word == "ok" => Ok(report(&said)),
        Some(other) => Err(Unhealthy::OtherStatus(bounded(&other.to_string()))),
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Unhealthy> {
    let body = body.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(body);
    match serde_json::from_slice(body) {
        Ok(Value::Object(said)) => Ok(said),
        Ok(_) => Err(Unhealthy::NoStatus),
        Err(_) if body.is_empty() => Err(Unhealthy::NotJson("it is empty".to_owned())),
        Err(error) => Err(Unhealthy::NotJson(error.to_string())),
    }
}

fn report(said: &Map<String, Value>) -> Report {
    Report { agent: word(said, "agent"), version: word(said, "version"), capabilities: capabilities(said) }
}

fn word(said: &Map<String, Value>, key: &str) -> Option<String> {
    said.get(key).and_then(Value::as_str).map(bounded).filter(|word| !word.is_empty())
}

fn capabilities(said: &Map<String, Value>) -> Option<Vec<String>> {
    let named = said.get("capabilities")?.as_array()?.iter();
    let words = named.filter_map(Value::as_str).map(bounded).filter(|word| !word.is_empty());
    Some(words.take(CAPABILITIES_MAX).collect())
}

/// One line that any database keeps, without keys and secrets: a developer may have put them into the wrong setting.
fn bounded(text: &str) -> String {
    hide_marked(text.trim()).chars().filter(|c| !c.is_control()).take(WORD_CHARS_MAX).collect()
}

/// What to do about the statuses that developers run into.
fn hint(status: u16) -> &'static str {
    match status {
        300..=399 => "; redirects are not followed",
        401 | 403 => "; a probe carries no key, let it in without one",
        404 => "; serve GET on the endpoint's URL without a trailing /execute, plus /health",
        405 => "; it is asked with GET",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_health_is_asked() {
        let check = |endpoint: &str, expected: &str| assert_eq!(health_url(endpoint), expected, "{endpoint}");
        check("https://h/a/execute", "https://h/a/health");
        check("https://h/execute", "https://h/health");
        check("https://h/", "https://h/health");
        check("https://h", "https://h/health");
        check("https://h/bid", "https://h/bid/health");
        check("https://h/bid/", "https://h/bid/health");
        check("https://h/a/execute/", "https://h/a/health");
        check("https://h/execute/execute", "https://h/execute/health");
        check("https://h/reexecute", "https://h/reexecute/health");
        check("https://h/EXECUTE", "https://h/EXECUTE/health");
        check("https://execute", "https://execute/health");
        check("https://h:8443/aitasker/execute", "https://h:8443/aitasker/health");
        check("http://[::1]:9000/execute", "http://[::1]:9000/health");
        check("https://h/a/execute?code=secret", "https://h/a/health");
        check("https://h?next=/execute", "https://h/health");
        check("https://h/a?next=https://other/execute", "https://h/a/health");
        check("https://h/a/execute#top", "https://h/a/health");
        check("https://h/a%20b/execute", "https://h/a%20b/health");
        check("", "/health");
    }

    #[test]
    fn what_a_healthy_agent_says() {
        let check =
            |body: &str, agent: Option<&str>, version: Option<&str>, capabilities: Option<&[&str]>| {
                let report = read(200, None, body.as_bytes()).unwrap_or_else(|why| panic!("{body}: {why}"));
                let named: Option<Vec<&str>> =
                    report.capabilities.as_ref().map(|all| all.iter().map(String::as_str).collect());
                assert_eq!((report.agent.as_deref(), report.version.as_deref()), (agent, version), "{body}");
                assert_eq!(named.as_deref(), capabilities, "{body}");
            };
        check(r#"{"status":"ok"}"#, None, None, None);
        check("\u{FEFF}{\"status\":\"ok\"}", None, None, None);
        check(
            r#"{"status":"ok","agent":"atlas","version":" 1.2\u0000\n","capabilities":["a",1,"","b"],"uptime":3}"#,
            Some("atlas"),
            Some("1.2"),
            Some(&["a", "b"]),
        );
        check(r#"{"status":"ok","agent":null,"version":2,"capabilities":"a"}"#, None, None, None);
        check(r#"{"status":"ok","capabilities":[]}"#, None, None, Some(&[]));
    }

    #[test]
    fn every_other_answer_is_told_in_words() {
        let check = |status: u16, encoding: Option<&str>, body: &str, words: &str| {
            let why = read(status, encoding, body.as_bytes()).expect_err(body).to_string();
            assert!(why.contains(words), "{why:?} without {words:?}");
        };
        check(204, None, "", "answered 204, only 200 is healthy");
        check(201, None, r#"{"status":"ok"}"#, "201");
        check(301, None, "", "redirects are not followed");
        check(401, None, "", "carries no key");
        check(404, None, "", "plus /health");
        check(405, None, "", "GET");
        check(503, None, r#"{"status":"ok"}"#, "answered 503, only 200 is healthy");
        check(200, Some("gzip"), "", "encoded (gzip)");
        check(200, None, "", "it is empty");
        check(200, None, "ok", "not JSON");
        check(200, None, "{\"status\":\"ok\"} and more", "not JSON");
        check(200, None, "\"ok\"", "not a JSON object");
        check(200, None, "[\"ok\"]", "not a JSON object");
        check(200, None, "{}", "with a \"status\"");
        check(200, None, r#"{"Status":"ok"}"#, "with a \"status\"");
        check(200, None, r#"{"status":"OK"}"#, "\"status\" is \"OK\", only \"ok\"");
        check(200, None, r#"{"status":"ok "}"#, "\"status\" is \"ok \"");
        check(200, None, r#"{"status":"healthy"}"#, "healthy");
        check(200, None, r#"{"status":true}"#, "\"status\" is true");
        check(200, None, r#"{"status":null}"#, "\"status\" is null");
        check(200, None, &"[".repeat(60_000), "not JSON");
    }
}
