//! Briefs at the edges of what is promised.

use crate::case::{Case, EVERY, Edit, Needs, PUSHED, Play, SYNC, Severity, Verdict};
use crate::judge::{seconds, told, unjudged};
use crate::order::Body;
use crate::stage::Stage;
use gavel_contract::agent::envelope::{DESCRIPTION_CHARS_MAX, TITLE_CHARS_MAX};
use gavel_domain::task::Attachment;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The deadline of the hurried call.
const HURRY: Duration = Duration::from_secs(1);
/// How long after it an honest error may still come.
const GRACE: Duration = Duration::from_secs(5);
/// Requirements of the large brief.
const MANY: usize = 200;

const fn answered(name: &'static str, about: &'static str, fix: &'static str, edit: Edit) -> Case {
    Case {
        name,
        group: "brief",
        about,
        fix,
        severity: Severity::Must,
        via: EVERY,
        needs: Needs::Nothing,
        play: Play::Answered(edit),
    }
}

pub(super) const CASES: &[Case] = &[
    answered(
        "requirements-empty",
        "requirements may be an empty object",
        "read every requirement as one that may be missing",
        |order, _| order.brief.requirements = Map::new(),
    ),
    answered(
        "nulls",
        "user_first_name and output_spec may be null",
        "allow null for both; do not write \"Dear None\"",
        |order, _| {
            order.brief.user_first_name = None;
            order.brief.output_spec = None;
        },
    ),
    answered(
        "output-spec",
        "output_spec may be an object",
        "take any object; what you do not understand can be ignored",
        |order, _| {
            order.brief.output_spec = Some(json!({ "count": 1, "format": "markdown", "max_words": 400 }))
        },
    ),
    answered(
        "attachments",
        "attachments may be given: a list of filename, url, content_type",
        "take the list; an attachment you cannot fetch must not cost you the bid",
        |order, _| {
            let file = |name: &str, kind: &str| Attachment {
                filename: name.to_owned(),
                url: format!("https://files.example.com/signed/{name}"),
                content_type: kind.to_owned(),
            };
            order.brief.attachments =
                vec![file("brief.pdf", "application/pdf"), file("data.csv", "text/csv")];
        },
    ),
    answered(
        "quality-rules-lifted",
        "quality_rules may be false",
        "read them as three booleans of any value",
        |order, _| {
            for rule in gavel_contract::agent::envelope::QUALITY_RULES {
                order.brief.quality_rules.insert(rule.to_owned(), Value::Bool(false));
            }
        },
    ),
    answered(
        "title-short",
        "a title may have 5 characters",
        "put no length of your own on titles",
        |order, _| {
            order.brief.title = "Tea 5".to_owned();
        },
    ),
    answered(
        "title-long",
        "a title may have 200 characters",
        "put no length of your own on titles",
        |order, _| {
            order.brief.title = "Tea, ".repeat(TITLE_CHARS_MAX / 5).trim_end().to_owned() + ".";
        },
    ),
    answered(
        "brief-large",
        "a description of 5,000 characters and 200 requirements are taken",
        "accept bodies of at least 256 KiB, and cut for your model what it cannot take",
        |order, _| {
            order.brief.description =
                "Say more about tea. ".repeat(DESCRIPTION_CHARS_MAX / 20).trim_end().to_owned();
            let many = (0..MANY)
                .map(|i| (format!("point_{i}"), json!("Cover this point in one sentence. ".repeat(3))));
            order.brief.requirements.extend(many);
        },
    ),
    answered(
        "brief-unicode",
        "emoji, right-to-left text and combining characters are taken",
        "read and write UTF-8 everywhere; count characters, not bytes",
        |order, _| {
            order.brief.title = "שלום: 茶 👩\u{200D}🍳 cafe\u{301} guide".to_owned();
            order.brief.description =
                "مرحبا بالعالم. Zoë’s naïve façade e\u{301}a\u{30a} 🇯🇵🫖. Schreibe über grünen Tee: \"quoted\", \
                 back\\slash, tab\t, line\nbreak."
                    .to_owned();
            order.brief.user_first_name = Some("Žofie 🫖".to_owned());
        },
    ),
    answered(
        "budget-smallest",
        "the smallest budget is taken, and not exceeded",
        "bid at most budget_...; decline with 422 what is too cheap for you, only then this case can be ignored",
        |order, kit| order.budget = kit.given.budget_min,
    ),
    Case {
        via: PUSHED,
        ..answered(
            "header-unknown",
            "a header nobody has heard of does no harm",
            "ignore headers you do not know",
            |order, _| order.headers.push(("X-Nobody-Has-Heard-Of", "1")),
        )
    },
    Case {
        via: PUSHED,
        severity: Severity::Should,
        ..answered(
            "user-agent-other",
            "another User-Agent does no harm: operators choose it",
            "recognise the platform by key and signature, not by User-Agent",
            |order, _| order.headers.push(("User-Agent", "Gavel/1 (somewhere else)")),
        )
    },
    Case {
        severity: Severity::Should,
        ..answered(
            "key-of-tomorrow",
            "a key that this contract does not name does no harm",
            "ignore keys you do not know (in pydantic: extra = \"ignore\")",
            |order, _| order.body = Body::WithKey("a_key_of_tomorrow", json!({ "nested": [1, 2, 3] })),
        )
    },
    Case {
        via: SYNC,
        severity: Severity::Should,
        play: Play::Scene(|stage| Box::pin(hurried(stage))),
        ..answered(
            "deadline-short",
            "with a second left, it answers in time or says honestly that it cannot",
            "read Gavel-Deadline; stop work that cannot be done by then and answer 422 or 503 instead of being late",
            |_, _| {},
        )
    },
    Case {
        play: Play::Scene(|stage| Box::pin(at_once(stage))),
        ..answered(
            "many-at-once",
            "as many calls at once as it declares (8 by default) are all answered",
            "work on calls side by side, or declare a smaller max_concurrency at registration (--concurrency here)",
            |_, _| {},
        )
    },
];

async fn hurried(stage: &Stage) -> Verdict {
    let mut order = stage.order();
    order.time = HURRY;
    let asked = stage.post_within(&order, HURRY + GRACE).await;
    if let Some(skipped) = unjudged(&asked, &stage.kit) {
        return skipped;
    }
    let late = asked.took > HURRY;
    match (&asked.trouble, asked.status) {
        (Some(_), _) => Verdict::Failed(format!("{} after the deadline it was still silent", seconds(GRACE))),
        (None, 200) if late => Verdict::Failed(format!(
            "the answer came {} after the deadline: it is lost",
            seconds(asked.took - HURRY)
        )),
        (None, 200) => stage.judged(&asked).await,
        (None, 500) => Verdict::Failed(format!("an honest error is 422 or 503; it was {}", told(&asked))),
        (None, 400..) => Verdict::Passed,
        (None, _) => Verdict::Failed(format!("it was {}", told(&asked))),
    }
}

async fn at_once(stage: &Stage) -> Verdict {
    let orders: Vec<_> = (0..stage.kit.given.at_once).map(|_| stage.order()).collect();
    let all = futures::future::join_all(orders.iter().map(|order| stage.ask(order))).await;
    let count = all.len();
    let judged = futures::future::join_all(all.iter().map(|asked| stage.judged(asked))).await;
    let failed = judged.iter().filter(|verdict| matches!(verdict, Verdict::Failed(_))).count();
    match judged.into_iter().find(|verdict| *verdict != Verdict::Passed) {
        Some(Verdict::Failed(why)) => {
            Verdict::Failed(format!("{failed} of {count} failed, the first so: {why}"))
        }
        other => other.unwrap_or(Verdict::Passed),
    }
}
