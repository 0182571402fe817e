//! What the log says of a request: method, path and the id that its answer carries. Never other headers, where keys are,
//! nor a query or the end of an address that lets in whoever knows it.

use http::{HeaderMap, Request, StatusCode};
use std::time::Duration;
use tower_http::classify::ServerErrorsFailureClass;
use tracing::Span;

/// What stands where an address would let somebody in.
const HIDDEN: &str = "[hidden]";
/// Below it every address is a token.
const CALLBACKS: &str = "/callbacks/";
/// Names a request; ours is a UUID, a caller may bring its own.
const REQUEST_ID: &str = "x-request-id";
/// As much of a caller's own id is shown.
const REQUEST_ID_BYTES: usize = 64;

/// The span in which a request is handled; every line about it carries the request's id.
pub(crate) fn of<B>(request: &Request<B>) -> Span {
    let (path, request_id) = (shown(request.uri().path()), request_id(request.headers()));
    tracing::info_span!("request", method = %request.method(), path, version = ?request.version(), request_id)
}

fn request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?; // ASCII
    Some(&id[..id.len().min(REQUEST_ID_BYTES)])
}

/// Notes a 5xx. Whoever is turned away because there is too much to do is no error of ours.
pub(crate) fn failed(failure: ServerErrorsFailureClass, latency: Duration, _span: &Span) {
    match is_error(&failure) {
        true => tracing::error!(classification = %failure, ?latency, "a response failed"),
        false => tracing::debug!(classification = %failure, ?latency, "a request was turned away"),
    }
}

fn is_error(failure: &ServerErrorsFailureClass) -> bool {
    !matches!(failure, ServerErrorsFailureClass::StatusCode(StatusCode::SERVICE_UNAVAILABLE))
}

fn shown(path: &str) -> String {
    match path.split_once(CALLBACKS) {
        Some((before, _token)) => format!("{before}{CALLBACKS}{HIDDEN}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_those_turned_away_are_no_error() {
        let of = |status| is_error(&ServerErrorsFailureClass::StatusCode(status));
        assert!(of(StatusCode::INTERNAL_SERVER_ERROR) && of(StatusCode::GATEWAY_TIMEOUT));
        assert!(!of(StatusCode::SERVICE_UNAVAILABLE));
        assert!(is_error(&ServerErrorsFailureClass::Error("the body broke off".to_owned())));
    }

    #[test]
    fn a_request_is_named_in_the_log() {
        let of = |id: &[u8]| {
            let headers =
                HeaderMap::from_iter([(REQUEST_ID.parse().unwrap(), HeaderValue::from_bytes(id).unwrap())]);
            request_id(&headers).map(str::to_owned)
        };
        assert_eq!(of(b"7f3a"), Some("7f3a".to_owned()));
        assert_eq!(of(&[b'a'; 1000]), Some("a".repeat(REQUEST_ID_BYTES)));
        assert_eq!(of("é".as_bytes()), None);
        assert_eq!(request_id(&HeaderMap::new()), None);
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(shown("/api/v1/tasks/7/bids"), "/api/v1/tasks/7/bids");
        assert_eq!(shown("/api/v1/callbacks/abc_-"), "/api/v1/callbacks/[hidden]");
        assert_eq!(shown("/api/v1/callbacks/abc/callbacks/def"), "/api/v1/callbacks/[hidden]");
    }
}
