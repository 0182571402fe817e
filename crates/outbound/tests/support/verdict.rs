//! What the dispatcher makes of what the client brought: the verdict of a row.

use super::hostile::Row;
use gavel_contract::agent::answer::Expectation;
use gavel_dispatcher::transport::{Reply, SendFailure};
use gavel_dispatcher::{Ask, Call, Credentials, Ended, Said, reply};
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Mode, Probe, Reliability};
use gavel_domain::{AccountId, AgentId, Currency, DeveloperId, InvitationId, Money, TaskId, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// Codes of what the store makes of a good answer: it came too late, or there was one before.
const OF_THE_STORE: [&str; 3] = ["task_closed", "duplicate", "stale_attempt"];

/// Holds what was brought against everything that the row expects of it.
pub(crate) fn hold(row: &Row, sent: &Result<Reply, SendFailure>) {
    let (id, expected) = (&row.id, &row.expected);
    let own_limit = row.context.phase_deadline_ms.is_none_or(|phase| row.context.timeout_ms <= phase);
    let said = reply::read(sent.clone(), &call(row), Ended::out_of_time(own_limit));
    let ended = match said {
        Said::Acknowledged { .. } => return assert_eq!(expected.code, "ack", "{id}"),
        Said::Ended(ended) => *ended,
    };
    if !expected.any_of.is_empty() {
        return; // either verdict is right; a crash is not
    }
    let codes: Vec<&str> = expected.code_any_of.iter().chain([&expected.code]).map(String::as_str).collect();
    if codes.iter().any(|code| OF_THE_STORE.contains(code)) {
        return assert_eq!(ended.code, "ok", "{id}: what is late or a second one was good by itself");
    }
    assert!(codes.contains(&ended.code.as_str()), "{id}: {} {:?}", ended.code, ended.warnings);
    let probe = match row.context.health_before.as_str() {
        "passing" => Probe::Passing,
        "failing" => Probe::Failing,
        _ => Probe::Unknown,
    };
    let reliability = match ended.outcome.reliability(probe) {
        Reliability::Success => "success",
        Reliability::Counted => "counted",
        Reliability::None => "none",
    };
    assert_eq!(reliability, expected.reliability, "{id}: {:?}", ended.outcome);
    let answer = ended.answer.as_ref();
    if let Some(cents) = expected.bid_price_cents {
        assert_eq!(answer.map(|answer| answer.price.minor()), Some(cents), "{id}: price");
    }
    if expected.agent_message.is_some() {
        let message = answer.and_then(|answer| answer.message.clone());
        assert_eq!(message, expected.agent_message, "{id}: message");
    }
    if let Some(names) = &expected.download_names {
        let seen: Vec<_> = answer.iter().flat_map(|answer| &answer.artifacts).map(|a| &a.filename).collect();
        assert_eq!(seen, names.iter().collect::<Vec<_>>(), "{id}: file names");
    }
}

fn call(row: &Row) -> Call {
    let mode: Mode = row.context.mode.parse().unwrap();
    let id = Uuid::from_u128(7);
    let cents = row.context.budget.replace('.', "").parse().unwrap();
    Call {
        key: ExchangeKey { invitation: InvitationId::from_uuid(id), mode, revision: 0 },
        ask: Ask {
            agent: AgentId::from_uuid(id),
            agent_max: 1,
            developer: DeveloperId::from_uuid(id),
            host: String::new(),
            buyer: AccountId::from_uuid(id),
        },
        task: TaskId::from_uuid(id),
        url: String::new(),
        body: Vec::new().into(),
        deadline_at: Timestamp::UNIX_EPOCH,
        deadline_is_own_limit: true,
        acknowledge_within: (row.context.execution_mode == "async").then_some(Duration::from_secs(30)),
        sends_so_far: 0,
        credentials: Credentials { key: String::new(), secrets: Vec::new(), callback_secret: None },
        user_agent: String::new(),
        expectation: Expectation {
            mode,
            budget: Money::from_minor(cents),
            currency: Currency::new(&row.context.currency).unwrap(),
        },
    }
}
