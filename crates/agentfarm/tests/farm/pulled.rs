//! Workers, and the platform they fetch from.

use crate::support::{Asked, Platform, Reaction, brief, until};
use gavel_agentfarm::{AgentSpec, Behaviour, Conduct, Farm, Step, Worker};
use serde_json::{Value, json};
use std::sync::Mutex;

/// A platform that gives these invitations to the first fetches, and nothing afterwards.
async fn inviting(mut ids: Vec<&'static str>, result: u16) -> Platform {
    ids.reverse();
    let ids = Mutex::new(ids);
    Platform::start(move |asked| {
        if !asked.line.starts_with("GET /api/v1/pull/invitations?wait=1 ") {
            return Reaction::Say(result, "{}".to_owned());
        }
        let invited = ids.lock().unwrap().pop().map(|id| {
            json!({ "id": id, "agent": "a", "lease": 7, "lease_expires_at": "2026-01-01T00:00:00Z",
                    "deadline_at": "2026-01-01T00:00:00Z", "envelope": brief("t1") })
        });
        Reaction::Say(200, json!({ "invitations": Vec::from_iter(invited) }).to_string())
    })
    .await
}

async fn working(platform: &Platform, change: impl Fn(&mut Worker)) -> Farm {
    let mut worker = Worker::new(format!("http://{}/api/v1", platform.address), "ait_k");
    worker.wait_s = 1;
    change(&mut worker);
    Farm::start(vec![AgentSpec::new("w", Behaviour::Pull(worker))]).await.unwrap()
}

fn answers(farm: &Farm, wanted: Step) -> Vec<u16> {
    let exchanges = farm.agent("w").unwrap().exchanges();
    exchanges.into_iter().filter(|one| one.step == wanted).filter_map(|one| one.answer.ok()).collect()
}

fn lines(asked: &[Asked]) -> Vec<&str> {
    asked.iter().map(|asked| asked.line.as_str()).collect()
}

#[tokio::test]
async fn a_worker_fetches_and_brings_the_result() {
    let platform = inviting(vec!["i1"], 202).await;
    let farm = working(&platform, |_| {}).await;
    until("the result is taken", || answers(&farm, Step::Result) == [202]).await;
    until("nothing is under way", || farm.under_way() == 0).await;
    let results = platform.asked_for("/result");
    assert_eq!(lines(&results), ["POST /api/v1/pull/invitations/i1/result?lease=7 HTTP/1.1"]);
    assert!(results[0].json()["full_text"].is_string());
    assert!(platform.asked().iter().all(|asked| asked.header("authorization") == "Bearer ait_k"));
    let taken = farm.requests("w");
    assert_eq!((farm.agent("w").unwrap().calls(), taken.len()), (1, 1));
    assert_eq!(serde_json::from_slice::<Value>(&taken[0].body).unwrap(), brief("t1"));
    assert_eq!((farm.sends_of_task("t1"), farm.sends_of_message("i1")), (1, 1));
}

#[tokio::test]
async fn a_worker_that_takes_its_time_beats_for_all_it_has_under_way() {
    let platform = inviting(vec!["i1", "i2"], 200).await;
    let farm = working(&platform, |worker| (worker.work_ms, worker.heartbeat_ms) = (3_600_000, 5)).await;
    for part in ["/i1/heartbeat", "/i2/heartbeat"] {
        until("it beats again and again", || platform.asked_for(part).len() > 1).await;
        assert_eq!(platform.asked_for(part)[1].json(), json!({ "lease": 7 }));
    }
    assert_eq!((farm.under_way(), farm.under_way_max()), (2, 2));
    assert!(platform.asked_for("/result").is_empty());
    until("its beats were answered", || answers(&farm, Step::Heartbeat).contains(&200)).await;
}

#[tokio::test]
async fn a_worker_takes_no_more_than_it_can() {
    let platform = inviting(vec!["i1", "i2", "i3"], 202).await;
    let farm = working(&platform, |worker| (worker.work_ms, worker.at_once) = (20, 1)).await;
    until("all are done", || platform.asked_for("/result").len() == 3).await;
    assert_eq!(farm.under_way_max(), 1);
}

#[tokio::test]
async fn a_worker_may_decline_or_answer_twice_without_a_heartbeat() {
    let platform = inviting(vec!["i1"], 204).await;
    let farm = working(&platform, |worker| worker.conduct = Conduct::Decline("not mine".to_owned())).await;
    until("it declined", || answers(&farm, Step::Decline) == [204]).await;
    let declined = platform.asked_for("/decline");
    assert_eq!(declined[0].line, "POST /api/v1/pull/invitations/i1/decline HTTP/1.1");
    assert_eq!(declined[0].json(), json!({ "lease": 7, "reason": "not mine" }));
    let platform = inviting(vec!["i1"], 409).await;
    let farm = working(&platform, |worker| {
        (worker.conduct, worker.heartbeat_ms, worker.work_ms) = (Conduct::WorkTwice, 0, 30);
    })
    .await;
    until("it answered twice", || answers(&farm, Step::Result) == [409, 409]).await;
    assert!(platform.asked_for("/heartbeat").is_empty());
}

#[tokio::test]
async fn a_worker_may_die_with_what_it_fetched() {
    let platform = inviting(vec!["i1", "i2"], 202).await;
    let farm = working(&platform, |worker| worker.conduct = Conduct::Die).await;
    until("it fetched", || farm.requests("w").len() == 1).await;
    until("it is dead", || farm.under_way() == 0).await;
    assert_eq!(lines(&platform.asked()), ["GET /api/v1/pull/invitations?wait=1 HTTP/1.1"]);
}

#[tokio::test]
async fn a_worker_goes_on_when_the_platform_fails() {
    let answers_left = Mutex::new(vec![
        Reaction::Say(200, json!({ "invitations": [] }).to_string()),
        Reaction::Say(401, "{}".to_owned()),
        Reaction::Crash,
    ]);
    let platform = Platform::start(move |_| {
        let next = answers_left.lock().unwrap().pop();
        next.unwrap_or_else(|| Reaction::Say(200, "not json".to_owned()))
    })
    .await;
    let farm = working(&platform, |_| {}).await;
    until("it came again and again", || platform.asked().len() > 4).await;
    assert_eq!(answers(&farm, Step::Fetch)[..2], [401, 200]);
    assert_eq!(farm.agent("w").unwrap().calls(), 0);
}
