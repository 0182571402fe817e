//! Answers that come by callback.

use crate::case::{ASYNC, Case, Needs, Play, Scene, Severity, Verdict};
use crate::contact::unanswered;
use crate::desk::{Seen, Signed};
use crate::judge::{seconds, told, unjudged};
use crate::stage::{ACKNOWLEDGE, Asked, Stage};
use gavel_contract::agent::outcome::{StatusLine, classify};
use gavel_dispatcher::transport::FailureKind;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// An acknowledgement says only that the brief has arrived.
const QUICK: Duration = Duration::from_secs(5);
/// How long the desk listens for a callback that must not come.
const SILENCE: Duration = Duration::from_secs(2);

/// Before there is an ordinary answer.
const fn first(name: &'static str, about: &'static str, fix: &'static str, scene: Scene) -> Case {
    Case {
        name,
        group: "callback",
        about,
        fix,
        severity: Severity::Must,
        via: ASYNC,
        needs: Needs::Nothing,
        play: Play::First(scene),
    }
}

const fn case(name: &'static str, about: &'static str, fix: &'static str, scene: Scene) -> Case {
    Case { play: Play::Scene(scene), ..first(name, about, fix, scene) }
}

const SIGN: &str = "sign the bytes you send with callback_secret of this very call: the Standard Webhooks trio, or \
                    X-AITasker-Signature (hex HMAC-SHA256, the secret's text as key) with X-AITasker-Timestamp";

pub(super) const CASES: &[Case] = &[
    first(
        "ack",
        "the brief is acknowledged with 200 or 202 within 30 seconds",
        "answer 202 {\"status\": \"accepted\"} at once and work afterwards",
        |stage| Box::pin(acknowledged(stage)),
    ),
    Case {
        severity: Severity::Should,
        ..first(
            "ack-quick",
            "it is acknowledged within 5 seconds",
            "start the work in the background and answer before it begins",
            |stage| Box::pin(quick(stage)),
        )
    },
    first(
        "callback-comes",
        "the result is posted to callback_url, as it was given",
        "POST to callback_url unchanged; a result inside the acknowledgement does not count",
        |stage| Box::pin(comes(stage)),
    ),
    first("callback-signed", "the callback is signed with callback_secret", SIGN, |stage| {
        Box::pin(signed(stage))
    }),
    first(
        "callback-fresh",
        "the timestamp of the callback is of the moment it is sent",
        "take the time when you send, in seconds since 1970, also when you send again",
        |stage| Box::pin(fresh(stage)),
    ),
    first(
        "callback-valid",
        "the body of the callback is an ordinary answer",
        "post the same JSON object that a sync agent answers",
        |stage| Box::pin(usable(stage)),
    ),
    first(
        "callback-secrets",
        "neither key nor secrets are in the callback",
        "send signatures, never secrets",
        |stage| Box::pin(secrets(stage)),
    ),
    case(
        "callback-retried",
        "a callback that was answered 503 is sent again",
        "send again after 1, 2, 4, ... seconds while the answer is 5xx, 429 or missing, until execution_timeout_seconds",
        |stage| Box::pin(retried(stage)),
    ),
    Case {
        severity: Severity::Should,
        ..case(
            "callback-retried-as-same",
            "it is sent again under the same webhook-id, with a signature that still fits",
            "choose the webhook-id once per result; sign anew with the new time",
            |stage| Box::pin(retried_as_same(stage)),
        )
    },
    case("callback-once", "a callback that was taken is not sent again", "stop at 202", |stage| {
        Box::pin(once(stage))
    }),
    Case {
        severity: Severity::Should,
        ..case(
            "callback-stops",
            "a callback that was answered 410 is not sent again",
            "stop at 404, 409 and 410: they never change",
            |stage| Box::pin(stops(stage)),
        )
    },
];

async fn acknowledged(stage: &Stage) -> Verdict {
    let asked = stage.prototype().await;
    if let Some(skipped) = unjudged(asked, &stage.kit) {
        return skipped;
    }
    // With trouble it is an acknowledgement that no callback followed.
    if classify(asked.status, None, true) == StatusLine::Acknowledged {
        return Verdict::Passed;
    }
    match asked.failure.as_ref().map(|failure| failure.kind) {
        Some(FailureKind::Timeout) => Verdict::Failed(format!("none came within {}", seconds(ACKNOWLEDGE))),
        _ => unanswered(asked).unwrap_or_else(|| Verdict::Failed(format!("it was {}", told(asked)))),
    }
}

async fn quick(stage: &Stage) -> Verdict {
    let started = Instant::now();
    let ack = stage.post(&stage.order()).await;
    match (unjudged(&ack, &stage.kit), ack.trouble.is_some() || started.elapsed() > QUICK) {
        (Some(skipped), _) => skipped,
        (None, true) => Verdict::Failed(format!("it took {}", seconds(started.elapsed()))),
        (None, false) => Verdict::Passed,
    }
}

async fn comes(stage: &Stage) -> Verdict {
    let asked = stage.prototype().await;
    if let Some(skipped) = unjudged(asked, &stage.kit) {
        return skipped;
    }
    if classify(asked.status, None, true) != StatusLine::Acknowledged {
        return Verdict::Skipped("the call is not acknowledged: see ack".to_owned());
    }
    if !seen(stage, asked).is_empty() {
        return Verdict::Passed;
    }
    let strays = stage.desk.look(|book| book.strays.clone());
    let elsewhere = strays.first().map(|path| format!("; but {path} was asked for")).unwrap_or_default();
    Verdict::Failed(format!("{}{elsewhere}", asked.trouble.clone().unwrap_or_else(|| told(asked))))
}

async fn signed(stage: &Stage) -> Verdict {
    of_first(stage, |seen| match &seen.signed {
        Signed::Not(why) => Verdict::Failed(why.clone()),
        Signed::Rightly | Signed::Stale(_) => Verdict::Passed,
    })
    .await
}

async fn fresh(stage: &Stage) -> Verdict {
    of_first(stage, |seen| match &seen.signed {
        Signed::Stale(why) => Verdict::Failed(why.clone()),
        Signed::Not(_) => Verdict::Skipped("it is not signed: see callback-signed".to_owned()),
        Signed::Rightly => Verdict::Passed,
    })
    .await
}

async fn usable(stage: &Stage) -> Verdict {
    of_first(stage, |seen| seen.problem.clone().map_or(Verdict::Passed, Verdict::Failed)).await
}

async fn secrets(stage: &Stage) -> Verdict {
    let secret = secret_of(stage, stage.prototype().await);
    of_first(stage, |seen| {
        let told = stage.kit.leaked(&seen.headers, &seen.body);
        let own = String::from_utf8_lossy(&seen.body).contains(&secret)
            || seen.headers.iter().any(|(_, value)| value.contains(&secret));
        match told.or(own.then_some("callback_secret")) {
            Some(what) => Verdict::Failed(format!("{what} stands in it")),
            None => Verdict::Passed,
        }
    })
    .await
}

async fn retried(stage: &Stage) -> Verdict {
    stage.judged(stage.retried().await).await
}

async fn retried_as_same(stage: &Stage) -> Verdict {
    let all = seen(stage, stage.retried().await);
    let [first, .., last] = all.as_slice() else {
        return Verdict::Skipped("it was not sent again: see callback-retried".to_owned());
    };
    match (first.header("webhook-id"), last.header("webhook-id")) {
        (first, last) if first != last => Verdict::Failed(format!("it was {first:?}, then {last:?}")),
        _ if last.signed != Signed::Rightly => {
            Verdict::Failed(format!("the second is not signed rightly{}", last.why()))
        }
        _ => Verdict::Passed,
    }
}

async fn once(stage: &Stage) -> Verdict {
    let asked = stage.prototype().await;
    sleep(SILENCE).await;
    let all = seen(stage, asked);
    let after = all.iter().skip_while(|seen| seen.status != 202).skip(1).count();
    match after {
        0 => Verdict::Passed,
        n => Verdict::Failed(format!("{n} more came after it had been answered 202")),
    }
}

async fn stops(stage: &Stage) -> Verdict {
    let (order, gone) = (stage.order(), vec![410; 50]);
    let ack = stage.post_with(&order, gone).await;
    let came = stage
        .desk
        .wait(Instant::now() + order.time, |book| book.slot(&ack.ticket)?.seen.first().cloned())
        .await;
    if came.is_none() {
        return Verdict::Failed("no callback came".to_owned());
    }
    sleep(SILENCE).await;
    match seen(stage, &ack).len() {
        1 => Verdict::Passed,
        n => Verdict::Failed(format!("it was sent {n} times within {}", seconds(SILENCE))),
    }
}

/// A look at the first callback of the ordinary call.
async fn of_first(stage: &Stage, look: impl FnOnce(&Seen) -> Verdict) -> Verdict {
    match seen(stage, stage.prototype().await).first() {
        Some(first) => look(first),
        None => Verdict::Skipped("no callback came: see callback-comes".to_owned()),
    }
}

fn seen(stage: &Stage, asked: &Asked) -> Vec<Seen> {
    stage.desk.look(|book| book.slot(&asked.ticket).map(|slot| slot.seen.clone()).unwrap_or_default())
}

fn secret_of(stage: &Stage, asked: &Asked) -> String {
    stage.desk.look(|book| book.slot(&asked.ticket).map(|slot| slot.secret().to_owned()).unwrap_or_default())
}
