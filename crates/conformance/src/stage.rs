//! Calls over the three transports, each to its end: what comes back looks the same whichever way it came.

use crate::case::{Verdict, Via};
use crate::contact::Silence;
use crate::desk::{Desk, Offer, Slot};
use crate::judge;
use crate::kit::{Kit, new_secret, new_token};
use crate::order::{Order, USER_AGENT};
use bytes::Bytes;
use gavel_contract::agent::outcome::{StatusLine, classify};
use gavel_dispatcher::transport::{FailureKind, Method, Reply, Request, SendFailure, Transport};
use gavel_domain::limits::{ANSWER_BYTES, ERROR_BODY_BYTES};
use gavel_domain::{Chance, Clock};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How long a probe of health may take.
pub const PROBE: Duration = Duration::from_secs(5);
/// How long an async agent may take to acknowledge.
pub const ACKNOWLEDGE: Duration = Duration::from_secs(30);

/// The agent under test, and everything it is asked with.
pub struct Stage {
    /// What it is known by.
    pub kit: Kit,
    /// How it is reached.
    pub via: Via,
    /// The network.
    pub transport: Arc<dyn Transport>,
    /// The platform's side of callbacks and pulled work.
    pub desk: Arc<Desk>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub chance: Arc<dyn Chance>,
    /// How long a worker is waited for that fetches.
    pub wait: Duration,
    shared: Shared,
}

/// What several cases look at: agents pay for every call.
#[derive(Default)]
struct Shared {
    health: OnceCell<Asked>,
    prototype: OnceCell<Asked>,
    finished: OnceCell<Asked>,
    retried: OnceCell<Asked>,
}

/// One exchange, over.
#[derive(Clone)]
pub struct Asked {
    /// What was asked.
    pub order: Order,
    /// The status of the answer; 200 for a result that came by callback or was posted, 422 for a decline.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
    /// Why there is no answer.
    pub trouble: Option<String>,
    /// What the network says of it, where that failed.
    pub failure: Option<SendFailure>,
    /// How long it took.
    pub took: Duration,
    /// Which callback slot or offer it went by.
    pub ticket: String,
}

impl Asked {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }
}

impl Stage {
    /// An agent nobody has asked anything.
    pub fn new(
        kit: Kit,
        via: Via,
        transport: Arc<dyn Transport>,
        desk: Arc<Desk>,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        wait: Duration,
    ) -> Stage {
        Stage { kit, via, transport, desk, clock, chance, wait, shared: Shared::default() }
    }

    /// An ordinary order for a new task.
    pub fn order(&self) -> Order {
        Order::ordinary(&self.kit, self.clock.now(), &*self.chance)
    }

    /// The prototype that several cases look at.
    pub async fn prototype(&self) -> &Asked {
        self.shared.prototype.get_or_init(|| async { self.ask(&self.order()).await }).await
    }

    /// The final answer for the same task.
    pub async fn finished(&self) -> &Asked {
        let ask = || async { self.ask(&self.prototype().await.order.finished()).await };
        self.shared.finished.get_or_init(ask).await
    }

    /// A call whose first callback was answered 503.
    pub async fn retried(&self) -> &Asked {
        let ask = || async { self.post_and_wait(&self.order(), vec![503]).await };
        self.shared.retried.get_or_init(ask).await
    }

    /// The health probe that several cases look at.
    pub async fn health(&self) -> &Asked {
        self.shared.health.get_or_init(|| self.probe()).await
    }

    /// That nobody answered anything, where somebody was asked and nobody did.
    pub fn silence(&self) -> Option<Silence> {
        let asked = [self.shared.health.get(), self.shared.prototype.get()];
        Silence::of(self.via, &asked.into_iter().flatten().collect::<Vec<_>>())
    }

    /// The verdict on a call that has to be answered as well as the ordinary one.
    pub async fn judged(&self, asked: &Asked) -> Verdict {
        judge::no_worse(asked, self.prototype().await, &self.kit)
    }

    /// Asks, and waits for the result whichever way it comes.
    pub async fn ask(&self, order: &Order) -> Asked {
        match self.via {
            Via::Sync => self.post(order).await,
            Via::Async => self.post_and_wait(order, Vec::new()).await,
            Via::Pull => self.offer_and_wait(order, Offer::new).await,
        }
    }

    /// One POST and its answer; where answers come by callback, that is the acknowledgement.
    pub async fn post(&self, order: &Order) -> Asked {
        self.post_with(order, Vec::new()).await
    }

    /// The same; `answers` are what the desk says to the first callbacks.
    pub async fn post_with(&self, order: &Order, answers: Vec<u16>) -> Asked {
        let (more, ticket) = self.callback_keys(order, answers);
        let limit = if self.via == Via::Async { ACKNOWLEDGE } else { order.time };
        Asked { ticket, ..self.send(order, self.posting(order, more, limit)).await }
    }

    /// One POST whose answer is waited for longer than the agent is told.
    pub async fn post_within(&self, order: &Order, limit: Duration) -> Asked {
        self.send(order, self.posting(order, Map::new(), limit)).await
    }

    /// One POST that is not sent again, whatever happens to its connection.
    pub async fn post_once(&self, order: &Order) -> Asked {
        self.exchange(order, self.posting(order, Map::new(), order.time)).await
    }

    /// Where health is asked.
    pub async fn probe(&self) -> Asked {
        let headers = vec![("User-Agent".to_owned(), USER_AGENT.to_owned())];
        self.send(&self.order(), request(Method::Get, &self.kit.health_url, headers, Bytes::new(), PROBE))
            .await
    }

    /// A GET on the endpoint itself.
    pub async fn get(&self) -> Asked {
        let headers = vec![("X-AITasker-Key".to_owned(), self.kit.key.clone())];
        self.send(&self.order(), request(Method::Get, &self.kit.given.url, headers, Bytes::new(), PROBE))
            .await
    }

    /// Posts, then waits for the callback. `answers` are what the desk says to the first callbacks.
    pub async fn post_and_wait(&self, order: &Order, answers: Vec<u16>) -> Asked {
        let ack = self.post_with(order, answers).await;
        let taken = classify(ack.status, None, true) == StatusLine::Acknowledged;
        if ack.trouble.is_some() || !taken {
            return ack;
        }
        let started = Instant::now();
        let come =
            self.desk.wait(started + order.time, |book| book.slot(&ack.ticket)?.accepted().cloned()).await;
        let took = ack.took + started.elapsed();
        match come {
            Some(seen) => Asked { status: 200, headers: seen.headers, body: seen.body, took, ..ack },
            None => Asked { trouble: Some(self.no_callback(&ack.ticket, order)), took, ..ack },
        }
    }

    /// Puts an order on the desk and waits until a worker has ended it.
    pub async fn offer_and_wait(&self, order: &Order, make: fn(Offer) -> Offer) -> Asked {
        let (ticket, started) = (order.webhook_id(), Instant::now());
        self.put_offer(order, make);
        let end = self.desk.wait(started + order.time, |book| book.offered(&ticket)?.ended()).await;
        self.desk.change(|book| book.withdraw(&ticket));
        let asked = Asked { ticket: ticket.clone(), took: started.elapsed(), ..Asked::nothing(order) };
        match end {
            Some((status, body)) => Asked { status, body, ..asked },
            None => Asked { trouble: Some(self.not_ended(&ticket, order)), ..asked },
        }
    }

    /// Puts an order on the desk.
    pub fn put_offer(&self, order: &Order, make: fn(Offer) -> Offer) {
        let envelope = order.envelope(&self.kit, Map::new());
        let offer = Offer::fresh(&order.webhook_id(), envelope, order.expectation(&self.kit), order.time);
        self.desk.change(|book| book.offer(make(offer)));
    }

    /// The three keys of async agents, with the slot for what comes.
    fn callback_keys(&self, order: &Order, answers: Vec<u16>) -> (Map<String, Value>, String) {
        let mut more = Map::new();
        if self.via != Via::Async {
            return (more, String::new());
        }
        let (token, secret) = (new_token(&*self.chance), new_secret(&*self.chance));
        more.insert("callback_url".to_owned(), json!(self.desk.callback_url(&token)));
        more.insert("callback_secret".to_owned(), json!(secret));
        more.insert("execution_timeout_seconds".to_owned(), json!(order.time.as_secs().max(1)));
        let slot = Slot::new(secret, order.expectation(&self.kit), answers);
        self.desk.change(|book| book.expect(&token, slot));
        (more, token)
    }

    fn posting(&self, order: &Order, more: Map<String, Value>, limit: Duration) -> Request {
        let body = order.bytes(&self.kit, more);
        let headers = order.sealed(&body, self.clock.now());
        request(Method::Post, &self.kit.given.url, headers, body, limit)
    }

    /// One request, to its end; like Gavel it is sent once more where not a byte of an answer came.
    async fn send(&self, order: &Order, request: Request) -> Asked {
        let first = self.exchange(order, request.clone()).await;
        match first.failure.as_ref().map(|failure| failure.kind) {
            Some(FailureKind::NoResponse) => self.exchange(order, request).await,
            _ => first,
        }
    }

    async fn exchange(&self, order: &Order, request: Request) -> Asked {
        let started = Instant::now();
        let limit = request.deadline - started;
        let sent = self.transport.send(request).await;
        let took = started.elapsed();
        match sent {
            Ok(reply) => Asked { took, ..Asked::of(order, reply) },
            Err(failure) => {
                let trouble = Some(no_answer(&failure, limit));
                Asked { took, trouble, failure: Some(failure), ..Asked::nothing(order) }
            }
        }
    }

    fn no_callback(&self, token: &str, order: &Order) -> String {
        let seen = self.desk.look(|book| book.slot(token).and_then(|slot| slot.seen.last().cloned()));
        let limit = order.time.as_secs();
        match seen {
            None => format!("no callback came within {limit} s"),
            Some(seen) => format!(
                "no callback within {limit} s could be taken; the last was answered {}{}",
                seen.status,
                seen.why()
            ),
        }
    }

    fn not_ended(&self, ticket: &str, order: &Order) -> String {
        let limit = order.time.as_secs();
        let last =
            self.desk.look(|book| book.offered(ticket).and_then(|offer| offer.log.last().map(|e| e.told())));
        match last {
            None => format!("no worker fetched it within {limit} s"),
            Some(last) => format!("no usable result came within {limit} s; the last thing was: {last}"),
        }
    }
}

impl Asked {
    fn nothing(order: &Order) -> Asked {
        Asked {
            order: order.clone(),
            status: 0,
            headers: Vec::new(),
            body: Bytes::new(),
            trouble: None,
            failure: None,
            took: Duration::ZERO,
            ticket: String::new(),
        }
    }

    fn of(order: &Order, reply: Reply) -> Asked {
        let mut headers = reply.headers;
        let named = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        headers.extend(reply.content_encoding.filter(|_| !named).map(|c| ("content-encoding".to_owned(), c)));
        Asked { status: reply.status, headers, body: reply.body, ..Asked::nothing(order) }
    }
}

fn request(
    method: Method,
    url: &str,
    headers: Vec<(String, String)>,
    body: Bytes,
    limit: Duration,
) -> Request {
    Request {
        method,
        url: url.to_owned(),
        headers,
        body,
        deadline: Instant::now() + limit,
        body_cap: ANSWER_BYTES,
        error_body_cap: ERROR_BODY_BYTES,
    }
}

fn no_answer(failure: &SendFailure, limit: Duration) -> String {
    match failure.kind {
        FailureKind::Timeout => format!("no complete answer came within {} s", limit.as_secs_f64().round()),
        _ => format!("there was no answer: {}", failure.message),
    }
}
