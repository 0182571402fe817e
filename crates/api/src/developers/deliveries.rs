//! An agent's delivery log: every send with what came of it, and what to mend.

use super::seen;
use crate::auth::{May, SeeAgents};
use crate::extract::{AgentPath, Query};
use crate::{AppState, problem::Problem, reply::Json};
use axum::extract::State;
use gavel_contract::agent::advice::{End, advice, counts};
use gavel_contract::rest::{
    DeliveryLog, FieldError, LoggedDelivery, PhaseTimes, ProblemBody, ReliabilityEffect,
};
use gavel_domain::Timestamp;
use gavel_domain::invitation::{AttemptResult, Ending, Mode, Outcome, Timing};
use gavel_store::delivery_log::{LogFilter, LoggedSend, Standing};

const PAGE: i64 = 50;
const PAGE_MAX: i64 = 200;
/// The word for a call that has not ended, beside the outcomes.
const OPEN: &str = "open";

/// Why a send that was followed by another counts for nothing by itself.
const NOT_LAST: &str = "Another send of the same call followed: a call counts once, by how it ended.";

/// Everything that was sent to an agent, newest first
#[utoipa::path(get, path = "/developers/agents/{agent_id}/deliveries", tag = "developers",
    params(("agent_id" = String, Path, format = Uuid),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<i64>, Query, description = "1-200; 50 when absent"),
        ("outcome" = Option<String>, Query, description = "Only calls that ended so, or `open`"),
        ("code" = Option<String>, Query, description = "Only sends that ended with this code"),
        ("task_id" = Option<String>, Query, format = Uuid, description = "Only sends of this task"),
        ("mode" = Option<String>, Query, description = "`prototype` or `final`"),
        ("since" = Option<String>, Query, format = DateTime, description = "Only sends begun then or later")),
    responses((status = 200, body = DeliveryLog), (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: May<SeeAgents>,
    AgentPath(id): AgentPath,
    Query(query): Query,
) -> Result<Json<DeliveryLog>, Problem> {
    seen(&state, &caller, id).await?;
    let page = page(&query)?;
    let one_more = page.limit + 1;
    let mut sends = state.store.delivery_log(id, &page.filter, one_more).await?;
    let more = sends.len() as i64 == one_more;
    sends.truncate(usize::try_from(page.limit).unwrap_or(0));
    let next = sends.last().filter(|_| more).map(|send| send.attempt.id.to_string());
    Ok(Json(DeliveryLog { deliveries: sends.iter().map(view).collect(), next }))
}

/// Which page.
#[derive(Debug, PartialEq)]
struct Page {
    filter: LogFilter,
    limit: i64,
}

fn page(query: &[(String, String)]) -> Result<Page, Problem> {
    let (mut page, mut errors) = (Page { filter: LogFilter::default(), limit: PAGE }, Vec::new());
    for (name, value) in query {
        if let Err(rule) = page.take(name, value) {
            errors.push(FieldError::new(name, rule));
        }
    }
    if errors.is_empty() { Ok(page) } else { Err(Problem::invalid(errors)) }
}

impl Page {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        let filter = &mut self.filter;
        match name {
            "cursor" => filter.before = Some(value.parse().map_err(|_| "must be `next` of the page before")?),
            "limit" => match value.parse() {
                Ok(limit @ 1..=PAGE_MAX) => self.limit = limit,
                _ => return Err(format!("must be a whole number from 1 to {PAGE_MAX}")),
            },
            "outcome" => filter.standing = Some(standing(value)?),
            "code" if value.contains('\0') => return Err("must be a code".to_owned()),
            "code" => filter.code = Some(value.to_owned()),
            "task_id" => filter.task = Some(value.parse().map_err(|_| "must be a task's id")?),
            "mode" => {
                let modes = Mode::ALL.map(Mode::name).join(", ");
                filter.mode = Some(value.parse().map_err(|_| format!("must be one of: {modes}"))?);
            }
            // A plus sign that was not escaped has become a space on its way.
            "since" => match value.replace(' ', "+").parse::<Timestamp>() {
                Ok(since) => filter.since = Some(since),
                Err(_) => return Err("must be a time (RFC 3339)".to_owned()),
            },
            _ => return Err("is not a known parameter".to_owned()),
        }
        Ok(())
    }
}

fn standing(word: &str) -> Result<Standing, String> {
    if word == OPEN {
        return Ok(Standing::Open);
    }
    let outcomes = Outcome::ALL.map(Outcome::name).join(", ");
    word.parse().map(Standing::Ended).map_err(|_| format!("must be one of: {OPEN}, {outcomes}"))
}

/// A send as its developer sees it.
pub(super) fn view(send: &LoggedSend) -> LoggedDelivery {
    let (attempt, result) = (&send.attempt, send.attempt.result.as_ref());
    let trace = result.and_then(|result| result.trace.as_ref());
    LoggedDelivery {
        attempt_id: attempt.id.to_string(),
        task_id: send.task.to_string(),
        round: send.round,
        invitation_id: attempt.invitation.to_string(),
        webhook_id: send.key().to_string(),
        mode: attempt.mode.name().to_owned(),
        revision: attempt.revision,
        number: attempt.number,
        execution_mode: send.execution_mode.name().to_owned(),
        fetched: send.fetched,
        started_at: attempt.started_at,
        ended_at: result.map(|result| result.ended_at),
        deadline_at: send.exchange.as_ref().map(|exchange| exchange.deadline_at),
        url: trace.map(|trace| trace.url.clone()),
        status: result.and_then(|result| result.status),
        code: result.map(|result| result.code.clone()),
        outcome: send.ended.as_ref().map(|ended| ended.outcome.name().to_owned()),
        outcome_detail: send.ended.as_ref().and_then(|ended| ended.detail.clone()),
        reliability: send.ended.as_ref().map(|ended| effect_of(send, ended)),
        warnings: result.map(|result| result.warnings.clone()).unwrap_or_default(),
        advice: advice_on(send),
        agent_version: send.agent_version.clone(),
        timing: times(
            trace.map(|trace| trace.timing).unwrap_or_default(),
            result.map(|result| milliseconds_between(attempt.started_at, result.ended_at)),
        ),
        response_bytes: trace.and_then(|trace| trace.response_bytes),
    }
}

fn effect_of(send: &LoggedSend, ended: &Ending) -> ReliabilityEffect {
    if send.is_last {
        return effect(ended.outcome);
    }
    ReliabilityEffect { counts: "no".to_owned(), reason: NOT_LAST.to_owned() }
}

/// Whether an outcome counts, in the words of the contract.
pub(super) fn effect(outcome: Outcome) -> ReliabilityEffect {
    let counts = counts(outcome);
    ReliabilityEffect { counts: counts.word.to_owned(), reason: counts.why.to_owned() }
}

/// What to mend of a send and, where its call ended some other way than the send did, of that.
fn advice_on(send: &LoggedSend) -> Vec<String> {
    let sent = send.attempt.result.as_ref();
    let of_sent = |sent: &AttemptResult| advice(end(send, &sent.code, sent.status), &sent.warnings);
    let mut said = sent.map(of_sent).unwrap_or_default();
    // While nothing better has come, the refusal of a callback is what its developer must know.
    let refused = send.exchange.as_ref().and_then(|exchange| exchange.refused.as_deref());
    let detail = send.ended.as_ref().and_then(|ended| ended.detail.as_deref()).or(refused);
    if let Some(detail) = detail.filter(|detail| send.is_last && sent.is_none_or(|sent| sent.code != *detail))
    {
        let more = advice(end(send, detail, None), &[]);
        let more = more.into_iter().filter(|more| !said.contains(more)).collect::<Vec<_>>();
        said.extend(more);
    }
    said
}

fn end<'a>(send: &LoggedSend, code: &'a str, status: Option<u16>) -> End<'a> {
    let outcome = send.ended.as_ref().map(|ended| ended.outcome);
    End { code, status, outcome, execution_mode: send.execution_mode, replayed: false }
}

/// Phases in milliseconds, as they are measured: to the microsecond.
pub(super) fn times(timing: Timing, total_ms: Option<f64>) -> PhaseTimes {
    let milliseconds = |micros: Option<u32>| micros.map(|micros| f64::from(micros) / 1000.0);
    PhaseTimes {
        reused: timing.reused,
        dns_ms: milliseconds(timing.dns),
        connect_ms: milliseconds(timing.connect),
        tls_ms: milliseconds(timing.tls),
        first_byte_ms: milliseconds(timing.first_byte),
        body_ms: milliseconds(timing.body),
        total_ms,
    }
}

fn milliseconds_between(from: Timestamp, to: Timestamp) -> f64 {
    // Whole microseconds: a float of seconds would show digits that nobody measured.
    (to - from).num_microseconds().unwrap_or(i64::MAX) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use crate::testing::{Asked, World, came_back};
    use chrono::TimeDelta;
    use gavel_domain::invitation::{AttemptResult, Outcome};
    use serde::Deserialize;
    use serde_json::{Value, json};

    fn path(asked: &Asked) -> String {
        format!("/api/v1/developers/agents/{}/deliveries", asked.agent)
    }

    #[tokio::test]
    async fn a_line_says_what_came_of_a_send_and_what_to_mend() {
        let world = World::new().await;
        let asked = world.asked("one").await;
        world.clock.advance(TimeDelta::microseconds(43_500));
        let came = came_back(world.state.now(), 200, "full_text_short");
        let came = AttemptResult { warnings: vec!["full_text has 7 characters".to_owned()], ..came };
        world.came(&asked, Outcome::InvalidResponse, came).await;
        let log = world.get(world.developer(), &path(&asked)).await;
        assert_eq!(log.status, 200, "{}", log.text);
        let line = &log.body["deliveries"][0];
        let expected = json!({
            "attempt_id": asked.attempt.to_string(), "task_id": asked.task.to_string(), "round": 1,
            "invitation_id": asked.key.invitation.to_string(), "webhook_id": asked.key.to_string(),
            "mode": "prototype", "revision": 0, "number": 1, "execution_mode": "sync", "fetched": false,
            "url": "https://one.agents.example.com/execute", "status": 200, "code": "full_text_short",
            "outcome": "invalid_response", "outcome_detail": "full_text_short", "agent_version": null,
            "warnings": ["full_text has 7 characters"], "response_bytes": 812,
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{name}");
        }
        assert_eq!(line["reliability"]["counts"], "against");
        assert!(
            line["advice"][0].as_str().unwrap().contains("fewer than 50 characters"),
            "{}",
            line["advice"]
        );
        let timing = json!({ "reused": false, "dns_ms": 1.25, "connect_ms": 0.8, "tls_ms": null,
                             "first_byte_ms": 41.337, "body_ms": null, "total_ms": 43.5 });
        assert_eq!(line["timing"], timing);
        assert_eq!(log.body["next"], json!(null));
    }

    #[tokio::test]
    async fn an_open_send_has_no_verdict_yet() {
        let world = World::new().await;
        let asked = world.asked("one").await;
        let log = world.get(world.developer(), &format!("{}?outcome=open", path(&asked))).await;
        let line = &log.body["deliveries"][0];
        for name in ["ended_at", "status", "code", "outcome", "reliability", "url"] {
            assert_eq!(line[name], json!(null), "{name}");
        }
        assert_eq!((&line["advice"], &line["timing"]["total_ms"]), (&json!([]), &json!(null)));
        assert!(line["deadline_at"].is_string());
    }

    #[tokio::test]
    async fn pages_newest_first_and_filters() {
        let world = World::new().await;
        let mut sent = Vec::new();
        for (status, code, outcome) in [
            (503, "status_503", Outcome::Unavailable),
            (200, "ok", Outcome::Valid),
            (422, "status_422", Outcome::Declined),
        ] {
            let asked = world.asked("one").await;
            world.came(&asked, outcome, came_back(world.state.now(), status, code)).await;
            sent.insert(0, asked);
        }
        let path = path(&sent[0]);
        let ids: Vec<String> = sent.iter().map(|asked| asked.attempt.to_string()).collect();
        let check = async |query: String, expected: &[String]| {
            let log = world.get(world.developer(), &format!("{path}?{query}")).await;
            let lines = log.body["deliveries"].as_array().unwrap_or_else(|| panic!("{}", log.text)).iter();
            let found: Vec<_> = lines.map(|line| line["attempt_id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(found, expected, "{query}");
            log.body["next"].as_str().map(str::to_owned)
        };
        let next = check("limit=2".to_owned(), &ids[..2]).await.unwrap();
        assert_eq!(check(format!("limit=2&cursor={next}"), &ids[2..]).await, None);
        check("outcome=valid".to_owned(), &ids[1..2]).await;
        check("outcome=open".to_owned(), &[]).await;
        check("code=status_503".to_owned(), &ids[2..]).await;
        check(format!("task_id={}", sent[1].task), &ids[1..2]).await;
        check("mode=final".to_owned(), &[]).await;
        check("mode=prototype&limit=200".to_owned(), &ids).await;
        let since = world.state.now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        check(format!("since={since}"), &ids[..1]).await;
        check(format!("since={}", world.state.now().to_rfc3339()), &ids[..1]).await;
        let wrong = "limit=201&cursor=x&outcome=lost&task_id=1&mode=draft&since=today&order=up&code=%00";
        let wrong = world.get(world.developer(), &format!("{path}?{wrong}")).await;
        assert_eq!(
            (wrong.status, wrong.body["errors"].as_array().unwrap().len()),
            (422, 8),
            "{}",
            wrong.text
        );
    }

    #[tokio::test]
    async fn a_503_counts_if_the_agent_was_healthy_and_a_decline_never() {
        let world = World::new().await;
        let mut counts = Vec::new();
        for (status, code, outcome) in [
            (503, "status_503", Outcome::Unavailable),
            (422, "status_422", Outcome::Declined),
            (200, "ok", Outcome::Valid),
        ] {
            let asked = world.asked("one").await;
            world.came(&asked, outcome, came_back(world.state.now(), status, code)).await;
            let log = world.get(world.developer(), &path(&asked)).await;
            let line = &log.body["deliveries"][0];
            assert!(line["reliability"]["reason"].as_str().unwrap().ends_with('.'));
            assert_eq!(line["advice"].as_array().unwrap().is_empty(), code == "ok");
            counts.push(line["reliability"]["counts"].as_str().unwrap().to_owned());
        }
        assert_eq!(counts, ["if_healthy", "no", "for"]);
    }

    #[derive(Deserialize)]
    struct Row {
        id: String,
        actor: String,
        route: String,
        /// A status; on other routes also words.
        expected: Value,
    }

    #[tokio::test]
    async fn who_may_read_it() {
        let world = World::new().await;
        let asked = world.asked("one").await;
        let stranger = world.key("agent_manager", false, false).await;
        let rival = world.key("agent_manager", false, false).await;
        let name = json!({ "name": "Bo" });
        assert_eq!(world.post(&rival, "/api/v1/developers/register", &name).await.status, 201);
        for path in [path(&asked), format!("{}/{}", path(&asked), asked.attempt)] {
            let status = async |key: &str| world.get(key, &path).await.status;
            assert_eq!(status(world.buyer()).await, 403, "another scope");
            assert_eq!(status(&world.key("agent_manager", true, false).await).await, 404);
            assert_eq!(
                status(&world.key_of_the_developer(true, false).await).await,
                200,
                "reading is enough"
            );
            assert_eq!(status(&world.key_of_the_developer(false, true).await).await, 404, "a live agent");
            let rows =
                gavel_testkit::corpora::rows::<Row>("reliability/authz_matrix.jsonl").unwrap_or_default();
            let route = "GET /developers/agents/{own_agent}/attempts/{att}";
            for row in rows.into_iter().filter(|row| row.route == route) {
                let key = match row.actor.as_str() {
                    "anonymous" => "",
                    "expired_token" => "aitk_live_of_old",
                    "dev_owner" => world.developer(),
                    "admin" => world.admin(),
                    "dev_other" | "dev_of_bidder" => &rival,
                    "buyer_owner" | "buyer_other" => &stranger,
                    _ => continue, // issuers of tokens
                };
                assert_eq!(json!(status(key).await), row.expected, "{} {}", row.id, row.actor);
            }
        }
    }
}
