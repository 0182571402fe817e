//! Webhooks: what the loop would do, done by hand.

use super::World;
use chrono::TimeDelta;
use gavel_domain::WebhookDeliveryId;
use gavel_domain::webhook::{Came, Rules, Standing};
use gavel_store::webhooks::claims::{Full, Turn, WebhookResult};
use serde_json::json;

impl World {
    /// A subscription of the buyer to everything: its path.
    pub(crate) async fn subscribed(&self) -> String {
        const PATH: &str = "/api/v1/webhook-subscriptions";
        let made = self.post(self.buyer(), PATH, &json!({ "url": "https://shop.example.com/gavel" })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        format!("{PATH}/{}", made.id())
    }

    /// A task that is cancelled at once, and its event passed on.
    pub(crate) async fn cancelled_and_told(&self) -> String {
        let task = self.posted().await;
        let cancelled = self.post(self.buyer(), &format!("/api/v1/tasks/{task}/cancel"), &json!({})).await;
        assert_eq!(cancelled.status, 200, "{}", cancelled.text);
        let now = self.state.now();
        let fresh = || WebhookDeliveryId::new(now, self.state.chance.as_ref());
        let relayed = self.state.store.relay_webhooks(10, now, fresh, gavel_contract::webhook::body).await;
        assert_eq!(relayed.unwrap(), 1);
        task
    }

    /// One delivery that is due is sent, and its endpoint answers so. How many there were: none or one.
    pub(crate) async fn told_answers(&self, status: u16, body: &str) -> usize {
        let (store, now) = (&self.state.store, self.state.now());
        let lost_at = now + TimeDelta::seconds(20);
        let mut claimed = Vec::new();
        for standing in Standing::ALL {
            let most = 1 - claimed.len() as u32;
            let turn = Turn { standing, most, at_once: 8, full: &Full::default(), now, lost_at };
            claimed.extend(store.claim_webhooks(&turn, |_, _| Some(())).await.unwrap());
        }
        for (due, ()) in &claimed {
            let problem = (status != 200).then(|| "no".to_owned());
            let result =
                WebhookResult { status: Some(status), problem, response: Some(body.to_owned()), at: now };
            let came = Came::Answer { status, retry_after: None };
            let judge = |before: &_| {
                Rules::default().judge(before, due.tries, &came, now, self.state.chance.as_ref())
            };
            let _ = store.record_webhook(due, &result, 8, judge).await.unwrap();
        }
        claimed.len()
    }
}
