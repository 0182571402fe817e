//! Telling buyers by webhook, beside the work on tasks: a loop of its own with places of its own. At least once: what is
//! to be sent stands in the database, is claimed before it leaves, and is sent again, under the same ids, when nobody
//! recorded how that ended. Every replica claims from there; the lease only saves work, the number of the attempt guards
//! the result.

mod places;
pub mod unheard; // does anybody tell them at all?

pub use places::Caps;

use crate::Context;
use gavel_contract::webhook::{Sending, body};
use gavel_dispatcher::webhook::{Tried, send};
use gavel_domain::WebhookDeliveryId;
use gavel_domain::webhook::{Came, Rules, Standing, event_id};
use gavel_store::Guarded;
use gavel_store::webhooks::claims::{DueWebhook, Turn, WebhookResult};
use places::{Place, Places};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long the loop sleeps at most: other replicas give no hints, and a retry is that much late at most.
const POLL: Duration = Duration::from_secs(1);
/// How long news are gathered before the loop looks: whoever has no subscription pays for no more looks than that.
const GATHER: Duration = Duration::from_millis(50);
/// The same after a place was freed: under load many are, and one look serves them all.
const BREATH: Duration = Duration::from_millis(5);
/// How long after its limit a try without a result is made again: the process that claimed it has died.
const SLACK: Duration = Duration::from_secs(5);
/// Events passed on, and deliveries claimed, in one transaction: other writers wait for no longer one.
const EVENTS_AT_ONCE: u32 = 64;
const CLAIMED_AT_ONCE: u32 = 64;

/// How buyers are told; filled from configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// When a subscription is given up.
    pub rules: Rules,
    /// How long one try may take, from look-up to the last byte.
    pub limit: Duration,
    /// After how long an endpoint is known to take its time, and makes room for those that answer soon.
    pub patience: Duration,
    /// How many at once.
    pub caps: Caps,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            rules: Rules::default(),
            limit: Duration::from_secs(15),
            patience: Duration::from_secs(1),
            caps: Caps::default(),
        }
    }
}

/// Tells whom there is something to tell, until `stop`. Tries that are under way then are let go: whoever comes next
/// makes them again.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let places = Places::new(context.settings.webhooks.caps);
    let tries = TaskTracker::new();
    while !stop.is_cancelled() {
        let passed_on = relay(&context).await;
        let claimed = claim(&context, &places).await;
        if passed_on + claimed.len() == 0 {
            rest(&context, &places, &stop).await;
        }
        for (due, place) in claimed {
            tries.spawn(one(Arc::clone(&context), due, place, stop.clone()));
        }
    }
    tries.close();
    tries.wait().await;
}

/// From the outbox to the subscriptions.
async fn relay(context: &Context) -> usize {
    let now = context.clock.now();
    let fresh = || WebhookDeliveryId::new(now, &*context.chance);
    match context.store.relay_webhooks(EVENTS_AT_ONCE, now, fresh, body).await {
        Ok(passed_on) => passed_on,
        Err(error) => {
            context.tell("events could not be passed on to webhook subscriptions", &error);
            0
        }
    }
}

/// What is sent now, each with its place.
async fn claim(context: &Context, places: &Places) -> Vec<(DueWebhook, Place)> {
    let mut claimed = Vec::new();
    if let Err(error) = claim_into(&mut claimed, context, places).await {
        context.tell("webhook deliveries could not be claimed", &error);
    }
    claimed // also after an error: what is claimed is sent
}

async fn claim_into(
    claimed: &mut Vec<(DueWebhook, Place)>,
    context: &Context,
    places: &Places,
) -> gavel_store::Result<()> {
    let (now, settings) = (context.clock.now(), &context.settings.webhooks);
    if !context.store.webhook_is_due(now).await? {
        return Ok(());
    }
    for standing in Standing::ALL {
        let turn = Turn {
            standing,
            most: places.room(standing).min(CLAIMED_AT_ONCE),
            at_once: settings.caps.subscription,
            full: &places.full(standing),
            now,
            lost_at: now + settings.limit + SLACK,
        };
        claimed.extend(
            context.store.claim_webhooks(&turn, |host, account| places.take(standing, host, account)).await?,
        );
    }
    Ok(())
}

async fn rest(context: &Context, places: &Places, stop: &CancellationToken) {
    let news = async {
        context.store.hints().told_anything().await;
        tokio::time::sleep(GATHER).await;
    };
    let freed = async {
        places.freed().await;
        tokio::time::sleep(BREATH).await;
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = news => {}
        () = freed => {}
        () = tokio::time::sleep(POLL) => {}
    }
}

async fn one(context: Arc<Context>, due: DueWebhook, mut place: Place, stop: CancellationToken) {
    let tried = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        tried = attempt(&context, &due, &mut place) => Some(tried),
    };
    match tried {
        Some(tried) => record(&context, &due, tried).await,
        None => let_go(&context, &due).await,
    }
}

/// One try. While it takes its time it makes room for others.
async fn attempt(context: &Context, due: &DueWebhook, place: &mut Place) -> Tried {
    let (now, settings) = (context.clock.now(), &context.settings.webhooks);
    let versions = due.secret.live(now).into_iter();
    let secrets = versions.map(|version| context.vault.webhook_secret(due.subscription, version));
    let secrets: Vec<String> = secrets.map(|secret| secret.expose().to_owned()).collect();
    let sending = Sending {
        secrets: &secrets,
        task: due.task,
        event_id: &event_id(due.task, due.seq),
        delivery: due.delivery,
        now,
        user_agent: &context.settings.user_agent,
        body: due.body.as_bytes(),
    };
    let mut sent = std::pin::pin!(send(&*context.transport, &due.url, &sending, settings.limit));
    loop {
        tokio::select! {
            biased;
            tried = &mut sent => return tried,
            () = tokio::time::sleep(settings.patience) => place.give_way(),
        }
    }
}

async fn record(context: &Context, due: &DueWebhook, Tried { came, problem, response }: Tried) {
    if came == Came::NotSent {
        tracing::error!(subscription.id = %due.subscription, problem, "a webhook could not be sent; that is no fault of its endpoint");
    }
    let at = context.clock.now();
    let status = match came {
        Came::Answer { status, .. } => Some(status),
        Came::Nothing | Came::NotSent => None,
    };
    let (result, settings) = (WebhookResult { status, problem, response, at }, &context.settings.webhooks);
    let judge = |before: &_| settings.rules.judge(before, due.tries, &came, at, &*context.chance);
    match context.store.record_webhook(due, &result, settings.caps.subscription, judge).await {
        Ok(Guarded::Done(None)) => {}
        Ok(Guarded::Done(Some(why))) => {
            tracing::warn!(subscription.id = %due.subscription, why, "a webhook subscription is disabled");
        }
        Ok(Guarded::Lost) => {
            tracing::debug!(delivery.id = %due.delivery, "another try was begun; this one is not recorded");
        }
        Err(error) => {
            context
                .tell(&format!("webhook {} could not be recorded; it is sent again", due.delivery), &error);
        }
    }
}

async fn let_go(context: &Context, due: &DueWebhook) {
    if let Err(error) = context.store.let_webhook_go(due, context.clock.now()).await {
        context.tell(&format!("webhook {} could not be let go; its claim will end", due.delivery), &error);
    }
}
