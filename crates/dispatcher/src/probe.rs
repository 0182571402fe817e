//! One health probe: a GET without a body, a key or a secret, and what came of it.

use crate::transport::{FailureKind, Method, Reply, Request, SendFailure, Transport};
use bytes::Bytes;
use gavel_contract::agent::health;
use gavel_domain::health::Finding;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The largest answer that is taken: an honest one is a line.
pub const PROBE_BYTES: usize = 64 * 1024;

/// Asks the agent behind `endpoint` how it is. Over after `limit`, even if the transport forgets it.
pub async fn probe(transport: &dyn Transport, endpoint: &str, user_agent: &str, limit: Duration) -> Finding {
    let deadline = Instant::now() + limit;
    let sent = timeout_at(deadline, transport.send(build(endpoint, user_agent, deadline))).await;
    let late = |_| Err(SendFailure::new(FailureKind::Timeout, "the probe took too long"));
    read(sent.unwrap_or_else(late), limit)
}

fn build(endpoint: &str, user_agent: &str, deadline: Instant) -> Request {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Request {
        method: Method::Get,
        url: health::health_url(endpoint),
        headers: vec![header("User-Agent", user_agent), header("Accept", "application/json")],
        body: Bytes::new(),
        deadline,
        body_cap: PROBE_BYTES,
        error_body_cap: 0, // a status says enough
    }
}

fn read(sent: Result<Reply, SendFailure>, limit: Duration) -> Finding {
    match sent {
        Ok(reply) => match health::read(reply.status, reply.content_encoding.as_deref(), &reply.body) {
            Ok(report) => Finding::Well(report),
            Err(unhealthy) => Finding::Failing(unhealthy.to_string()),
        },
        Err(failure) => failed(failure, limit),
    }
}

fn failed(failure: SendFailure, limit: Duration) -> Finding {
    match failure.kind {
        FailureKind::Ours => Finding::NotProbed(failure.message),
        FailureKind::Timeout => Finding::Failing(format!(
            "no complete answer of the health endpoint within {} s",
            limit.as_secs_f32()
        )),
        FailureKind::Refused(_)
        | FailureKind::Connect
        | FailureKind::Tls
        | FailureKind::NoResponse
        | FailureKind::BrokenHead
        | FailureKind::BrokenBody
        | FailureKind::TooLarge => Finding::Failing(failure.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use gavel_domain::health::Report;
    use std::sync::Mutex;

    /// Says one thing, and remembers what it was asked.
    struct Says(Option<Result<Reply, SendFailure>>, Mutex<Vec<Request>>);

    #[async_trait]
    impl Transport for Says {
        async fn send(&self, request: Request) -> Result<Reply, SendFailure> {
            self.1.lock().unwrap().push(request);
            match &self.0 {
                Some(said) => said.clone(),
                None => std::future::pending().await,
            }
        }
    }

    const LIMIT: Duration = Duration::from_secs(5);

    async fn asked(says: Option<Result<Reply, SendFailure>>) -> (Finding, Request) {
        let transport = Says(says, Mutex::default());
        let finding = probe(&transport, "https://a.example.com/x/execute?key=k", "Gavel/1", LIMIT).await;
        let request = transport.1.lock().unwrap().pop().expect("it was asked");
        (finding, request)
    }

    fn answers(status: u16, body: &str) -> Option<Result<Reply, SendFailure>> {
        Some(Ok(Reply { status, body: body.to_owned().into(), ..Reply::default() }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_is_a_small_get_without_a_secret() {
        let (finding, request) = asked(answers(200, r#"{"status":"ok","version":"3"}"#)).await;
        let report = Report { version: Some("3".to_owned()), ..Report::default() };
        assert_eq!(finding, Finding::Well(report));
        assert_eq!((request.method, request.url.as_str()), (Method::Get, "https://a.example.com/x/health"));
        let headers: Vec<_> = request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(headers, [("User-Agent", "Gavel/1"), ("Accept", "application/json")]);
        assert!(request.body.is_empty());
        assert_eq!((request.body_cap, request.error_body_cap), (65_536, 0));
        assert_eq!(request.deadline, Instant::now() + LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_else_comes_is_told_in_words() {
        let check = async |says: Option<Result<Reply, SendFailure>>, words: &str| match asked(says).await.0 {
            Finding::Failing(problem) => assert!(problem.contains(words), "{problem:?} without {words:?}"),
            other => panic!("{other:?}"),
        };
        let failure = |kind, words: &str| Some(Err(SendFailure::new(kind, words)));
        check(answers(500, ""), "answered 500").await;
        check(answers(200, "fine"), "not JSON").await;
        check(failure(FailureKind::Connect, "a.example.com does not resolve"), "does not resolve").await;
        check(failure(FailureKind::Refused("port"), "the port is not permitted"), "not permitted").await;
        check(failure(FailureKind::TooLarge, "the answer is larger"), "larger").await;
        check(failure(FailureKind::Timeout, "the deadline passed"), "within 5 s").await;
        let encoded = Reply { status: 200, content_encoding: Some("br".to_owned()), ..Reply::default() };
        check(Some(Ok(encoded)), "encoded (br)").await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_hangs_fails_after_the_limit() {
        let begun = Instant::now();
        let (finding, _) = asked(None).await;
        assert!(matches!(finding, Finding::Failing(problem) if problem.contains("within 5 s")));
        assert_eq!(begun.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_of_ours_says_nothing_of_the_agent() {
        let (finding, _) = asked(Some(Err(SendFailure::new(FailureKind::Ours, "no trust")))).await;
        assert_eq!(finding, Finding::NotProbed("no trust".to_owned()));
    }
}
