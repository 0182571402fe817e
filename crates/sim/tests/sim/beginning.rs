//! How a world begins: an empty database, agents, buyers with their plans, and what will strike.

use crate::dice::Dice;
use crate::life::Gavel;
use crate::world::{Act, Character, Mistake, World};
use chrono::TimeDelta;
use gavel_domain::account::Developer;
use gavel_domain::agent::{Agent, ExecutionMode, Visibility};
use gavel_domain::policy::{MoneyMode, MoneyPolicy, Silence, Timers};
use gavel_domain::recovery::Recovery;
use gavel_domain::{AccountId, AgentId, BasisPoints, Chance, Clock, Currency, DeveloperId, Money};
use gavel_orchestrator::{Settings, probes};
use gavel_store::Store;
use gavel_store::faults::Planted;
use gavel_testkit::SeededChance;
use gavel_vault::{
    Vault, agent_secret_context, developer_key_context, new_developer_key, new_signing_secret,
};
use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn begin(world: &World, seed: u64) -> Gavel {
    let clock: Arc<dyn Clock> = Arc::new(world.time.steady());
    let chance: Arc<dyn Chance> = Arc::new(SeededChance::new(seed ^ 0x5EED));
    let store = empty_store().await;
    for statement in sabotages(world.mistake) {
        store.sabotage(statement).await.unwrap();
    }
    let now = clock.now();
    let buyer = store.ensure_account("buyer", AccountId::new(now, &*chance), now).await.unwrap();
    let owner = store.ensure_account("owner", AccountId::new(now, &*chance), now).await.unwrap();
    let vault = Arc::new(Vault::from_key([7; 32]));
    let id = DeveloperId::new(now, &*chance);
    let developer = Developer { id, account: owner, name: "dev".to_owned(), created_at: now };
    let key = vault.seal(new_developer_key(&*chance).expose(), &developer_key_context(id), &*chance);
    store.add_developer(&developer, &key).await.unwrap();
    let settings = settings(world);
    let gavel = Gavel { world: world.clone(), store, clock, chance, vault, settings, buyer, developer: id };
    let (agents, at_the_door) = world.dice(|dice| (dice.between(2, 6), dice.happens(400)));
    for number in 0..agents {
        register(&gavel, number, mode(world, at_the_door)).await;
    }
    plans(world);
    gavel
}

/// Migrations take longer than many a life: each thread runs them once.
async fn empty_store() -> Store {
    thread_local! {
        static EMPTY: OnceCell<Vec<u8>> = const { OnceCell::new() };
    }
    if EMPTY.with(|empty| empty.get().is_none()) {
        let migrated = Store::open("sqlite::memory:").await.unwrap();
        let image = migrated.image().await.unwrap();
        EMPTY.with(|empty| empty.set(image)).unwrap();
    }
    EMPTY.with(|empty| Store::of_image(empty.get().unwrap())).unwrap()
}

/// The database refuses what some mistakes would do; for them it is told not to.
fn sabotages(mistake: Option<Mistake>) -> &'static [&'static str] {
    match mistake {
        Some(Mistake::Product(Planted::SecondWinner)) => &[
            "DROP TRIGGER bids_have_one_winner",
            "DROP INDEX bids_one_winner",
            "INSERT OR IGNORE INTO transitions (from_state, to_state) VALUES ('delivering', 'accepted')",
        ],
        Some(Mistake::Product(Planted::PaidTwice)) => {
            &["DROP TRIGGER transfers_are_not_replaced", "DROP INDEX transfers_settle_once"]
        }
        Some(Mistake::Product(Planted::OutcomeReplaced)) => {
            &["DROP TRIGGER invitations_end_once", "DROP TRIGGER exchanges_end_once"]
        }
        Some(Mistake::Product(Planted::SecondAnswer)) => &[
            "DROP TRIGGER invitations_end_once",
            "DROP TRIGGER exchanges_end_once",
            "DROP TRIGGER bids_stay",
        ],
        Some(Mistake::AnyPriceIsTaken) => &["DROP TRIGGER bids_keep_to_the_budget"],
        _ => &[],
    }
}

fn plans(world: &World) {
    for task in 0..world.dice(|dice| dice.between(1, 4)) {
        let after = world.dice(|dice| dice.below(8_000));
        world.state().tasks.push(Default::default());
        world.plan(Duration::from_millis(after), Act::Post(usize::try_from(task).unwrap()));
    }
    if world.state().agents.values().any(|agent| agent.mode == ExecutionMode::Pull) {
        world.plan(Duration::from_millis(500), Act::Fetch);
    }
    strikes(world, |dice| Act::SetClock(dice.one_of(&[-40, -5, 4, 5, 40, 90])));
    strikes_in(world, &[0, 1, 2, 4], |dice| {
        Act::StandStill(Duration::from_millis(dice.one_of(&[700, 3_500, 6_000, 12_000, 45_000])))
    });
    strikes(world, |dice| Act::LoseDatabase(Duration::from_millis(dice.one_of(&[1_500, 4_000, 12_000]))));
    strikes(world, |_| Act::Kill);
}

/// Never, once or twice in a life.
fn strikes(world: &World, act: impl Fn(&mut Dice) -> Act) {
    strikes_in(world, &[0, 0, 1, 2], act);
}

/// One of so many times in a life.
fn strikes_in(world: &World, times: &[u64], act: impl Fn(&mut Dice) -> Act) {
    for _ in 0..world.dice(|dice| dice.one_of(times)) {
        let (after, act) = world.dice(|dice| (dice.below(20_000), act(dice)));
        world.plan(Duration::from_millis(after), act);
    }
}

/// In some worlds everything comes to our door.
fn mode(world: &World, at_the_door: bool) -> ExecutionMode {
    use ExecutionMode::{Async, Pull, Sync};
    let modes = if at_the_door { [Async, Async, Async, Pull] } else { [Sync, Sync, Async, Pull] };
    world.dice(|dice| dice.one_of(&modes))
}

async fn register(gavel: &Gavel, number: u64, mode: ExecutionMode) {
    let (now, chance) = (gavel.clock.now(), &*gavel.chance);
    let good = gavel.world.dice(|dice| dice.between(500, 950));
    let (id, slug) = (AgentId::new(now, chance), format!("agent-{number}"));
    let agent = Agent {
        id,
        draw_number: number * 7919 + 1,
        developer: gavel.developer,
        test: false,
        name: slug.clone(),
        slug: slug.clone(),
        description: String::new(),
        capabilities: vec!["content-writing".to_owned()],
        specialist_task_types: vec![],
        framework: None,
        model: None,
        endpoint_url: match mode {
            ExecutionMode::Pull => String::new(),
            _ => format!("https://agents.example.com/{slug}"),
        },
        execution_mode: mode,
        max_concurrency: u32::try_from(gavel.world.dice(|dice| dice.between(1, 3))).unwrap(),
        min_price: Money::ZERO,
        active: true,
        visibility: Visibility::Live,
        paused: false,
        health: Default::default(),
        created_at: now,
        activated_at: Some(now),
    };
    let secret = new_signing_secret(chance);
    let sealed = gavel.vault.seal(secret.expose(), &agent_secret_context(id), chance);
    gavel.store.add_agent(&agent, &sealed).await.unwrap();
    gavel.world.state().agents.insert(slug, Character { mode, good });
}

/// In some worlds calls end with their phase, in others a lease is shorter than a call.
fn settings(world: &World) -> Settings {
    let seconds = TimeDelta::seconds;
    let lease = world.dice(|dice| dice.one_of(&[30, 3, 3, 5]));
    Settings {
        owner: "simulated".to_owned(),
        lease: seconds(lease),
        drain: Duration::from_secs(2),
        tasks_at_once: 4,
        recovery: Recovery::default(),
        timers: timers(world),
        money: MoneyPolicy {
            mode: world.dice(|dice| dice.one_of(&[MoneyMode::Ledger, MoneyMode::Ledger, MoneyMode::Off])),
            fee: BasisPoints(1500),
            settlement: TimeDelta::days(2),
            budget_min: Money::from_minor(300),
            budget_max: Money::from_minor(50_000),
        },
        currency: Currency::new("USD").unwrap(),
        agents_min: 1,
        busy_wait: seconds(8),
        forced_seed: None,
        rubrics: gavel_judge::Rubrics::default(),
        benchmark: Default::default(),
        user_agent: "Gavel".to_owned(),
        public_url: "https://gavel.example.com".to_owned(),
        alarms: Default::default(),
        retention: Default::default(),
        health: probes::Settings::default(),
        webhooks: Default::default(),
    }
}

fn timers(world: &World) -> Timers {
    let seconds = TimeDelta::seconds;
    let (call, phase) = world.dice(|dice| dice.one_of(&[(4, 6), (4, 6), (8, 6), (10, 14)]));
    Timers {
        phase: seconds(phase),
        prototype_call: seconds(call),
        final_call: seconds(call),
        prototype_call_by_category: Default::default(),
        final_call_by_category: Default::default(),
        review_window: seconds(8),
        answer_window: seconds(6),
        on_silence: world.dice(|dice| dice.one_of(&[Silence::Approve, Silence::Expire])),
        async_call: seconds(call),
        acknowledge: seconds(2),
        pull_lease: seconds(2),
        revisions_max: 2,
    }
}
