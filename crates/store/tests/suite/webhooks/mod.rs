//! Telling buyers by webhook, on both engines. Here: what the tests of it share.

mod claims;
mod outbox;
mod retention;
mod subscriptions;

use crate::support::World;
use chrono::TimeDelta;
use gavel_domain::event::Actor;
use gavel_domain::webhook::{Came, Rules, Standing, Subscription, Topic, event_id};
use gavel_domain::{AccountId, TaskId, WebhookDeliveryId};
use gavel_store::Guarded;
use gavel_store::webhooks::claims::{DueWebhook, Full, Turn, WebhookResult};
use gavel_store::webhooks::log::LoggedWebhook;

/// Deliveries to one subscription side by side.
const AT_ONCE: u32 = 3;

impl World {
    async fn subscription(&self, account: AccountId, host: &str) -> Subscription {
        self.subscription_to(account, host, None).await
    }

    async fn subscription_to(
        &self,
        account: AccountId,
        host: &str,
        topics: Option<Vec<Topic>>,
    ) -> Subscription {
        let new = self.new_subscription(account, host, topics);
        self.store.add_subscription(&new).await.unwrap().unwrap();
        new
    }

    /// A task that is cancelled at once: one event to be told of.
    async fn cancelled(&self, account: AccountId) -> TaskId {
        let task = self.task(account).await.id;
        self.store.cancel(task, Actor::Buyer, "cancelled_by_buyer", self.now()).await.unwrap().unwrap();
        task
    }

    async fn relay(&self) -> usize {
        let fresh = || WebhookDeliveryId::new(self.now(), &self.chance);
        let render = |news: &gavel_domain::webhook::News| {
            format!(
                r#"{{"id":"{}","type":"{}"}}"#,
                event_id(news.event.task, news.event.seq),
                news.topic.name()
            )
        };
        self.store.relay_webhooks(100, self.now(), fresh, render).await.unwrap()
    }

    async fn relay_all(&self) {
        while self.relay().await > 0 {}
    }

    async fn claims(&self, failing: bool, most: u32) -> Vec<DueWebhook> {
        self.claims_but(failing, most, &Full::default()).await
    }

    async fn claims_but(&self, failing: bool, most: u32, full: &Full) -> Vec<DueWebhook> {
        let now = self.now();
        let lost_at = now + TimeDelta::seconds(20);
        let standings: &[_] = if failing { &[Standing::Failing] } else { &[Standing::Proven, Standing::New] };
        let mut all = Vec::new();
        for &standing in standings {
            let most = most - all.len() as u32;
            let turn = Turn { standing, most, at_once: AT_ONCE, full, now, lost_at };
            let claimed = self.store.claim_webhooks(&turn, |_, _| Some(())).await.unwrap();
            all.extend(claimed.into_iter().map(|(due, ())| due));
        }
        all
    }

    /// An endpoint that has taken something before.
    async fn proven(&self, account: AccountId, host: &str) -> Subscription {
        let proven = self.subscription(account, host).await;
        self.cancelled(account).await;
        self.relay_all().await;
        let due = self.claims(false, 100).await;
        let due = due.iter().find(|due| due.subscription == proven.id).unwrap();
        let _ = self.answers(due, 200).await;
        proven
    }

    async fn answers(&self, due: &DueWebhook, status: u16) -> Guarded<Option<String>> {
        let now = self.now();
        let result = WebhookResult {
            status: Some(status),
            problem: (status != 200).then(|| "no".to_owned()),
            response: Some("body".to_owned()),
            at: now,
        };
        let came = Came::Answer { status, retry_after: None };
        let judge = |before: &_| Rules::default().judge(before, due.tries, &came, now, &self.chance);
        self.store.record_webhook(due, &result, AT_ONCE, judge).await.unwrap()
    }

    async fn log(&self, subscription: &Subscription) -> Vec<LoggedWebhook> {
        self.store.webhook_log(subscription.id, None, 1000).await.unwrap()
    }

    fn later(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }
}

fn states(log: &[LoggedWebhook]) -> Vec<&str> {
    log.iter().map(|logged| logged.state.as_str()).collect()
}
