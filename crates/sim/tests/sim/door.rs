//! The door: what the API does with callbacks and workers, as far as the store sees it.

use crate::agents::{ENOUGH, WORK, at_the_last_moment};
use crate::buyers::BUDGET;
use crate::fairness;
use crate::life::Gavel;
use crate::world::{Act, Brought, Mistake, World};
use chrono::TimeDelta;
use gavel_domain::exchange::{Arrived, Taken};
use gavel_domain::invitation::{Answer, Outcome};
use gavel_domain::{AttemptId, BidId, Money, Timestamp};
use gavel_store::pull::{Fetched, Worker};
use std::time::Duration;

/// So often an agent brings the same again when nothing was answered.
const TRIES_MAX: u32 = 6;

pub(crate) async fn bring(gavel: &Gavel, brought: Brought) {
    let world = &gavel.world;
    world.state().at_the_door.insert(brought.message.clone(), brought.clone());
    let answered = take(gavel, &brought).await;
    world.state().at_the_door.remove(&brought.message);
    world.trace(format!("{} is brought: {answered:?}", brought.message));
    match answered {
        Some((Taken::Accepted, outcome)) => {
            world.count("results taken at the door");
            world.state().taken.push((brought.key, outcome));
        }
        Some(_) => {}
        None => {
            // We had no ear for it; when it comes again it may be late. Nobody could tell whose fault that is.
            world.excuse(brought.key);
            again(world, brought);
        }
    }
}

fn again(world: &World, brought: Brought) {
    if brought.tries < TRIES_MAX {
        let again = Brought { tries: brought.tries + 1, ..brought };
        world.plan(Duration::from_millis(800), Act::Bring(again));
    }
}

/// A process has died and another starts: what found no ear meanwhile is brought again. Whose time has ended must not
/// be charged; who has some left may come too late all the same, and that is charged.
pub(crate) async fn nobody_was_there(gavel: &Gavel) {
    for brought in gavel.world.goes_on() {
        let dispatch = gavel.store.dispatch(brought.key).await.unwrap();
        let exchange = dispatch.and_then(|dispatch| dispatch.exchange);
        if exchange.is_some_and(|exchange| exchange.deadline_at > gavel.clock.now()) {
            gavel.world.excuse(brought.key);
        }
        again(&gavel.world, brought);
    }
    if std::mem::take(&mut gavel.world.state().fetching) > 0 {
        fairness::excuse_workers(gavel).await;
    }
}

/// `None`: the agent was answered that we are busy, or nothing.
async fn take(gavel: &Gavel, brought: &Brought) -> Option<(Taken, Outcome)> {
    let now = gavel.clock.now();
    let dispatch = gavel.store.dispatch(brought.key).await.ok()??;
    let arrived = arrived(gavel, brought, now);
    let (bid, until) = (BidId::new(now, &*gavel.chance), now + gavel.settings.timers.answer_window);
    let taken = gavel.store.take_result(&dispatch, brought.key, &arrived, bid, until).await.ok()?;
    Some((taken, arrived.outcome))
}

fn arrived(gavel: &Gavel, brought: &Brought, at: Timestamp) -> Arrived {
    let any_price = gavel.world.mistake == Some(Mistake::AnyPriceIsTaken);
    let valid = brought.good && (brought.price <= BUDGET || any_price);
    let outcome = if valid { Outcome::Valid } else { Outcome::InvalidResponse };
    let answer = valid.then(|| Answer {
        full_text: WORK.to_owned(),
        summary: "A finished guide.".to_owned(),
        message: None,
        artifacts: Vec::new(),
        token_usage: None,
        price: Money::from_minor(brought.price),
    });
    Arrived {
        message_id: brought.message.clone(),
        lease: None,
        outcome,
        code: outcome.name().to_owned(),
        answer,
        warnings: Vec::new(),
        error_body: None,
        at,
    }
}

/// A worker asks for briefs.
pub(crate) async fn fetch(gavel: &Gavel) {
    let now = gavel.clock.now();
    let worker = Worker { developer: gavel.developer, test: false, agent: None };
    let fresh = || AttemptId::new(now, &*gavel.chance);
    let lease = gavel.settings.timers.pull_lease;
    gavel.world.state().fetching += 1;
    let fetched = gavel.store.fetch(&worker, (4, lease), now, fresh).await;
    gavel.world.state().fetching -= 1;
    match fetched {
        Ok(fetched) => fetched.iter().for_each(|fetched| works(gavel, fetched)),
        // It may have a brief that it never heard of; its lease ends, and perhaps its time with it.
        Err(_) => fairness::excuse_workers(gavel).await,
    }
}

/// It brings the result later, at the last moment or never: then its lease ends.
fn works(gavel: &Gavel, fetched: &Fetched) {
    let world = &gavel.world;
    world.count("fetches");
    world.trace(format!("{} fetches {} under lease {}", fetched.agent, fetched.key, fetched.lease));
    let character = world.state().agents[&fetched.agent];
    let last_moments = world.state().rates.last_moments;
    let (forgets, good, last_moment) =
        world.dice(|dice| (dice.happens(200), dice.happens(character.good), dice.happens(last_moments)));
    let left = fetched.deadline_at - gavel.clock.now();
    if forgets || !good || last_moment || left < ENOUGH {
        world.excuse(fetched.key);
    }
    let message = format!("{}:{}", fetched.key, fetched.lease);
    let result = Act::Bring(Brought { key: fetched.key, message, good, price: 2000, tries: 0 });
    if last_moment && left > TimeDelta::zero() {
        at_the_last_moment(world, left, result);
    } else if !forgets {
        world.plan(Duration::from_millis(world.dice(|dice| dice.between(100, 2_000))), result);
    }
}
