//! Buyers: they post, look, choose, change their minds, and sometimes do two things at once.

use crate::life::Gavel;
use crate::world::{Act, Known};
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::event::Actor;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::policy::MoneyMode;
use gavel_domain::task::{Brief, ClosePolicy, Task, Wishes};
use gavel_domain::{BidId, DeliveryId, Money, TaskId, TransferId};
use gavel_store::choices::Revision;
use gavel_store::ledger::Settlement;
use std::time::Duration;

/// What a task of these worlds may cost.
pub(crate) const BUDGET: i64 = 2500;

pub(crate) async fn post(gavel: &Gavel, number: usize) {
    let (now, world) = (gavel.clock.now(), &gavel.world);
    let close = world.dice(|dice| {
        use ClosePolicy::{All, BuyerStop, Deadline, FirstK};
        dice.one_of(&[All, All, FirstK(1), FirstK(1), FirstK(2), Deadline, BuyerStop])
    });
    let task = Task {
        id: TaskId::new(now, &*gavel.chance),
        account: gavel.buyer,
        test: false,
        brief: Brief {
            title: "A guide to unit tests".to_owned(),
            description: "Write a guide to unit tests.".to_owned(),
            category: "content-writing".to_owned(),
            task_type: "blog-post".to_owned(),
            ..Brief::default()
        },
        budget: Money::from_minor(BUDGET),
        wishes: Wishes { close, experimentation_milli: 300, ..Wishes::default() },
        metadata: None,
        round: 1,
        state: TaskState::Open,
        reason: None,
        under_supplied: false,
        created_at: now,
        expires_at: None,
    };
    let posts = Known { id: Some(task.id), is_posting: true, ..Known::default() };
    world.state().tasks[number] = posts;
    world.plan(Duration::from_millis(700), Act::Look(number));
    world.trace(format!("task {number} is {}", task.id));
    let done = gavel.store.create_task(&task).await;
    world.trace(format!("task {number} is posted: {done:?}"));
    let known = &mut world.state().tasks[number];
    (known.posted, known.is_posting) = (done.is_ok(), false);
}

pub(crate) async fn look(gavel: &Gavel, number: usize) {
    let world = &gavel.world;
    let Some(id) = world.state().tasks[number].id else { return };
    let Ok(task) = gavel.store.task(id).await else { return };
    if task.is_none() && !world.state().tasks[number].posted {
        let is_posting = world.state().tasks[number].is_posting;
        let again = if is_posting { Act::Look(number) } else { Act::Post(number) }; // nothing came of it
        world.plan(Duration::from_millis(500), again);
    }
    let state = task.as_ref().map(|task| task.state);
    if task.as_ref().is_some_and(|task| waits(gavel, number, task)) {
        return;
    }
    if state.is_some_and(|state| !state.is_final()) && world.time.passed() < Duration::from_secs(60) {
        world.plan(Duration::from_millis(world.dice(|dice| dice.between(200, 2_500))), Act::Look(number));
    }
    match state {
        Some(TaskState::Open | TaskState::Matching) if happens(gavel, 60) => spawn_cancel(gavel, number, id),
        Some(TaskState::Prototyping) => choose(gavel, number, id, 250, 40).await,
        Some(TaskState::Review) => choose(gavel, number, id, 600, 60).await,
        Some(TaskState::Accepted) if happens(gavel, 500) => choose(gavel, number, id, 1000, 100).await,
        Some(TaskState::Delivering) => answer(gavel, number, id).await,
        Some(TaskState::Completed | TaskState::Cancelled | TaskState::Expired) if happens(gavel, 300) => {
            spawn_cancel(gavel, number, id);
        }
        _ => {}
    }
}

/// Some wait until their time is nearly over, or just over, and decide then.
fn waits(gavel: &Gavel, number: usize, task: &Task) -> bool {
    let left = task.expires_at.map_or(0, |until| (until - gavel.clock.now()).num_milliseconds());
    let rate = gavel.world.state().rates.buyers_wait;
    if left <= 0 || !happens(gavel, rate) {
        return false;
    }
    let (now, left) = (gavel.world.millis(), left.unsigned_abs());
    let at = now + left + gavel.world.dice(|dice| dice.below(60));
    gavel.world.plan_at(at.saturating_sub(30).max(now), Act::Decide(number));
    gavel.world.plan(Duration::from_millis(left + 1_000), Act::Look(number));
    true
}

/// Who waited that long does something.
pub(crate) async fn decide(gavel: &Gavel, number: usize) {
    let Some(id) = gavel.world.state().tasks[number].id else { return };
    let Ok(Some(task)) = gavel.store.task(id).await else { return };
    match task.state {
        TaskState::Prototyping | TaskState::Review => choose(gavel, number, id, 900, 100).await,
        TaskState::Delivering if happens(gavel, 500) => spawn_revision(gavel, number, id),
        TaskState::Delivering => spawn_approve(gavel, number, id),
        _ => {}
    }
}

fn happens(gavel: &Gavel, permille: u64) -> bool {
    gavel.world.dice(|dice| dice.happens(permille))
}

/// Selects so often, sometimes two bids at once, and cancels so often.
async fn choose(gavel: &Gavel, number: usize, task: TaskId, selects: u64, cancels: u64) {
    let bids: Vec<BidId> = match gavel.store.gallery(task).await {
        Ok(gallery) => gallery.iter().map(|shown| shown.bid.id).collect(),
        Err(_) => return,
    };
    if !bids.is_empty() && happens(gavel, selects) {
        let twice = happens(gavel, 300);
        for _ in 0..=usize::from(twice) {
            let bid = gavel.world.dice(|dice| dice.one_of(&bids));
            spawn_select(gavel, number, task, bid);
        }
    }
    if happens(gavel, cancels) {
        spawn_cancel(gavel, number, task);
    }
}

async fn answer(gavel: &Gavel, number: usize, task: TaskId) {
    let delivery = gavel.store.latest_delivery(task).await.ok().flatten();
    let ready = delivery.is_some_and(|delivery| delivery.status == DeliveryStatus::Ready);
    if !ready && !happens(gavel, 100) {
        return;
    }
    if happens(gavel, 350) {
        spawn_approve(gavel, number, task);
        if happens(gavel, 300) {
            spawn_approve(gavel, number, task);
        }
    }
    if happens(gavel, 200) {
        spawn_revision(gavel, number, task);
    }
    if happens(gavel, 150) {
        spawn_cancel(gavel, number, task);
    }
    if happens(gavel, 100) {
        choose(gavel, number, task, 1000, 0).await;
    }
}

fn spawn_select(gavel: &Gavel, number: usize, task: TaskId, bid: BidId) {
    let gavel = gavel.clone();
    tokio::spawn(async move {
        let done = gavel.store.select(task, bid, gavel.clock.now()).await;
        told(&gavel, number, &format!("selects {bid}"), &done);
        if matches!(done, Ok(Ok(_))) {
            gavel.world.count("selections");
            gavel.world.state().tasks[number].selected.push(bid);
        }
    });
}

fn spawn_cancel(gavel: &Gavel, number: usize, task: TaskId) {
    let gavel = gavel.clone();
    tokio::spawn(async move {
        let done = gavel.store.cancel(task, Actor::Buyer, "changed_mind", gavel.clock.now()).await;
        told(&gavel, number, "cancels", &done);
        if matches!(done, Ok(Ok(_))) {
            gavel.world.count("cancels");
            gavel.world.state().tasks[number].cancelled = true;
        }
    });
}

fn spawn_approve(gavel: &Gavel, number: usize, task: TaskId) {
    let gavel = gavel.clone();
    tokio::spawn(async move {
        let now = gavel.clock.now();
        let settle = Settlement {
            currency: "USD".to_owned(),
            fee: gavel.settings.money.fee,
            id: TransferId::new(now, &*gavel.chance),
        };
        let settle = (gavel.settings.money.mode == MoneyMode::Ledger).then_some(settle);
        let done = gavel.store.approve(task, settle.as_ref(), now).await;
        told(&gavel, number, "approves", &done);
        if matches!(done, Ok(Ok(_))) {
            gavel.world.count("approvals");
            gavel.world.state().tasks[number].approved = true;
        }
    });
}

fn spawn_revision(gavel: &Gavel, number: usize, task: TaskId) {
    let gavel = gavel.clone();
    tokio::spawn(async move {
        let now = gavel.clock.now();
        let wish = Revision {
            id: DeliveryId::new(now, &*gavel.chance),
            notes: "Shorter, please.".to_owned(),
            deadline_at: now + gavel.settings.timers.final_call,
        };
        let most = gavel.settings.timers.revisions_max;
        let done = gavel.store.request_revision(task, wish, most, now).await;
        told(&gavel, number, "wants changes", &done);
        if matches!(done, Ok(Ok(_))) {
            gavel.world.count("revisions");
        }
    });
}

fn told<T, R: std::fmt::Display, E: std::fmt::Display>(
    gavel: &Gavel,
    number: usize,
    what: &str,
    done: &Result<Result<T, R>, E>,
) {
    let answer = match done {
        Ok(Ok(_)) => "done".to_owned(),
        Ok(Err(refused)) => refused.to_string(),
        Err(error) => format!("failed: {error}"),
    };
    gavel.world.trace(format!("the buyer of task {number} {what}: {answer}"));
}
