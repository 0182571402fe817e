//! Which kind of failure an error of the client is. The kind decides whether one more send is allowed, so the line
//! between "no byte arrived" and "something arrived" is drawn here.

use gavel_dispatcher::transport::{FailureKind, SendFailure};
use std::error::Error;
use std::io;

/// An error before the head of an answer was complete.
pub(crate) fn before_the_head(error: reqwest::Error) -> SendFailure {
    let error = error.without_url();
    let kind = if error.is_builder() {
        FailureKind::Ours
    } else if error.is_connect() {
        connecting(&error)
    } else if error.is_timeout() {
        FailureKind::Timeout
    } else if causes(&error)
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_parse)
    {
        FailureKind::BrokenHead
    } else {
        // Closed or reset while the head was awaited.
        FailureKind::NoResponse
    };
    SendFailure::new(kind, sentence(kind, &error))
}

/// An error after the head.
pub(crate) fn in_the_body(error: reqwest::Error) -> SendFailure {
    let kind = if error.is_timeout() { FailureKind::Timeout } else { FailureKind::BrokenBody };
    SendFailure::new(kind, sentence(kind, &error.without_url()))
}

/// The TLS layer reports a failed handshake as invalid data; neither the name service nor TCP ever does.
fn connecting(error: &reqwest::Error) -> FailureKind {
    let by_tls = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::InvalidData);
    if by_tls { FailureKind::Tls } else { FailureKind::Connect }
}

fn sentence(kind: FailureKind, error: &reqwest::Error) -> String {
    let what = match kind {
        FailureKind::Refused(_) => "the address was refused",
        FailureKind::Connect => "could not connect",
        FailureKind::Tls => "the TLS handshake failed",
        FailureKind::NoResponse => "the connection was closed before an answer arrived",
        FailureKind::BrokenHead => "what arrived is not the head of an HTTP answer",
        FailureKind::BrokenBody => "the body of the answer broke off or its framing is wrong",
        FailureKind::TooLarge => "the answer is too large",
        FailureKind::Timeout => "the deadline passed",
        FailureKind::Ours => "the request could not be made",
    };
    // The last cause says what the machine said; those between repeat each other.
    match causes(error).last() {
        Some(cause) => format!("{what}: {cause}"),
        None => what.to_owned(),
    }
}

/// All causes, outermost first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| match cause.downcast_ref::<io::Error>() {
        // `source` of an I/O error steps over the error it wraps.
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => cause.source(),
    })
}
