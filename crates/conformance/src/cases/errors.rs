//! What cannot be done is said, in a way that machines and people understand.

use crate::case::{Case, EVERY, Edit, Needs, PUSHED, Play, SYNC, Severity, Verdict};
use crate::judge::{answered, object, told};
use crate::order::Body;
use crate::stage::{Asked, Stage};
use serde_json::Value;

const BROKEN: &str = "{\"task_id\": \"0190\", \"title\": \"A guide";

const fn case(
    name: &'static str,
    severity: Severity,
    about: &'static str,
    fix: &'static str,
    play: Play,
) -> Case {
    Case { name, group: "errors", about, fix, severity, via: PUSHED, needs: Needs::Nothing, play }
}

const fn rejected(name: &'static str, severity: Severity, about: &'static str, edit: Edit) -> Case {
    let fix =
        "answer 400 where the body cannot be read: 5xx says that you are broken, 200 that the work is done";
    case(name, severity, about, fix, Play::Rejected(edit))
}

const fn declined(name: &'static str, about: &'static str, edit: Edit) -> Case {
    let fix = "keep a list of what you do and answer 422 to the rest (a worker declines): that never counts against \
               you, a poor bid does";
    Case { via: EVERY, ..case(name, Severity::Should, about, fix, Play::Declined(edit)) }
}

pub(super) const CASES: &[Case] = &[
    case(
        "get-refused",
        Severity::Should,
        "a GET on the endpoint does not do any work",
        "answer 405 (or 404) to every method but POST",
        Play::Scene(|stage| Box::pin(get(stage))),
    ),
    rejected("json-broken", Severity::Must, "a body that breaks off is answered with a 4xx", |order, _| {
        order.body = Body::Raw(BROKEN);
    }),
    rejected("body-empty", Severity::Must, "an empty body is answered with a 4xx", |order, _| {
        order.body = Body::Raw("");
    }),
    rejected(
        "body-no-object",
        Severity::Should,
        "a body that is a list is answered with a 4xx",
        |order, _| {
            order.body = Body::Raw("[1, 2, 3]");
        },
    ),
    rejected(
        "body-without-keys",
        Severity::Should,
        "a body without any key is answered with a 4xx",
        |order, _| {
            order.body = Body::Raw("{}");
        },
    ),
    declined("category-unknown", "a category it does not do is declined with 422", |order, _| {
        order.brief.category = "underwater-basket-weaving".to_owned();
    }),
    declined("task-type-unknown", "a task type it does not do is declined with 422", |order, _| {
        order.brief.task_type = "underwater-basket-pattern".to_owned();
    }),
    case(
        "error-shape",
        Severity::Should,
        "an error has a body of {\"error\": code, \"message\": words}",
        "add both texts: your own delivery log shows them",
        Play::Scene(|stage| Box::pin(shape(stage))),
    ),
    Case {
        needs: Needs::Key,
        ..case(
            "error-secrets",
            Severity::Must,
            "a refusal does not tell the right key or secret",
            "say only that the key is wrong, not which one is right",
            Play::Scene(|stage| Box::pin(secrets(stage))),
        )
    },
    Case {
        via: SYNC,
        ..case(
            "connection-reused",
            Severity::Must,
            "a call that is refused does not spoil the next one on the same connection",
            "read the body before you refuse, or answer Connection: close; send a Content-Length that is true",
            Play::Scene(|stage| Box::pin(reused(stage))),
        )
    },
];

async fn get(stage: &Stage) -> Verdict {
    let asked = stage.get().await;
    match (&asked.trouble, asked.status) {
        (None, 400..500) => Verdict::Passed,
        (Some(trouble), _) => Verdict::Failed(trouble.clone()),
        (None, _) => Verdict::Failed(format!("it was {}", told(&asked))),
    }
}

async fn shape(stage: &Stage) -> Verdict {
    let Some(asked) = an_error(stage).await else {
        return Verdict::Skipped("there is no error with a 4xx to look at: see json-broken".to_owned());
    };
    let body = object(&asked).unwrap_or_default();
    match ["error", "message"].iter().find(|key| !body.get(**key).is_some_and(Value::is_string)) {
        None => Verdict::Passed,
        Some(missing) => Verdict::Failed(format!("the text {missing} is missing: {}", told(&asked))),
    }
}

/// A stranger's call, or one that breaks off.
async fn an_error(stage: &Stage) -> Option<Asked> {
    let (mut strange, mut broken) = (stage.order(), stage.order());
    strange.seal.key = Some(stage.kit.other_key.clone());
    broken.body = Body::Raw(BROKEN);
    for order in [strange, broken] {
        let asked = stage.post(&order).await;
        if asked.trouble.is_none() && (400..500).contains(&asked.status) {
            return Some(asked);
        }
    }
    None
}

async fn secrets(stage: &Stage) -> Verdict {
    let mut order = stage.order();
    order.seal.key = Some(stage.kit.other_key.clone());
    let asked = stage.post(&order).await;
    let shown = order.seal.key.unwrap_or_default();
    match stage.kit.leaked(&asked.headers, &asked.body) {
        Some(what) => Verdict::Failed(format!("{what} stands in it")),
        None if String::from_utf8_lossy(&asked.body).contains(&shown) => {
            Verdict::Failed("the key that was shown is told back".to_owned())
        }
        None => Verdict::Passed,
    }
}

/// Two calls, one straight after the other: the client keeps the connection where the agent does.
async fn reused(stage: &Stage) -> Verdict {
    let mut spoilt = stage.order();
    spoilt.seal.by(&stage.kit.other_secret);
    let first = stage.post(&spoilt).await;
    if let Some(trouble) = first.trouble {
        return Verdict::Failed(format!("the first call: {trouble}"));
    }
    let second = stage.post_once(&stage.order()).await;
    answered(&second, &stage.kit).map(drop).map_err(|why| format!("the second call: {why}")).into()
}
