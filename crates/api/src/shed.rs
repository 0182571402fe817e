//! How many requests are carried at once, and how long each may take. Every route belongs to a lane with places of its
//! own, so that buyers cannot keep agents' results out, nor waiting readers those who work.
//!
//! A body is read whole before its request takes a place: slow senders fill no lane. What changes something runs on a
//! task of its own and is never dropped half-done, neither by its time limit nor with its client; it keeps its place
//! until it is done.

use crate::bodies::{BodyLimit, Budget, Drawn};
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gavel_domain::limits::{ANSWER_BYTES, REQUEST_BYTES};
use http::StatusCode;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

/// How long a request may take from its whole body until its answer begins; no handler waits for agents.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// The same for those that do wait: for work to come (30 s), or for an agent that is called again (130 s).
const PATIENT_LIMIT: Duration = Duration::from_secs(150);

/// How many requests are carried at once, by what they are; above it they are asked to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Ordinary requests in work.
    pub requests: usize,
    /// Agents' results by callback in work.
    pub callbacks: usize,
    /// Requests that wait for something.
    pub long_polls: usize,
    /// Open event streams.
    pub streams: usize,
    /// How long all of a body may take to arrive.
    pub body: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        let body = Duration::from_secs(30); // 256 KiB at the speed of a bad telephone line
        RequestLimits { requests: 1024, callbacks: 256, long_polls: 1024, streams: 1024, body }
    }
}

impl RequestLimits {
    /// How long a request may take at most, from its head until its answer begins.
    pub fn longest(&self) -> Duration {
        self.body + PATIENT_LIMIT
    }
}

/// The lanes of one server.
#[derive(Debug, Clone)]
pub(crate) struct Lanes {
    /// For everybody.
    pub(crate) requests: Lane,
    /// For agents that call back.
    pub(crate) callbacks: Lane,
    /// For requests that wait.
    pub(crate) long_polls: Lane,
    /// For event streams.
    pub(crate) streams: Lane,
    /// For those who watch over us: never full.
    pub(crate) health: Lane,
}

impl Lanes {
    pub(crate) fn new(limits: &RequestLimits) -> Lanes {
        let body = BodyLimit { time: limits.body, bytes: REQUEST_BYTES, budget: Budget::new() };
        let result = BodyLimit { bytes: ANSWER_BYTES, ..body.clone() }; // a result is as large as an answer
        let lane = |what, places, limit| {
            let places = Arc::new(Semaphore::new(places));
            Lane { what, places, body: body.clone(), limit, to_the_end: false }
        };
        Lanes {
            requests: lane("requests", limits.requests, REQUEST_LIMIT),
            callbacks: Lane { body: result, ..lane("results", limits.callbacks, REQUEST_LIMIT) },
            long_polls: lane("waiting requests", limits.long_polls, PATIENT_LIMIT),
            streams: Lane { to_the_end: true, ..lane("event streams", limits.streams, REQUEST_LIMIT) },
            health: lane("health checks", Semaphore::MAX_PERMITS, REQUEST_LIMIT),
        }
    }
}

/// Places for requests of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    what: &'static str,
    places: Arc<Semaphore>,
    body: BodyLimit,
    limit: Duration,
    /// The place is kept until the answer is sent or dropped, not only until it begins.
    to_the_end: bool,
}

/// The layer around the routes of a lane.
pub(crate) async fn pass(State(lane): State<Lane>, request: Request, next: Next) -> Response {
    lane.carry(request, next).await.unwrap_or_else(IntoResponse::into_response)
}

impl Lane {
    async fn carry(self, request: Request, next: Next) -> Result<Response, Problem> {
        let changes = !request.method().is_safe();
        let (request, drawn) =
            if changes { self.body.whole(request).await? } else { (request, Drawn::default()) };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| self.full())?;
        let limit = self.limit;
        let work = async move {
            let response = next.run(request).await;
            drop(drawn); // the body is of no more use
            self.answered(response, place)
        };
        let answer = async { if changes { to_its_end(work).await } else { Ok(work.await) } };
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(Problem::timeout()))
    }

    fn full(&self) -> Problem {
        let detail = format!("There are too many {} at once; nothing was done. Try again soon.", self.what);
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Too much to do", detail)
    }

    fn answered(&self, response: Response, place: OwnedSemaphorePermit) -> Response {
        if !self.to_the_end {
            return response;
        }
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _ = &place; // given back with the body
                frame
            }))
        })
    }
}

/// Runs on when whoever waits for it does not.
async fn to_its_end(work: impl Future<Output = Response> + Send + 'static) -> Result<Response, Problem> {
    match tokio::spawn(work.in_current_span()).await {
        Ok(response) => Ok(response),
        Err(panic) if panic.is_panic() => std::panic::resume_unwind(panic.into_panic()),
        Err(cancelled) => Err(Problem::internal(&cancelled)), // the runtime ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use axum::{Router, middleware::from_fn_with_state};
    use futures::stream;
    use http::Method;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;
    use tower::ServiceExt;

    /// Handlers that begin, wait to be let go, and end; some panic.
    #[derive(Default)]
    struct Work {
        begun: AtomicUsize,
        go: Notify,
        ended: AtomicUsize,
    }

    impl Work {
        async fn run(&self) -> &'static str {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.go.notified().await;
            self.ended.fetch_add(1, Ordering::SeqCst);
            "done"
        }

        async fn until(&self, what: &AtomicUsize, count: usize) {
            for _ in 0..10_000 {
                if what.load(Ordering::SeqCst) >= count {
                    return;
                }
                tokio::task::yield_now().await;
            }
            panic!("it never comes to {count}");
        }
    }

    fn lanes() -> Lanes {
        Lanes::new(&RequestLimits { requests: 1, streams: 1, ..RequestLimits::default() })
    }

    fn router(lane: &Lane, work: &Arc<Work>) -> Router {
        let (reading, writing) = (Arc::clone(work), Arc::clone(work));
        let endless = || async { Body::from_stream(stream::pending::<Result<String, std::fmt::Error>>()) };
        Router::new()
            .route("/work", get(async move || reading.run().await))
            .route("/change", post(async move || writing.run().await))
            .route("/panic", post(async || -> &'static str { panic!("a fault of ours") }))
            .route("/stream", get(endless))
            .layer(from_fn_with_state(lane.clone(), pass))
    }

    fn request(method: Method, path: &str) -> Request {
        Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
    }

    async fn send(router: &Router, method: Method, path: &str) -> Response {
        let Ok(response) = router.clone().oneshot(request(method, path)).await;
        response
    }

    #[tokio::test]
    async fn a_full_lane_asks_to_come_again_and_recovers() {
        let (work, lanes) = (Arc::new(Work::default()), lanes());
        let router = router(&lanes.requests, &work);
        let first = tokio::spawn(router.clone().oneshot(request(Method::GET, "/work")));
        work.until(&work.begun, 1).await;
        let refused = send(&router, Method::POST, "/change").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
        work.go.notify_one();
        assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
        work.go.notify_one();
        assert_eq!(send(&router, Method::POST, "/change").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn lanes_do_not_fill_each_other() {
        let (work, lanes) = (Arc::new(Work::default()), lanes());
        let (buyers, agents) = (router(&lanes.requests, &work), router(&lanes.callbacks, &work));
        let _held = tokio::spawn(buyers.clone().oneshot(request(Method::GET, "/work")));
        work.until(&work.begun, 1).await;
        assert_eq!(send(&buyers, Method::GET, "/stream").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(send(&agents, Method::GET, "/stream").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_stream_keeps_its_place_until_it_is_dropped() {
        let (work, lanes) = (Arc::new(Work::default()), lanes());
        let router = router(&lanes.streams, &work);
        let open = send(&router, Method::GET, "/stream").await;
        assert_eq!(send(&router, Method::GET, "/stream").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(open);
        assert_eq!(send(&router, Method::GET, "/stream").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn what_changes_something_survives_who_asked_for_it() {
        let (work, lanes) = (Arc::new(Work::default()), lanes());
        let router = router(&lanes.requests, &work);
        let client = tokio::spawn(router.clone().oneshot(request(Method::POST, "/change")));
        work.until(&work.begun, 1).await;
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        let full = send(&router, Method::GET, "/stream").await;
        assert_eq!(full.status(), StatusCode::SERVICE_UNAVAILABLE, "it keeps its place");
        work.go.notify_one();
        work.until(&work.ended, 1).await;
    }

    #[tokio::test]
    async fn who_only_reads_is_dropped_and_frees_the_place() {
        let (work, lanes) = (Arc::new(Work::default()), lanes());
        let router = router(&lanes.requests, &work);
        let client = tokio::spawn(router.clone().oneshot(request(Method::GET, "/work")));
        work.until(&work.begun, 1).await;
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        assert_eq!(send(&router, Method::GET, "/stream").await.status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn each_lane_has_its_time_and_a_late_change_is_still_made() {
        let (work, lanes) = (Arc::new(Work::default()), lanes());
        for (lane, limit) in [(&lanes.requests, REQUEST_LIMIT), (&lanes.long_polls, PATIENT_LIMIT)] {
            let (router, from) = (router(lane, &work), tokio::time::Instant::now());
            let late = send(&router, Method::POST, "/change").await;
            assert_eq!((late.status(), from.elapsed()), (StatusCode::GATEWAY_TIMEOUT, limit));
        }
        work.go.notify_waiters();
        work.until(&work.ended, 2).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_told_as_slow_and_takes_no_place() {
        let (work, lanes) = (Arc::new(Work::default()), lanes());
        let router = router(&lanes.requests, &work);
        let never = Body::from_stream(stream::pending::<Result<String, std::fmt::Error>>());
        let slow = Request::builder().method("POST").uri("/change").body(never).unwrap();
        let slow = tokio::spawn(router.clone().oneshot(slow));
        tokio::task::yield_now().await;
        assert_eq!(send(&router, Method::GET, "/stream").await.status(), StatusCode::OK);
        assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(work.begun.load(Ordering::SeqCst), 0, "the handler never began");
    }

    #[tokio::test]
    async fn a_panic_reaches_the_layer_that_answers_it() {
        let lane = lanes().requests;
        let router = router(&lane, &Arc::default());
        let panicked = tokio::spawn(router.oneshot(request(Method::POST, "/panic"))).await.unwrap_err();
        assert!(panicked.is_panic());
        assert_eq!(lane.places.available_permits(), 1, "the place is free again");
    }
}
