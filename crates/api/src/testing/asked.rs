//! Sends to agents, and what came of them.

use super::{World, answer, done};
use gavel_domain::agent::{Agent, ExecutionMode};
use gavel_domain::bid::{Bid, BidStatus};
use gavel_domain::delivery::Delivery;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Attempt, AttemptResult, Ending, Invitation, Mode, Outcome, Timing, Trace};
use gavel_domain::*;
use gavel_store::Claimed;
use gavel_store::arrivals::Arrivals;
use gavel_store::invitations::Ended;
use gavel_store::scores::{Judged, NewVerdict};
use gavel_vault::{agent_secret_context, new_signing_secret};

/// A call to an agent, with its one send.
pub(crate) struct Asked {
    pub(crate) agent: AgentId,
    pub(crate) key: ExchangeKey,
    pub(crate) task: TaskId,
    pub(crate) attempt: AttemptId,
    claimed: Claimed,
}

impl Asked {
    pub(crate) fn of(invitation: &Invitation, attempt: AttemptId, claimed: Claimed) -> Asked {
        Asked {
            agent: invitation.agent,
            key: ExchangeKey { invitation: invitation.id, mode: Mode::Prototype, revision: 0 },
            task: invitation.task,
            attempt,
            claimed,
        }
    }
}

impl World {
    /// A prototype call that `slug` was just sent.
    pub(crate) async fn asked(&self, slug: &str) -> Asked {
        self.asked_beside(&[slug]).await
    }

    /// A prototype call that the first of these agents was just sent; the others are invited, too.
    pub(crate) async fn asked_beside(&self, slugs: &[&str]) -> Asked {
        let (claimed, invited) = self.prototyping(slugs).await;
        let attempt = Attempt { mode: Mode::Prototype, ..self.attempt(invited[0].id) };
        let begun =
            self.state.store.begin_attempts(claimed.lease(), std::slice::from_ref(&attempt), &[]).await;
        assert_eq!(done(begun.unwrap()), [attempt.id]);
        Asked::of(&invited[0], attempt.id, claimed)
    }

    /// What came of it: the send is over, and so is the call.
    pub(crate) async fn came(&self, asked: &Asked, outcome: Outcome, result: AttemptResult) {
        let (now, code) = (result.ended_at, result.code.clone());
        let bid = (outcome == Outcome::Valid).then(|| self.bid(asked, now));
        let ended = Ended {
            invitation: asked.key.invitation,
            agent: asked.agent,
            agent_slug: "slug".to_owned(),
            ending: Ending { outcome, detail: Some(code), at: now },
            bid,
            attempt: Some((asked.attempt, result)),
        };
        let arrivals = Arrivals { ended: vec![ended], judged: Vec::new() };
        done(self.state.store.keep(&asked.claimed, &arrivals, now).await.unwrap());
    }

    /// While the call is open the buyer takes the bid of another agent, `one`, that was asked beside it.
    pub(crate) async fn early_choice(&self, asked: &Asked) {
        let dispatches = self.state.store.dispatches(asked.task, 1).await.unwrap();
        let beside = dispatches.into_iter().find(|dispatch| dispatch.agent_slug == "one").unwrap();
        self.scored(&asked.claimed, &beside.invitation, 800_000).await;
        let (task, bid) = (asked.task.to_string(), self.best_bid(&asked.task.to_string()).await);
        let path = format!("/api/v1/tasks/{task}/bids/{bid}/select");
        assert_eq!(self.post(self.buyer(), &path, &serde_json::Value::Null).await.status, 200);
    }

    /// The same call is sent a second time.
    pub(crate) async fn asked_again(&self, asked: &Asked) {
        let now = self.state.now();
        let id = AttemptId::new(now, self.state.chance.as_ref());
        let first = Attempt { mode: Mode::Prototype, ..self.attempt(asked.key.invitation) };
        let again = Attempt { id, number: 2, ..first };
        let begun = self.state.store.begin_attempts(asked.claimed.lease(), &[again], &[]).await;
        assert_eq!(done(begun.unwrap()), [id]);
    }

    /// The call's only bid is chosen, and its final call was just sent (or waits for a worker).
    pub(crate) async fn finishing(&self, asked: &Asked) -> ExchangeKey {
        let store = &self.state.store;
        let bid = store.gallery(asked.task).await.unwrap().remove(0).bid;
        let verdict = NewVerdict {
            judge: "embedded-1".to_owned(),
            composite: Ppm::new(700_000),
            document: "{}".to_owned(),
        };
        let judged = Judged { bid: bid.id, agent: bid.agent, agent_slug: "slug".to_owned(), verdict };
        let arrivals = Arrivals { ended: Vec::new(), judged: vec![judged] };
        done(store.keep(&asked.claimed, &arrivals, self.state.now()).await.unwrap());
        let (task, id) = (asked.task.to_string(), bid.id.to_string());
        let path = format!("/api/v1/tasks/{task}/bids/{id}/select");
        assert_eq!(self.post(self.buyer(), &path, &serde_json::Value::Null).await.status, 200);
        let (claimed, now) = (self.claim(&task).await, self.state.now());
        let settle = self.state.settlement(claimed.task(), now);
        let deadline_at = now + chrono::TimeDelta::seconds(120);
        let delivery = Delivery { deadline_at, ..self.delivery(&task, &id) };
        done(store.hold_and_deliver(claimed, &delivery, settle.as_ref(), now).await.unwrap());
        let claimed = self.claim(&task).await;
        let key = ExchangeKey { mode: Mode::Final, ..asked.key };
        let dispatch = store.dispatch(key).await.unwrap().unwrap();
        let letter = self.letter(claimed.task(), Mode::Final);
        let sent = (dispatch.execution_mode != ExecutionMode::Pull).then(|| self.attempt(key.invitation));
        let letter = (&dispatch.invitation, letter.as_str());
        let begun = store.begin_final_call(&claimed, &delivery, letter, sent.as_ref(), now).await;
        assert!(done(begun.unwrap()));
        key
    }

    fn bid(&self, asked: &Asked, at: Timestamp) -> Bid {
        Bid {
            id: BidId::new(at, self.state.chance.as_ref()),
            task: asked.task,
            round: 1,
            invitation: asked.key.invitation,
            agent: asked.agent,
            answer: answer("A prototype of more than fifty characters, as every one must be."),
            status: BidStatus::Received,
            score: None,
            presented: false,
            received_at: at,
        }
    }

    /// An agent like `one` that is asked in another way.
    pub(crate) async fn agent_asked_by(&self, mode: ExecutionMode, slug: &str) -> AgentId {
        let like = self.agent_id("one").await.parse().unwrap();
        let (like, _) = self.state.store.agent(like).await.unwrap().unwrap();
        let (chance, id) =
            (self.state.chance.as_ref(), AgentId::new(self.state.now(), self.state.chance.as_ref()));
        let sealed =
            self.state.vault.seal(new_signing_secret(chance).expose(), &agent_secret_context(id), chance);
        let slug = slug.to_owned();
        let draw_number = slug.bytes().fold(7_u64, |n, b| n.wrapping_mul(31) ^ u64::from(b));
        let agent = Agent { id, slug, execution_mode: mode, draw_number, ..like };
        self.state.store.add_agent(&agent, &sealed).await.unwrap();
        id
    }
}

/// The end of a send that went over the wire.
pub(crate) fn came_back(at: Timestamp, status: u16, code: &str) -> AttemptResult {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    AttemptResult {
        ended_at: at,
        status: Some(status),
        code: code.to_owned(),
        warnings: vec![],
        error_body: (code != "ok").then(|| "what the agent said".to_owned()),
        trace: Some(Trace {
            url: "https://one.agents.example.com/execute".to_owned(),
            request_headers: vec![header("X-AITasker-Key", "[hidden]...abcd")],
            response_headers: vec![header("content-type", "application/json")],
            response_bytes: Some(812),
            timing: Timing {
                dns: Some(1_250),
                connect: Some(800),
                first_byte: Some(41_337),
                ..Timing::default()
            },
        }),
    }
}
