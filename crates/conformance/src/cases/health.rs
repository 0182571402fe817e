//! Health: an agent that seems ill is asked nothing.

use crate::case::{Case, Needs, PUSHED, Play, SYNC, Severity, Verdict};
use crate::contact::fix_of;
use crate::judge::{object, seconds, told};
use crate::kit::Kit;
use crate::stage::{Asked, PROBE, Stage};
use gavel_dispatcher::transport::FailureKind;
use std::time::Duration;

/// A probe before a dispatch never adds more than this; a slower one helps nobody.
const QUICK: Duration = Duration::from_secs(1);
/// How often health is asked beside a call.
const BESIDE: Duration = Duration::from_millis(50);
/// How often at most.
const PROBES_MAX: usize = 100;

const fn case(
    name: &'static str,
    severity: Severity,
    about: &'static str,
    fix: &'static str,
    play: Play,
) -> Case {
    Case { name, group: "health", about, fix, severity, via: PUSHED, needs: Needs::Nothing, play }
}

pub(super) const CASES: &[Case] = &[
    case(
        "health-path",
        Severity::Must,
        "health is found: the endpoint's URL without a trailing /execute, plus /health",
        "serve GET on this path; for https://host/a/execute it is https://host/a/health",
        Play::Health(path),
    ),
    case(
        "health-open",
        Severity::Must,
        "health is told without a key",
        "leave the health route out of the check of keys: probes carry none",
        Play::Health(open),
    ),
    case(
        "health-200",
        Severity::Must,
        "health answers 200 within 5 seconds",
        "answer exactly 200, without a redirect and without asking your model first",
        Play::Health(ok),
    ),
    case(
        "health-status",
        Severity::Must,
        "the body is JSON whose status is exactly \"ok\"",
        "answer {\"status\": \"ok\"}: OK, healthy or a missing status counts as ill",
        Play::Health(status),
    ),
    case(
        "health-quick",
        Severity::Should,
        "health answers within a second",
        "answer from memory; check databases and models in the background",
        Play::Health(quick),
    ),
    case(
        "health-capabilities",
        Severity::Should,
        "the capabilities it tells hold the category it is asked for",
        "list the categories you registered under \"capabilities\", spelled as in the catalogue",
        Play::Health(capabilities),
    ),
    Case {
        via: SYNC,
        ..case(
            "health-while-working",
            Severity::Must,
            "health answers within 5 seconds while a call is under way",
            "do not block the server with the work: a thread per request, or an async client for your model",
            Play::Scene(|stage| Box::pin(while_working(stage))),
        )
    },
];

fn path(asked: &Asked, kit: &Kit) -> Verdict {
    match (&asked.trouble, asked.status) {
        (Some(trouble), _) => unreached(asked, format!("{}: {trouble}", kit.health_url)),
        (None, 404 | 405) => Verdict::Failed(format!("GET {} was {}", kit.health_url, told(asked))),
        (None, _) => Verdict::Passed,
    }
}

/// Where nothing listens no path can be right. A probe that takes too long is slow for another reason than a call.
fn unreached(asked: &Asked, why: String) -> Verdict {
    let kind = asked.failure.as_ref().map(|failure| failure.kind);
    match kind.filter(|kind| *kind != FailureKind::Timeout).and_then(fix_of) {
        Some(fix) => Verdict::Unanswered { why, fix },
        None => Verdict::Failed(why),
    }
}

fn open(asked: &Asked, _: &Kit) -> Verdict {
    reached(asked).unwrap_or(match asked.status {
        401 | 403 => Verdict::Failed(format!("without a key it was {}", told(asked))),
        _ => Verdict::Passed,
    })
}

fn ok(asked: &Asked, _: &Kit) -> Verdict {
    reached(asked).unwrap_or(match asked.status {
        200 => Verdict::Passed,
        _ => Verdict::Failed(format!("only 200 is healthy; it was {}", told(asked))),
    })
}

fn status(asked: &Asked, _: &Kit) -> Verdict {
    if let Some(skipped) = healthy(asked) {
        return skipped;
    }
    let Some(body) = object(asked) else {
        return Verdict::Failed(format!("the body is no JSON object: {}", told(asked)));
    };
    match body.get("status") {
        Some(status) if status == "ok" => Verdict::Passed,
        Some(status) => Verdict::Failed(format!("status is {status}")),
        None => Verdict::Failed("there is no status".to_owned()),
    }
}

fn quick(asked: &Asked, _: &Kit) -> Verdict {
    healthy(asked).unwrap_or_else(|| match asked.took {
        took if took <= QUICK => Verdict::Passed,
        took => Verdict::Failed(format!("it took {}", seconds(took))),
    })
}

fn capabilities(asked: &Asked, kit: &Kit) -> Verdict {
    if let Some(skipped) = healthy(asked) {
        return skipped;
    }
    let listed = object(asked).and_then(|body| body.get("capabilities")?.as_array().cloned());
    let Some(listed) = listed else {
        return Verdict::Skipped("it tells no list of capabilities; none has to be told".to_owned());
    };
    match listed.iter().any(|slug| *slug == *kit.given.category) {
        true => Verdict::Passed,
        false => Verdict::Failed(format!(
            "{} is not among {}; name one of these with --category, or add it",
            kit.given.category,
            serde_json::Value::Array(listed)
        )),
    }
}

/// What cannot be reached was told under its path.
fn reached(asked: &Asked) -> Option<Verdict> {
    let lost = asked.trouble.is_some() || matches!(asked.status, 404 | 405);
    lost.then(|| Verdict::Skipped("health was not found: see health-path".to_owned()))
}

fn healthy(asked: &Asked) -> Option<Verdict> {
    reached(asked).or_else(|| {
        (asked.status != 200)
            .then(|| Verdict::Skipped("health did not answer 200: see health-200".to_owned()))
    })
}

async fn while_working(stage: &Stage) -> Verdict {
    if let Some(skipped) = healthy(stage.health().await) {
        return skipped;
    }
    let order = stage.order();
    let mut call = std::pin::pin!(stage.ask(&order));
    for _ in 0..PROBES_MAX {
        // An agent that is done so soon is asked once all the same.
        let over = tokio::time::timeout(BESIDE, &mut call).await.is_ok();
        match ill(&stage.probe().await) {
            Some(why) => return Verdict::Failed(why),
            None if over => return Verdict::Passed,
            None => {}
        }
    }
    Verdict::Passed
}

fn ill(probed: &Asked) -> Option<String> {
    match &probed.trouble {
        Some(_) => Some(format!("while it worked, health did not answer within {}", seconds(PROBE))),
        None if probed.status != 200 => Some(format!("while it worked, health was {}", told(probed))),
        None => None,
    }
}
