//! Agents, and the way to them.

use crate::dice::Dice;
use crate::world::{Act, BEAT, Brought, Character, World};
use async_trait::async_trait;
use chrono::TimeDelta;
use gavel_dispatcher::transport::{FailureKind, Method, Reply, Request, SendFailure, Transport};
use gavel_domain::agent::ExecutionMode;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::limits::SENDS_MAX;
use gavel_domain::{Clock, Timestamp};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Network {
    pub(crate) world: World,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What becomes of one send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    Garbage,
    Status(u16),
    Hangs,
    NeverArrives,
    AnswerLost,
}

/// Longer than any call of this world may take.
const TOO_LONG: u64 = 30_000;

/// An asynchronous agent says soon that it has the brief.
const ACKNOWLEDGES_WITHIN: TimeDelta = TimeDelta::milliseconds(1_500);

/// What every agent of this world needs that is not late on purpose. A call that a busy database holds up leaves with
/// less, and is charged all the same: that is known, and not looked for here.
pub(crate) const ENOUGH: TimeDelta = TimeDelta::milliseconds(3_800);

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> Result<Reply, SendFailure> {
        let world = &self.world;
        if world.state().dead {
            std::future::pending::<()>().await;
        }
        if request.method == Method::Get {
            return Ok(Reply { status: 200, body: r#"{"status":"ok"}"#.into(), ..Reply::default() });
        }
        let slug = request.url.rsplit('/').next().unwrap_or_default().to_owned();
        let name = header(&request, "webhook-id");
        let left = self.time_left(&request);
        let (character, fate, pause) = self.fate(&slug, &name, left);
        world.trace(format!("{slug} is sent {name}: {fate:?} after {pause} ms"));
        if left < ENOUGH {
            world.excuse(&name);
        }
        if character.mode == ExecutionMode::Async
            && matches!(fate, Fate::Good | Fate::AnswerLost | Fate::Garbage)
        {
            brings(world, &name, character, left);
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        answer(character.mode, fate)
    }
}

impl Network {
    fn time_left(&self, request: &Request) -> TimeDelta {
        let deadline: Option<Timestamp> = header(request, "gavel-deadline").parse().ok();
        deadline.map_or(TimeDelta::zero(), |deadline| deadline - self.clock.now())
    }

    fn fate(&self, slug: &str, name: &str, left: TimeDelta) -> (Character, Fate, u64) {
        self.world.count("sends");
        let sends = {
            let mut state = self.world.state();
            let sends = state.sends.entry(name.to_owned()).or_default();
            *sends += 1;
            *sends
        };
        if sends > SENDS_MAX {
            self.world.wrong(format!("{name} left {sends} times"));
        }
        let mut state = self.world.state();
        let character = state.agents[slug];
        let network = if state.faulty { state.rates.network } else { 0 };
        let fate = fate(&mut state.dice, network, character.good);
        let late = fate == Fate::Good && state.dice.happens(50);
        let works_for = match character.mode {
            ExecutionMode::Sync => left / 2,
            ExecutionMode::Async | ExecutionMode::Pull => ACKNOWLEDGES_WITHIN,
        };
        let beats = u64::try_from(works_for.num_milliseconds()).unwrap_or(0) / BEAT;
        let pause = if fate == Fate::Hangs || late { TOO_LONG } else { state.dice.below(beats) * BEAT };
        if fate != Fate::Good || late {
            state.excused.insert(name.to_owned());
        }
        (character, fate, pause)
    }
}

fn fate(dice: &mut Dice, network: u64, good: u64) -> Fate {
    if dice.happens(network) {
        return dice.one_of(&[Fate::NeverArrives, Fate::AnswerLost]);
    }
    if dice.happens(good) {
        return Fate::Good;
    }
    let bad = [422, 429, 500, 503].map(Fate::Status);
    dice.one_of(&[Fate::Garbage, bad[0], bad[1], bad[2], bad[3], Fate::Hangs])
}

fn header(request: &Request, name: &str) -> String {
    let found = request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// An agent that works beside: it brings its result soon, late, at the last moment or never, sometimes twice, sometimes
/// two of them.
fn brings(world: &World, name: &str, character: Character, left: TimeDelta) {
    let Ok(key) = name.parse::<ExchangeKey>() else { return world.wrong(format!("{name} is no webhook-id")) };
    let last_moments = world.state().rates.last_moments;
    let (good, late, last_moment) =
        world.dice(|dice| (dice.happens(character.good), dice.happens(150), dice.happens(last_moments)));
    let (again, other, dear) = world.dice(|dice| (dice.happens(300), dice.happens(300), dice.happens(100)));
    let price = if dear { 2600 } else { 2000 };
    let result = |message: &str, good| {
        Act::Bring(Brought { key, message: format!("{name}:{message}"), good, price, tries: 0 })
    };
    if !good || late || last_moment || dear {
        world.excuse(name);
    }
    if last_moment {
        return at_the_last_moment(world, left, result("a", good));
    }
    let (least, most) = if late { (2_500, 9_000) } else { (100, 2_000) };
    let within = |most| Duration::from_millis(world.dice(|dice| dice.between(least, most)));
    world.plan(within(most), result("a", good));
    if again {
        world.plan(within(most * 2), result("a", good));
    }
    if other {
        world.plan(within(most * 2), result("b", true));
    }
}

/// A few milliseconds before there is no time left. Who does that takes the risk that we write it down too late.
pub(crate) fn at_the_last_moment(world: &World, left: TimeDelta, act: Act) {
    let left = u64::try_from(left.num_milliseconds()).unwrap_or(0);
    let before = world.dice(|dice| dice.below(40));
    world.plan_at(world.millis() + left.saturating_sub(before), act);
}

fn answer(mode: ExecutionMode, fate: Fate) -> Result<Reply, SendFailure> {
    match fate {
        Fate::Good if mode == ExecutionMode::Async => Ok(Reply { status: 202, ..Reply::default() }),
        Fate::Good => {
            let body = serde_json::json!({ "full_text": WORK, "summary": "A finished guide." });
            Ok(Reply { status: 200, body: body.to_string().into(), ..Reply::default() })
        }
        Fate::Garbage => Ok(Reply { status: 200, body: "<html>".into(), ..Reply::default() }),
        Fate::Status(status) => Ok(Reply { status, ..Reply::default() }),
        Fate::Hangs => Err(SendFailure::new(FailureKind::Timeout, "hung")),
        Fate::NeverArrives => Err(SendFailure::new(FailureKind::Connect, "nothing listens there")),
        Fate::AnswerLost => Err(SendFailure::new(FailureKind::NoResponse, "the connection was closed")),
    }
}

/// What agents write.
pub(crate) const WORK: &str = "A unit test checks one small thing. Write it first, see it fail, then make it pass. \
    Name it after what it shows. Keep it fast, so that it is run often.";
