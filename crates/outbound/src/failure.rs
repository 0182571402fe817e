//! Which kind of failure an error of the client is. The kind decides whether one more send is allowed, so the line
//! between "no byte arrived" and "something arrived" is drawn here.

use crate::connector::Unconnected;
use crate::meter::Tally;
use gavel_dispatcher::transport::{FailureKind, SendFailure};
use hyper_util::client::legacy;
use std::error::Error;
use std::io;

/// An error before the head of an answer was complete.
pub(crate) fn before_the_head(error: &legacy::Error, tally: &Tally) -> SendFailure {
    if let Some(unconnected) = causes(error).find_map(|cause| cause.downcast_ref::<Unconnected>()) {
        return failure(unconnected.kind(), unconnected);
    }
    let kind = if error.is_connect() {
        FailureKind::Connect
    } else if tally.heard() || is_broken(error) {
        // Also what was cut, flooded or reset in the middle: the agent has had the request.
        FailureKind::BrokenHead
    } else {
        // Closed or reset while the head was awaited, or closed already when the request came to be written.
        FailureKind::NoResponse
    };
    failure(kind, last_cause(error))
}

/// An error after the head.
pub(crate) fn in_the_body(error: &hyper::Error, tally: &Tally) -> SendFailure {
    failure(if tally.is_over() { FailureKind::TooLarge } else { FailureKind::BrokenBody }, last_cause(error))
}

fn is_broken(error: &legacy::Error) -> bool {
    let mut ours = causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>());
    // A request that was never started is not to blame for what its connection brought before.
    ours.next().is_some_and(hyper::Error::is_parse)
}

fn failure(kind: FailureKind, why: &dyn Error) -> SendFailure {
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
    SendFailure::new(kind, format!("{what}: {why}"))
}

/// What the machine said; the causes between repeat each other.
fn last_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// All causes, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| match cause.downcast_ref::<io::Error>() {
        // `source` of an I/O error steps over the error it wraps.
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => cause.source(),
    })
}
