//! Buyers' endpoints that take, fail, hang and come back, through the real loop.

use crate::world::{Running, World, wait};
use async_trait::async_trait;
use chrono::TimeDelta;
use gavel_contract::signature::{Secret, verify_hex, verify_webhook};
use gavel_dispatcher::transport::{Reply, Request, SendFailure, Transport};
use gavel_domain::event::Actor;
use gavel_domain::task::Routing;
use gavel_domain::webhook::{SecretVersion, Subscription, event_id};
use gavel_domain::{AccountId, Clock, SubscriptionId, TaskId};
use gavel_orchestrator::retention;
use gavel_orchestrator::webhooks::{self, Caps};
use gavel_store::webhooks::log::LoggedWebhook;
use gavel_testkit::ManualClock;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What endpoints answer by their host, or by their path where it is not the usual one, and what they were sent.
#[derive(Default)]
struct Hooks {
    answers: Mutex<HashMap<String, Answer>>,
    sent: Mutex<Vec<(Instant, Request)>>,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Answer {
    Status(u16, Option<&'static str>),
    Hangs,
}

/// Counts a request as open until it is answered or dropped.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Transport for Hooks {
    async fn send(&self, request: Request) -> Result<Reply, SendFailure> {
        let answer = self.answer(kind(&request.url));
        self.sent.lock().unwrap().push((Instant::now(), request));
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_open.fetch_max(open, Ordering::SeqCst);
        let _open = Open(&self.open);
        match answer {
            Answer::Status(status, retry_after) => {
                tokio::time::sleep(Duration::from_millis(2)).await;
                let retry_after = retry_after.map(str::to_owned);
                Ok(Reply { status, retry_after, body: "said".into(), ..Reply::default() })
            }
            Answer::Hangs => std::future::pending().await,
        }
    }
}

/// Hosts of one name are told apart by what stands before the first hyphen.
fn kind(url: &str) -> &str {
    match url.rsplit('/').next().unwrap() {
        "hook" => url.split(['/', '-', '.']).nth(2).unwrap(),
        path => path,
    }
}

fn host(request: &Request) -> &str {
    request.url.split('/').nth(2).unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap()
}

impl Hooks {
    fn answer(&self, kind: &str) -> Answer {
        let answers = self.answers.lock().unwrap();
        answers.get(kind).copied().unwrap_or(Answer::Status(200, None))
    }

    fn says(&self, kind: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(kind.to_owned(), answer);
    }

    fn sent_to(&self, to: &str) -> Vec<Request> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|(_, request)| host(request) == to).map(|(_, request)| request.clone()).collect()
    }
}

/// A world whose buyers are told.
struct Office {
    world: World,
    clock: Option<Arc<ManualClock>>,
    hooks: Arc<Hooks>,
}

impl Office {
    /// Under a clock that stands still.
    async fn new() -> Office {
        let clock = Arc::new(ManualClock::new());
        Self::with(webhooks::Settings::default(), Some(clock)).await
    }

    async fn with(settings: webhooks::Settings, clock: Option<Arc<ManualClock>>) -> Office {
        let (mut world, hooks) = (World::new().await, Arc::new(Hooks::default()));
        let context = Arc::get_mut(&mut world.context).expect("nobody else has it yet");
        context.transport = Arc::clone(&hooks) as Arc<dyn Transport>;
        context.settings.webhooks = settings;
        if let Some(clock) = &clock {
            context.clock = Arc::clone(clock) as Arc<dyn Clock>;
        }
        Office { world, clock, hooks }
    }

    fn open(&self) -> Running {
        let stop = CancellationToken::new();
        Running::start(stop.clone(), webhooks::run(Arc::clone(&self.world.context), stop))
    }

    async fn account(&self, name: &str) -> AccountId {
        let (context, now) = (&self.world.context, self.world.now());
        context.store.ensure_account(name, AccountId::new(now, &*context.chance), now).await.unwrap()
    }

    async fn subscription(&self, account: AccountId, host: &str) -> Subscription {
        self.subscription_at(account, host, "hook").await
    }

    async fn subscription_at(&self, account: AccountId, host: &str, path: &str) -> Subscription {
        let (context, now) = (&self.world.context, self.world.now());
        let new = Subscription {
            id: SubscriptionId::new(now, &*context.chance),
            account,
            test: false,
            url: format!("https://{host}/{path}"),
            host: host.to_owned(),
            topics: None,
            description: None,
            secret: SecretVersion::FIRST,
            created_at: now,
            endpoint: Default::default(),
            disabled: None,
        };
        context.store.add_subscription(&new).await.unwrap().unwrap();
        new
    }

    /// One event to be told of.
    async fn event(&self, account: AccountId) -> TaskId {
        let task = self.world.post_for(account, Routing::default()).await;
        self.world.context.store.cancel(task, Actor::Buyer, "x", self.world.now()).await.unwrap().unwrap();
        task
    }

    async fn until_sent(&self, host: &str, times: usize) {
        wait(&format!("{host} was told {times} times"), async || self.hooks.sent_to(host).len() >= times)
            .await;
    }

    /// How often this very address was told something.
    fn told(&self, url: &str) -> usize {
        self.hooks.sent.lock().unwrap().iter().filter(|(_, request)| request.url == url).count()
    }

    async fn log(&self, subscription: &Subscription) -> Vec<LoggedWebhook> {
        self.world.context.store.webhook_log(subscription.id, None, 1000).await.unwrap()
    }

    async fn until_state(&self, subscription: &Subscription, state: &str) {
        let all = async || {
            let log = self.log(subscription).await;
            !log.is_empty() && log.iter().all(|logged| logged.state == state)
        };
        wait(&format!("all of {} is {state}", subscription.host), all).await;
    }

    fn later(&self, by: TimeDelta) {
        self.clock.as_ref().expect("a clock that is moved by hand").advance(by);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_try_carries_the_same_ids_and_body_and_a_fresh_signature() {
    let office = Office::new().await;
    let buyer = office.account("shop").await;
    let subscription = office.subscription(buyer, "shop.example.com").await;
    office.hooks.says("shop", Answer::Status(500, None));
    let open = office.open();
    let task = office.event(buyer).await;
    for tries in 1..=3 {
        office.until_sent("shop.example.com", tries).await;
        wait("the try is recorded", async || {
            office.log(&subscription).await[0].attempts[0].ended_at.is_some()
        })
        .await;
        if tries == 2 {
            office.hooks.says("shop", Answer::Status(204, None));
        }
        office.later(TimeDelta::seconds(361)); // both waits are over
    }
    office.until_state(&subscription, "delivered").await;
    let sent = office.hooks.sent_to("shop.example.com");
    assert_eq!(sent.len(), 3);
    let all = |name: &str| sent.iter().map(|request| header(request, name)).collect::<BTreeSet<_>>();
    assert_eq!(all("webhook-id"), BTreeSet::from([event_id(task, 2).as_str()]));
    assert_eq!((all("X-AITasker-Delivery-Id").len(), all("webhook-timestamp").len()), (1, 3));
    assert_eq!(sent.iter().map(|request| request.body.clone()).collect::<BTreeSet<_>>().len(), 1);
    let secret = office.world.context.vault.webhook_secret(subscription.id, 1);
    let held = [Secret::parse(secret.expose()).unwrap()];
    for request in &sent {
        let now = header(request, "webhook-timestamp").parse().unwrap();
        assert!(verify_webhook(&held, &request.headers, &request.body, now).is_some());
        let hex = header(request, "X-AITasker-Signature");
        assert!(verify_hex(&[secret.expose().as_bytes()], &request.body, hex));
    }
    let tries: Vec<_> = office.log(&subscription).await[0].attempts.iter().map(|a| a.status).collect();
    assert_eq!(tries, [Some(204), Some(500), Some(500)]);
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_both_secrets_sign_until_the_new_one_is_current() {
    let office = Office::new().await;
    let buyer = office.account("shop").await;
    let subscription = office.subscription(buyer, "shop.example.com").await;
    let (store, now) = (&office.world.context.store, office.world.now());
    let promotes_at = now + TimeDelta::hours(24);
    store.rotate_webhook_secret(subscription.id, promotes_at, now).await.unwrap().unwrap();
    let open = office.open();
    let versions = async |sent: usize| {
        office.event(buyer).await;
        office.until_sent("shop.example.com", sent).await;
        let request = office.hooks.sent_to("shop.example.com").pop().unwrap();
        let now = header(&request, "webhook-timestamp").parse().unwrap();
        let fits = |version: &u32| {
            let secret = office.world.context.vault.webhook_secret(subscription.id, *version);
            let held = [Secret::parse(secret.expose()).unwrap()];
            verify_webhook(&held, &request.headers, &request.body, now).is_some()
        };
        (1..=3).filter(fits).collect::<Vec<_>>()
    };
    assert_eq!(versions(1).await, [1, 2]);
    office.later(TimeDelta::hours(24));
    assert_eq!(versions(2).await, [2]);
    open.stop().await;
}

/// A delivery whose endpoint has it and says nothing.
async fn under_way() -> (Office, AccountId, Subscription, Running) {
    let office = Office::new().await;
    let buyer = office.account("shop").await;
    let subscription = office.subscription(buyer, "shop.example.com").await;
    office.hooks.says("shop", Answer::Hangs);
    let open = office.open();
    office.event(buyer).await;
    office.until_sent("shop.example.com", 1).await;
    (office, buyer, subscription, open)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_at_a_stop_is_sent_again_by_the_next_process() {
    let (office, _, subscription, open) = under_way().await;
    open.stop().await;
    assert_eq!(office.hooks.open.load(Ordering::SeqCst), 0, "the request was dropped");
    office.hooks.says("shop", Answer::Status(200, None));
    let open = office.open();
    office.until_state(&subscription, "delivered").await;
    let sent = office.hooks.sent_to("shop.example.com");
    assert_eq!(sent.len(), 2);
    assert_eq!(header(&sent[0], "X-AITasker-Delivery-Id"), header(&sent[1], "X-AITasker-Delivery-Id"));
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_had_claimed_is_sent_when_its_claim_ends() {
    let (office, buyer, subscription, open) = under_way().await;
    open.dies().await;
    office.hooks.says("shop", Answer::Status(200, None));
    let open = office.open();
    office.event(buyer).await; // the loop looks, and leaves it alone
    office.later(TimeDelta::seconds(19));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(office.hooks.sent_to("shop.example.com").len(), 1, "the claim has not ended");
    office.later(TimeDelta::seconds(2));
    office.until_state(&subscription, "delivered").await;
    assert_eq!(office.hooks.sent_to("shop.example.com").len(), 3);
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_ends_it_and_an_overwhelmed_endpoint_is_left_alone() {
    let office = Office::new().await;
    let (one, other) = (office.account("gone").await, office.account("busy").await);
    let gone = office.subscription(one, "gone.example.com").await;
    let busy = office.subscription(other, "busy.example.com").await;
    office.hooks.says("gone", Answer::Status(410, None));
    office.hooks.says("busy", Answer::Status(429, Some("90")));
    let open = office.open();
    office.event(one).await;
    office.event(other).await;
    office.until_state(&gone, "exhausted").await;
    let known = office.world.context.store.subscription(gone.id).await.unwrap().unwrap();
    assert_eq!(known.disabled.map(|(_, why)| why), Some("the endpoint answered 410 Gone".to_owned()));
    wait("the 429 is recorded", async || {
        office.log(&busy).await.first().is_some_and(|logged| logged.attempts[0].status == Some(429))
    })
    .await;
    office.hooks.says("busy", Answer::Status(200, None));
    office.later(TimeDelta::seconds(89));
    office.event(other).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(office.hooks.sent_to("busy.example.com").len(), 1);
    office.later(TimeDelta::seconds(1));
    office.until_state(&busy, "delivered").await;
    open.stop().await;
}

/// Far fewer places than dead endpoints, and a time-out that is long beside what is allowed to the others.
fn crowded() -> webhooks::Settings {
    webhooks::Settings {
        limit: Duration::from_secs(4),
        patience: Duration::from_millis(100),
        caps: Caps { at_once: 200, host: 64, subscription: 8 },
        ..webhooks::Settings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_dead_endpoints_delay_no_other() {
    const DEAD: usize = 1000;
    let office = Office::with(crowded(), None).await;
    let good = office.account("good").await;
    let subscription = office.subscription(good, "good.example.com").await;
    office.hooks.says("dead", Answer::Hangs);
    let mut dead = Vec::new();
    for n in 0..DEAD {
        let account = office.account(&format!("dead {}", n / 20)).await;
        office.subscription(account, &format!("dead-{n}.example.com")).await;
        if n % 20 == 0 {
            dead.push(account);
        }
    }
    let open = office.open();
    let alone = slowest(&office, &subscription, good, 20).await;
    for account in &dead {
        office.event(*account).await;
    }
    wait("the dead ones fill their places", async || office.hooks.open.load(Ordering::SeqCst) >= 80).await;
    let among_the_dead = slowest(&office, &subscription, good, 40).await;
    let hanging = office.hooks.open.load(Ordering::SeqCst);
    println!("slowest of the good: {alone:?} alone, {among_the_dead:?} among {hanging} that hang");
    assert!(hanging >= 80, "{hanging} hang");
    assert!(
        among_the_dead < alone + Duration::from_secs(1),
        "{alone:?} alone, {among_the_dead:?} among the dead"
    );
    let most = office.hooks.most_open.load(Ordering::SeqCst);
    assert!(most <= 200, "{most} under way at once");
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_dead_endpoints_delay_no_other_at_their_own_host() {
    let office = Office::with(crowded(), None).await;
    let (good, fresh) = (office.account("good").await, office.account("fresh").await);
    let subscription = office.subscription_at(good, "shared.example.com", "good").await;
    office.hooks.says("dead", Answer::Hangs);
    let mut dead = Vec::new();
    for n in 0..5 {
        dead.push(office.account(&format!("dead {n}")).await);
        for _ in 0..20 {
            office.subscription_at(dead[n], "shared.example.com", "dead").await;
        }
    }
    let open = office.open();
    let alone = slowest(&office, &subscription, good, 10).await;
    for account in dead.iter().cycle().take(30) {
        office.event(*account).await;
    }
    let hanging = || office.hooks.open.load(Ordering::SeqCst);
    wait("the dead ones fill their places", async || hanging() >= 20).await;
    let beside_new_ones = slowest(&office, &subscription, good, 20).await;
    let newcomer = office.subscription_at(fresh, "shared.example.com", "fresh").await;
    let first = slowest(&office, &newcomer, fresh, 1).await;
    tokio::time::sleep(office.world.context.settings.webhooks.limit * 2).await; // most of them have failed
    for account in dead.iter().cycle().take(30) {
        office.event(*account).await;
    }
    let beside_failing_ones = slowest(&office, &subscription, good, 20).await;
    println!(
        "{alone:?} alone, {beside_new_ones:?} and {first:?} beside new ones, {beside_failing_ones:?} beside failing ones"
    );
    for (who, took) in [("good", beside_new_ones), ("new", first), ("good", beside_failing_ones)] {
        assert!(took < alone + Duration::from_secs(1), "{who}: {took:?}, {alone:?} alone");
    }
    let most = office.hooks.most_open.load(Ordering::SeqCst);
    assert!(most <= 64, "{most} under way at one host");
    open.stop().await;
}

/// Events one after the other; the longest from one being there to its being sent.
async fn slowest(
    office: &Office,
    subscription: &Subscription,
    account: AccountId,
    events: usize,
) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..events {
        let (before, begun) = (office.told(&subscription.url), Instant::now());
        office.event(account).await;
        wait("the good one is told", async || office.told(&subscription.url) > before).await;
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_of_due_deliveries_stays_under_the_caps() {
    let settings = webhooks::Settings {
        caps: Caps { at_once: 40, host: 6, subscription: 4 },
        ..webhooks::Settings::default()
    };
    let office = Office::with(settings, None).await;
    let mut subscriptions = Vec::new();
    for n in 0..50 {
        let account = office.account(&format!("shop {}", n / 10)).await;
        // The first ten share a host.
        let host = if n < 10 { "shared.example.com".to_owned() } else { format!("shop-{n}.example.com") };
        subscriptions.push(office.subscription(account, &host).await);
    }
    for n in 0..5 {
        let account = office.account(&format!("shop {n}")).await;
        for _ in 0..20 {
            office.event(account).await; // a thousand deliveries, due at once
        }
    }
    let open = office.open();
    for subscription in &subscriptions {
        office.until_state(subscription, "delivered").await;
        assert_eq!(office.log(subscription).await.len(), 20);
    }
    let most = office.hooks.most_open.load(Ordering::SeqCst);
    println!("a thousand deliveries, at most {most} at once");
    assert!(most <= 40, "{most} under way at once");
    assert_eq!(office.hooks.sent.lock().unwrap().len(), 1000, "each was sent once");
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_long_ago_is_forgotten_and_what_is_on_its_way_is_not() {
    let office = Office::new().await;
    let buyer = office.account("shop").await;
    let subscription = office.subscription(buyer, "shop.example.com").await;
    let open = office.open();
    let task = office.event(buyer).await;
    office.until_state(&subscription, "delivered").await;
    office.later(TimeDelta::days(31));
    office.hooks.says("shop", Answer::Hangs);
    let young = office.event(buyer).await;
    office.until_sent("shop.example.com", 2).await;
    assert_eq!(
        office.log(&subscription).await.iter().map(|told| told.task).collect::<Vec<_>>(),
        [young, task]
    );
    let stop = CancellationToken::new();
    let removal = Running::start(stop.clone(), retention::run(Arc::clone(&office.world.context), stop));
    wait("the old one is forgotten", async || office.log(&subscription).await.len() == 1).await;
    assert_eq!(office.log(&subscription).await[0].task, young);
    removal.stop().await;
    open.stop().await;
}
