//! What the log says of a request: method and path. Never headers, where keys are, nor a query or the end of an address
//! that lets in whoever knows it.

use http::Request;
use tracing::Span;

/// What stands where an address would let somebody in.
const HIDDEN: &str = "[hidden]";
/// Below it every address is a token.
const CALLBACKS: &str = "/callbacks/";

/// The span in which a request is handled.
pub(crate) fn of<B>(request: &Request<B>) -> Span {
    let path = shown(request.uri().path());
    tracing::debug_span!("request", method = %request.method(), path, version = ?request.version())
}

fn shown(path: &str) -> String {
    match path.split_once(CALLBACKS) {
        Some((before, _token)) => format!("{before}{CALLBACKS}{HIDDEN}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(shown("/api/v1/tasks/7/bids"), "/api/v1/tasks/7/bids");
        assert_eq!(shown("/api/v1/callbacks/abc_-"), "/api/v1/callbacks/[hidden]");
        assert_eq!(shown("/api/v1/callbacks/abc/callbacks/def"), "/api/v1/callbacks/[hidden]");
    }
}
