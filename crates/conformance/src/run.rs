//! One case after another: an agent is to be judged, not to be loaded.

use crate::case::{Case, Play, Verdict, Via};
use crate::cases;
use crate::judge::{is_refusal, must_decline, must_refuse, must_reject, unjudged, work};
use crate::report::Outcome;
use crate::stage::{Asked, Stage};
use tokio::time::Instant;

/// Plays all of them. `done` hears of each as it ends.
pub async fn run(stage: &Stage, cases: &[&'static Case], mut done: impl FnMut(&Outcome)) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for case in cases {
        let started = Instant::now();
        let nobody = stage.via == Via::Pull && nobody_came(&outcomes);
        let verdict = match nobody {
            true => Verdict::Skipped(format!("no worker comes: see {}", cases::FETCHES)),
            false => play(stage, case).await,
        };
        let outcome = Outcome { case, via: stage.via, verdict, took: started.elapsed() };
        done(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

fn nobody_came(outcomes: &[Outcome]) -> bool {
    outcomes.iter().any(|o| o.case.name == cases::FETCHES && matches!(o.verdict, Verdict::Failed(_)))
}

/// Plays one case, unless it cannot be judged.
pub async fn play(stage: &Stage, case: &Case) -> Verdict {
    if let Some(why) = case.needs.missing(&stage.kit) {
        return Verdict::Skipped(why.to_owned());
    }
    if let Some(skipped) = not_before(stage, case.play).await {
        return skipped;
    }
    let kit = &stage.kit;
    let mut order = stage.order();
    match case.play {
        Play::Health(look) => look(stage.health().await, kit),
        Play::Prototype(look) => look(stage.prototype().await, kit),
        Play::First(scene) | Play::Scene(scene) => scene(stage).await,
        Play::Answered(edit) => {
            edit(&mut order, kit);
            stage.judged(&stage.ask(&order).await).await
        }
        Play::Refused(edit) => {
            edit(&mut order, kit);
            must_refuse(&stage.post(&order).await)
        }
        Play::Handled(edit) => {
            edit(&mut order, kit);
            answered_or_refused(stage, &stage.ask(&order).await).await
        }
        Play::Rejected(edit) => {
            edit(&mut order, kit);
            must_reject(&stage.post(&order).await, kit)
        }
        Play::Declined(edit) => {
            edit(&mut order, kit);
            let asked =
                if stage.via == Via::Async { stage.post(&order).await } else { stage.ask(&order).await };
            must_decline(&asked, kit)
        }
    }
}

/// May be answered or refused, but not end in confusion.
async fn answered_or_refused(stage: &Stage, asked: &Asked) -> Verdict {
    if asked.trouble.is_none() && is_refusal(asked) { Verdict::Passed } else { stage.judged(asked).await }
}

/// What an agent does with spoilt calls says nothing while it does not answer the ordinary one: an agent that refuses
/// everybody refuses strangers too. An answer with work in it is enough: what else is wrong with it has its own cases.
async fn not_before(stage: &Stage, play: Play) -> Option<Verdict> {
    let ordinary = match play {
        Play::Health(_) | Play::Prototype(_) | Play::First(_) => return None,
        _ => stage.prototype().await,
    };
    if let Some(skipped) = unjudged(ordinary, &stage.kit) {
        return Some(skipped);
    }
    let see = "the ordinary call is not answered: see answer-valid";
    let lost = match play {
        Play::Refused(_) | Play::Rejected(_) => ordinary.status == 0 || is_refusal(ordinary),
        _ => work(ordinary, &stage.kit).is_none(),
    };
    lost.then(|| Verdict::Skipped(see.to_owned()))
}
