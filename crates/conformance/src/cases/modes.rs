//! The two calls of a task, revisions, and calls that come twice.

use crate::case::{Case, EVERY, Needs, Play, SYNC, Scene, Severity, Verdict};
use crate::judge::{seconds, work};
use crate::stage::{Asked, Stage};
use gavel_domain::InvitationId;
use gavel_domain::invitation::Mode;
use std::time::Duration;

/// What the buyer wants changed.
const NOTES: &str = "Please add a section on iced tea, and make the opening shorter.";
/// An answer from memory takes less than this, or less than half of what the work took.
const FROM_MEMORY: Duration = Duration::from_secs(2);

const fn case(name: &'static str, about: &'static str, fix: &'static str, scene: Scene) -> Case {
    Case {
        name,
        group: "modes",
        about,
        fix,
        severity: Severity::Must,
        via: EVERY,
        needs: Needs::Nothing,
        play: Play::Scene(scene),
    }
}

const fn repeat(name: &'static str, about: &'static str, fix: &'static str, scene: Scene) -> Case {
    Case { group: "repeats", via: SYNC, ..case(name, about, fix, scene) }
}

pub(super) const CASES: &[Case] = &[
    Case {
        play: Play::Answered(|order, _| order.mode = Mode::Final),
        ..case(
            "final-alone",
            "a final call for a task this process never saw is answered",
            "take everything you need from the body: you may have been restarted since the prototype",
            |stage| Box::pin(after_prototype(stage)),
        )
    },
    case(
        "final-after-prototype",
        "the final call for a task whose prototype it made is answered",
        "do not refuse a task_id you know: the same task is called in both modes",
        |stage| Box::pin(after_prototype(stage)),
    ),
    Case {
        severity: Severity::Should,
        ..case(
            "final-differs",
            "the final answer is not the prototype's text",
            "read mode: final wants the finished work; and do not remember answers by task_id alone",
            |stage| Box::pin(differs(stage)),
        )
    },
    case(
        "revision",
        "a revision (same task, mode final, new webhook-id, notes) is not answered with the text it is about",
        "remember answers by webhook-id, never by (task_id, mode), and read requirements.revision_notes",
        |stage| Box::pin(revision(stage)),
    ),
    case(
        "round-two",
        "a task that is asked again in a later round (same task, new webhook-id) is answered",
        "do not refuse a task_id you know: what names a call is its webhook-id",
        |stage| Box::pin(round_two(stage)),
    ),
    repeat(
        "repeat-answered",
        "the same call again (same webhook-id) is answered again, without an error",
        "answer a webhook-id you know from memory, or do the work again; 409 loses the bid",
        |stage| Box::pin(repeated(stage)),
    ),
    Case {
        severity: Severity::Should,
        ..repeat(
            "repeat-from-memory",
            "the same call again gets the same answer, quickly",
            "keep the answer for ten minutes under its webhook-id: the work is paid for once",
            |stage| Box::pin(from_memory(stage)),
        )
    },
    repeat(
        "repeat-while-working",
        "the same call again while the first is under way is answered too",
        "let the second wait for the first, or do the work twice; an error loses the bid",
        |stage| Box::pin(while_working(stage)),
    ),
];

async fn after_prototype(stage: &Stage) -> Verdict {
    stage.judged(stage.finished().await).await
}

async fn differs(stage: &Stage) -> Verdict {
    let (prototype, finished) = (stage.prototype().await, stage.finished().await);
    match same_text(stage, prototype, finished) {
        Some(true) => Verdict::Failed("both have the same full_text".to_owned()),
        Some(false) => Verdict::Passed,
        None => Verdict::Skipped("there is no final answer: see final-after-prototype".to_owned()),
    }
}

async fn revision(stage: &Stage) -> Verdict {
    let finished = stage.finished().await;
    let revised = stage.ask(&finished.order.revised(NOTES)).await;
    let judged = stage.judged(&revised).await;
    if judged != Verdict::Passed {
        return judged;
    }
    match same_text(stage, finished, &revised) {
        Some(true) => {
            Verdict::Failed("it was answered with the very text the buyer wanted changed".to_owned())
        }
        Some(false) => Verdict::Passed,
        None => Verdict::Skipped("there is no final answer: see final-after-prototype".to_owned()),
    }
}

async fn round_two(stage: &Stage) -> Verdict {
    let mut order = stage.prototype().await.order.clone();
    order.invitation = InvitationId::new(stage.clock.now(), &*stage.chance);
    stage.judged(&stage.ask(&order).await).await
}

async fn repeated(stage: &Stage) -> Verdict {
    stage.judged(&stage.ask(&stage.prototype().await.order).await).await
}

async fn from_memory(stage: &Stage) -> Verdict {
    let first = stage.prototype().await;
    let again = stage.ask(&first.order).await;
    match same_text(stage, first, &again) {
        None => Verdict::Skipped("the repeat is not answered: see repeat-answered".to_owned()),
        Some(false) => Verdict::Failed("the repeat has another text: the work was done twice".to_owned()),
        Some(true) if again.took > FROM_MEMORY.max(first.took / 2) => {
            Verdict::Failed(format!("the same text came, but after {}", seconds(again.took)))
        }
        Some(true) => Verdict::Passed,
    }
}

async fn while_working(stage: &Stage) -> Verdict {
    let order = stage.order();
    let (first, second) = futures::future::join(stage.ask(&order), stage.ask(&order)).await;
    match stage.judged(&first).await {
        Verdict::Passed => stage.judged(&second).await,
        other => other,
    }
}

fn same_text(stage: &Stage, one: &Asked, other: &Asked) -> Option<bool> {
    Some(work(one, &stage.kit)? == work(other, &stage.kit)?)
}
