//! What leaves: the headers as given, and a body that tells the connection for whom it reads from now on.

use crate::meter::{Meter, Tally};
use bytes::Bytes;
use gavel_dispatcher::transport::{FailureKind, SendFailure};
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Request, Uri};
use hyper::body::{Body, Frame, SizeHint};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A body of known length. It is asked for its bytes after the connection was chosen and before a byte is written:
/// the one moment at which the meter can be set without a race.
pub(crate) struct Outgoing {
    bytes: Option<Bytes>,
    tally: Arc<Tally>,
    connection: Option<CaptureConnection>,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(meter) = self.connection.take().and_then(|connection| meter_of(&connection)) {
            meter.begin(Arc::clone(&self.tally));
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
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

/// The request, and a view of the connection it will get.
pub(crate) fn post(
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    tally: &Arc<Tally>,
) -> (Request<Outgoing>, CaptureConnection) {
    let mut request =
        Request::new(Outgoing { bytes: Some(body), tally: Arc::clone(tally), connection: None });
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    let connection = capture_connection(&mut request);
    request.body_mut().connection = Some(connection.clone());
    (request, connection)
}

/// The headers as given, and the wish for a body that is not encoded.
pub(crate) fn headers(given: &[(String, String)]) -> Result<HeaderMap, SendFailure> {
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
