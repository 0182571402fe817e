//! What leaves: the headers as given, and a body that tells the connection for whom it reads from now on.

use crate::meter::{Meter, Tally};
use crate::steps::Step;
use bytes::Bytes;
use gavel_dispatcher::transport::{self, FailureKind, Method, SendFailure};
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Request, Uri};
use hyper::body::{Body, Frame, SizeHint};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A body of known length, or none. It is asked whether it is over after the connection was chosen and before a byte
/// is written, bodies or not: the one moment at which the meter can be set without a race.
pub(crate) struct Outgoing {
    bytes: Option<Bytes>,
    tally: Arc<Tally>,
    /// Until the request is written.
    connection: Cell<Option<CaptureConnection>>,
}

impl Outgoing {
    /// The first time: what the connection reads from now on is the answer to this request.
    fn begin(&self) {
        let Some(meter) = self.connection.take().and_then(|connection| meter_of(&connection)) else { return };
        self.tally.steps.begin(Step::FirstByte);
        if meter.begin(&self.tally) {
            self.tally.steps.reuse();
        }
    }
}

/// A request that was given a connection which turned out to be closed is never asked for its body.
impl Drop for Outgoing {
    fn drop(&mut self) {
        self.begin();
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.begin();
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

fn meter_of(connection: &CaptureConnection) -> Option<Meter> {
    let mut extras = Extensions::new();
    connection.connection_metadata().as_ref()?.get_extras(&mut extras);
    extras.remove()
}

/// The request, and a view of the connection it will get. A GET carries no body.
pub(crate) fn outgoing(
    request: &transport::Request,
    uri: Uri,
    tally: &Arc<Tally>,
) -> Result<(Request<Outgoing>, CaptureConnection), SendFailure> {
    let (method, bytes) = match request.method {
        Method::Get => (http::Method::GET, None),
        Method::Post => (http::Method::POST, Some(request.body.clone())),
    };
    let headers = headers(&request.headers)?;
    let body = Outgoing { bytes, tally: Arc::clone(tally), connection: Cell::default() };
    let mut outgoing = Request::new(body);
    *outgoing.method_mut() = method;
    *outgoing.uri_mut() = uri;
    *outgoing.headers_mut() = headers;
    let connection = capture_connection(&mut outgoing);
    outgoing.body_mut().connection.set(Some(connection.clone()));
    Ok((outgoing, connection))
}

/// The headers as given, and the wish for a body that is not encoded.
fn headers(given: &[(String, String)]) -> Result<HeaderMap, SendFailure> {
    let mut headers = HeaderMap::with_capacity(given.len() + 2);
    for (name, value) in given {
        // The value may be a key, so the message names only the header.
        let bad = || {
            SendFailure::new(FailureKind::Ours, format!("the header {name} has a value that cannot be sent"))
        };
        let name = HeaderName::try_from(name).map_err(|_| bad())?;
        headers.append(name, HeaderValue::try_from(value).map_err(|_| bad())?);
    }
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}
