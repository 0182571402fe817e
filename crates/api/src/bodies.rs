//! How bodies are read: to their end, in time, and in bounded memory.
//!
//! What every request may send is free. What is larger draws on a budget that all large bodies share, and only as it
//! arrives: who announces much and sends little holds nothing.

use crate::problem::Problem;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use bytes::BytesMut;
use gavel_domain::limits::REQUEST_BYTES;
use http::StatusCode;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory for what large bodies have beyond [`REQUEST_BYTES`]: more than thirty of the largest at once.
const LARGE_BODIES_BYTES: usize = 128 * 1024 * 1024;
/// In these steps it is handed out.
const STEP_BYTES: usize = 1024;

/// What the body of one request may cost.
#[derive(Debug, Clone)]
pub(crate) struct BodyLimit {
    /// How long all of it may take to arrive.
    pub(crate) time: Duration,
    /// How large it may be.
    pub(crate) bytes: usize,
    /// What large ones draw on.
    pub(crate) budget: Budget,
}

/// Memory that large bodies share.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// Memory of one large body, given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Drawn(Option<OwnedSemaphorePermit>);

impl BodyLimit {
    /// The request with its body read to the end, and what it drew: to be kept as long as the body.
    pub(crate) async fn whole(&self, request: Request) -> Result<(Request, Drawn), Problem> {
        let (parts, body) = request.into_parts();
        if body.size_hint().lower() > self.bytes as u64 {
            return Err(self.too_large()); // said so itself: nothing of it is read
        }
        let read = tokio::time::timeout(self.time, self.read(body)).await;
        let (body, drawn) = read.map_err(|_| Problem::slow_body())??;
        Ok((Request::from_parts(parts, body.into()), drawn))
    }

    async fn read(&self, mut body: Body) -> Result<(Bytes, Drawn), Problem> {
        let (mut raw, mut drawn) = (BytesMut::new(), Drawn::default());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Problem::malformed("The body could not be read to its end."))?;
            let Ok(part) = frame.into_data() else { continue }; // trailers say nothing to us
            if raw.len() + part.len() > self.bytes {
                return Err(self.too_large());
            }
            drawn.cover(raw.len() + part.len(), &self.budget)?;
            raw.extend_from_slice(&part);
        }
        Ok((raw.freeze(), drawn))
    }

    fn too_large(&self) -> Problem {
        let detail = format!("Send at most {} KiB.", self.bytes / 1024);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large", detail)
    }
}

impl Budget {
    pub(crate) fn new() -> Budget {
        Budget(Arc::new(Semaphore::new(LARGE_BODIES_BYTES / STEP_BYTES)))
    }
}

impl Drawn {
    /// Draws what a body of this length has beyond what is free.
    fn cover(&mut self, length: usize, budget: &Budget) -> Result<(), Problem> {
        let steps = length.saturating_sub(REQUEST_BYTES).div_ceil(STEP_BYTES);
        let held = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = steps.checked_sub(held).filter(|more| *more > 0) else { return Ok(()) };
        let more = Arc::clone(&budget.0).try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX));
        let more = more.map_err(|_| no_memory())?;
        match &mut self.0 {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

fn no_memory() -> Problem {
    let detail = "There are too many large bodies at once; nothing was done. Try again soon.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Too much to do", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::convert::Infallible;

    const LARGE: usize = REQUEST_BYTES * 4;

    fn limit(budget_steps: usize) -> BodyLimit {
        let budget = Budget(Arc::new(Semaphore::new(budget_steps)));
        BodyLimit { time: Duration::from_secs(30), bytes: LARGE, budget }
    }

    fn request(body: impl Into<Body>) -> Request {
        Request::builder().header("x-kept", "1").body(body.into()).unwrap()
    }

    /// A body that does not say how long it is.
    fn pieces(count: usize) -> Body {
        let piece = || Ok::<_, Infallible>(Bytes::from(vec![b'x'; REQUEST_BYTES / 2]));
        Body::from_stream(stream::iter((0..count).map(move |_| piece())))
    }

    async fn refused(limit: &BodyLimit, body: impl Into<Body>) -> StatusCode {
        limit.whole(request(body)).await.unwrap_err().status()
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together() {
        let (whole, _) = limit(0).whole(request(pieces(2))).await.unwrap();
        assert_eq!(whole.headers()["x-kept"], "1");
        assert_eq!(whole.body().size_hint().exact(), Some(REQUEST_BYTES as u64), "nothing is still to come");
        assert_eq!(whole.into_body().collect().await.unwrap().to_bytes(), vec![b'x'; REQUEST_BYTES]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_told_as_slow() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        assert_eq!(refused(&limit(0), never).await, StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_told() {
        let broken = stream::iter([Ok("{"), Err(std::io::Error::other("gone"))]);
        assert_eq!(refused(&limit(0), Body::from_stream(broken)).await, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_refused_whether_it_says_so_or_not() {
        let limit = limit(LARGE / STEP_BYTES);
        assert_eq!(refused(&limit, vec![b' '; LARGE + 1]).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(refused(&limit, pieces(9)).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(limit.budget.0.available_permits(), LARGE / STEP_BYTES, "all is given back");
    }

    #[tokio::test]
    async fn large_bodies_share_a_budget_and_small_ones_do_not_need_it() {
        let limit = limit(3 * REQUEST_BYTES / STEP_BYTES);
        let (_, first) = limit.whole(request(pieces(6))).await.unwrap(); // two thirds of the budget
        assert_eq!(limit.budget.0.available_permits(), REQUEST_BYTES / STEP_BYTES);
        assert_eq!(refused(&limit, pieces(6)).await, StatusCode::SERVICE_UNAVAILABLE);
        assert!(limit.whole(request(pieces(2))).await.is_ok());
        drop(first);
        assert!(limit.whole(request(pieces(6))).await.is_ok());
    }
}
