//! One try of a webhook delivery: a small signed POST, and what came of it.

use crate::redact::hide_secrets;
use crate::transport::{FailureKind, Method, Reply, Request, SendFailure, Transport};
use bytes::Bytes;
use gavel_contract::webhook::{Sending, headers};
use gavel_domain::limits::{WEBHOOK_ANSWER_BYTES, WEBHOOK_RESPONSE_BYTES};
use gavel_domain::webhook::Came;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What it leads to is decided by this alone.
    pub came: Came,
    /// What went wrong, in words for the buyer.
    pub problem: Option<String>,
    /// The start of the answer's body.
    pub response: Option<String>,
}

/// Posts to `url` once. Over after `limit`, even if the transport forgets it.
pub async fn send(transport: &dyn Transport, url: &str, sending: &Sending<'_>, limit: Duration) -> Tried {
    let deadline = Instant::now() + limit;
    let request = Request {
        method: Method::Post,
        url: url.to_owned(),
        headers: headers(sending),
        body: Bytes::copy_from_slice(sending.body),
        deadline,
        body_cap: WEBHOOK_ANSWER_BYTES,
        error_body_cap: WEBHOOK_RESPONSE_BYTES,
    };
    let sent = timeout_at(deadline, transport.send(request)).await;
    let late = |_| Err(SendFailure::new(FailureKind::Timeout, "the deadline passed"));
    read(sent.unwrap_or_else(late), sending.secrets, limit)
}

fn read(sent: Result<Reply, SendFailure>, secrets: &[String], limit: Duration) -> Tried {
    match sent {
        Ok(reply) => answered(&reply, secrets),
        Err(failure) => failed(failure, secrets, limit),
    }
}

fn answered(reply: &Reply, secrets: &[String]) -> Tried {
    let taken = (200..=299).contains(&reply.status);
    let redirect = (300..=399).contains(&reply.status);
    Tried {
        problem: (!taken).then(|| match redirect {
            true => format!("the answer is a redirect ({}), and redirects are not followed", reply.status),
            false => format!("the answer is {}, not 2xx", reply.status),
        }),
        came: Came::Answer { status: reply.status, retry_after: reply.retry_after.clone() },
        response: kept(&reply.body, secrets),
    }
}

fn failed(failure: SendFailure, secrets: &[String], limit: Duration) -> Tried {
    let (came, problem) = match failure.kind {
        // Only the body of a 200 is ever too large: it was taken.
        FailureKind::TooLarge => return Tried { came: taken(), problem: None, response: None },
        FailureKind::Ours => (Came::NotSent, failure.message),
        FailureKind::Timeout => {
            (Came::Nothing, format!("no complete answer within {} s", limit.as_secs_f32()))
        }
        FailureKind::Refused(_)
        | FailureKind::Connect
        | FailureKind::Tls
        | FailureKind::NoResponse
        | FailureKind::BrokenHead
        | FailureKind::BrokenBody => (Came::Nothing, failure.message),
    };
    Tried { came, problem: Some(hide_secrets(&problem, secrets)), response: None }
}

fn taken() -> Came {
    Came::Answer { status: 200, retry_after: None }
}

/// The start of a body as text that any database keeps, or `None` of an empty one.
fn kept(body: &[u8], secrets: &[String]) -> Option<String> {
    let start = &body[..body.len().min(WEBHOOK_RESPONSE_BYTES)];
    let text = String::from_utf8_lossy(start).replace('\0', "\u{FFFD}");
    let mut text = hide_secrets(&text, secrets);
    text.truncate(text.floor_char_boundary(WEBHOOK_RESPONSE_BYTES));
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use gavel_domain::{TaskId, Timestamp, WebhookDeliveryId};

    const LIMIT: Duration = Duration::from_secs(15);
    const SECRET: &str = "whsec_abcdefghij/k";

    /// Says one thing, or nothing for ever.
    struct Says(Option<Result<Reply, SendFailure>>);

    #[async_trait]
    impl Transport for Says {
        async fn send(&self, request: Request) -> Result<Reply, SendFailure> {
            assert_eq!((request.method, &*request.body), (Method::Post, b"{}".as_slice()));
            match &self.0 {
                Some(said) => said.clone(),
                None => std::future::pending().await,
            }
        }
    }

    async fn tried(says: Option<Result<Reply, SendFailure>>) -> Tried {
        let id: TaskId = "01890000-0000-7000-8000-000000000001".parse().unwrap();
        let sending = Sending {
            secrets: &[SECRET.to_owned()],
            task: id,
            event_id: "evt_1",
            delivery: WebhookDeliveryId::from_uuid(id.uuid()),
            now: Timestamp::default(),
            user_agent: "Gavel",
            body: b"{}",
        };
        send(&Says(says), "https://shop.example.com", &sending, LIMIT).await
    }

    fn reply(status: u16, body: &str) -> Option<Result<Reply, SendFailure>> {
        Some(Ok(Reply { status, body: body.to_owned().into(), ..Reply::default() }))
    }

    fn failure(kind: FailureKind) -> Option<Result<Reply, SendFailure>> {
        Some(Err(SendFailure::new(kind, format!("what happened to {SECRET}"))))
    }

    #[tokio::test]
    async fn a_status_is_the_verdict() {
        let check = async |status: u16, problem: Option<&str>| {
            let tried = tried(reply(status, "said")).await;
            assert_eq!(tried.came, Came::Answer { status, retry_after: None });
            assert_eq!((tried.problem.as_deref(), tried.response.as_deref()), (problem, Some("said")));
        };
        check(200, None).await;
        check(204, None).await;
        check(302, Some("the answer is a redirect (302), and redirects are not followed")).await;
        check(500, Some("the answer is 500, not 2xx")).await;
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_a_failure_and_a_fault_of_ours_is_none_of_the_endpoint() {
        let check = async |kind: FailureKind, came: Came| {
            let tried = tried(failure(kind)).await;
            assert_eq!((tried.came, tried.response), (came, None), "{kind:?}");
            assert!(!tried.problem.unwrap_or_default().contains("abcdef"), "{kind:?}");
        };
        for kind in [
            FailureKind::Refused("private"),
            FailureKind::Connect,
            FailureKind::Tls,
            FailureKind::NoResponse,
            FailureKind::BrokenHead,
            FailureKind::BrokenBody,
            FailureKind::Timeout,
        ] {
            check(kind, Came::Nothing).await;
        }
        check(FailureKind::Ours, Came::NotSent).await;
        check(FailureKind::TooLarge, taken()).await;
        let begun = Instant::now();
        let tried = tried(None).await;
        assert_eq!(
            (tried.problem.as_deref(), begun.elapsed()),
            (Some("no complete answer within 15 s"), LIMIT)
        );
    }

    #[tokio::test]
    async fn what_is_kept_is_short_and_holds_no_secret() {
        let long = "é".repeat(WEBHOOK_RESPONSE_BYTES);
        let kept = tried(reply(500, &format!("your secret is {SECRET}\0{long}"))).await.response.unwrap();
        assert!(kept.starts_with("your secret is [hidden]\u{FFFD}é") && kept.len() <= WEBHOOK_RESPONSE_BYTES);
        assert_eq!(tried(reply(500, "")).await.response, None);
    }
}
