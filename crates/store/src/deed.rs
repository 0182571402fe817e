//! What a buyer or a developer does, in one transaction: the key it was asked for under, what it changes, and what is
//! answered. Everything it reads and writes goes through its own connection.
//!
//! A deed that is refused has written nothing: its refusal can be kept under the key like any other answer.

use crate::choices::{Decided, Revision};
use crate::db::Tx;
use crate::gallery::GalleryBid;
use crate::ledger::Settlement;
use crate::secrets::Rotation;
use crate::webhooks::log::Redelivery;
use crate::webhooks::subscriptions::{self, Wished};
use crate::{Held, IdempotencyKey, Kept, Result, Store, idempotency};
use gavel_domain::account::Developer;
use gavel_domain::agent::{Agent, Visibility};
use gavel_domain::delivery::Delivery;
use gavel_domain::event::Actor;
use gavel_domain::task::Task;
use gavel_domain::webhook::Subscription;
use gavel_domain::{
    AccountId, AgentId, BidId, DeveloperId, SubscriptionId, TaskId, Timestamp, WebhookDeliveryId,
};

/// What a buyer or a developer does, in one transaction; nothing has happened until [`Deed::commit`].
pub struct Deed {
    pub(crate) tx: Tx,
    pub(crate) store: Store,
    key: Option<IdempotencyKey>,
    hints: Vec<Hint>,
}

/// Whom to wake once it is done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hint {
    /// The task may be ready for its next step.
    Changed(TaskId),
    /// Somebody decided on a task that may be worked on.
    Decided(TaskId),
    /// There may be something to tell a buyer by webhook.
    News,
    /// Somebody listens from now on.
    Subscribed,
    /// A benchmark has begun.
    Benchmark,
}

impl Store {
    /// Begins a deed under no key.
    pub async fn deed(&self) -> Result<Deed> {
        Ok(Deed::new(self, self.begin().await?, None))
    }
}

impl Deed {
    pub(crate) fn new(store: &Store, tx: Tx, key: Option<IdempotencyKey>) -> Deed {
        Deed { tx, store: store.clone(), key, hints: Vec::new() }
    }

    /// The key it was asked for under.
    pub fn key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    pub(crate) fn then(&mut self, hint: Hint) {
        self.hints.push(hint);
    }

    /// It is done, and its answer is kept under its key, if it has one.
    pub async fn commit(mut self, answered: impl FnOnce(&IdempotencyKey) -> Kept + Send) -> Result<()> {
        if let Some(key) = &self.key {
            idempotency::write(&mut self.tx, key, &answered(key), None).await?;
        }
        self.done().await
    }

    async fn done(self) -> Result<()> {
        self.tx.commit().await?;
        for hint in self.hints {
            match hint {
                Hint::Changed(task) => self.store.hints().changed(task),
                Hint::Decided(task) => self.store.hints().decided(task),
                Hint::News => self.store.hints().news(),
                Hint::Subscribed => subscriptions::settled(&self.store).await,
                Hint::Benchmark => self.store.hints().benchmark(),
            }
        }
        Ok(())
    }

    /// Nothing has happened, not even its key is remembered. The rows are let go before anybody is told: the loop skips
    /// locked ones.
    pub async fn give_up(self) -> Result<()> {
        self.tx.rollback().await
    }

    /// What it stands for happens outside the database, until then at the latest: only the key is written now. `None`:
    /// it has no key.
    pub async fn hold(mut self, until: Timestamp) -> Result<Option<Held>> {
        let Some(key) = self.key else { return self.tx.rollback().await.map(|()| None) };
        idempotency::hold(&mut self.tx, &key, until).await?;
        self.tx.commit().await?;
        Ok(Some(Held::new(self.store, key, until)))
    }
}

impl std::fmt::Debug for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deed").field("key", &self.key).field("hints", &self.hints).finish_non_exhaustive()
    }
}

/// The same where nobody repeats: commands, and whoever sets a world up.
macro_rules! alone {
    ($($(#[$doc:meta])* fn $name:ident($($what:ident: $type:ty),*) -> $done:ty;)*) => {
        impl Store {$(
            $(#[$doc])*
            pub async fn $name(&self, $($what: $type),*) -> Result<$done> {
                let mut deed = self.deed().await?;
                let done = deed.$name($($what),*).await?;
                deed.done().await?;
                Ok(done)
            }
        )*}
    };
}

alone! {
    /// [`Deed::create_task`] under no key.
    fn create_task(task: &Task) -> ();
    /// [`Deed::select`] under no key.
    fn select(task: TaskId, bid: BidId, now: Timestamp) -> Decided<(Task, GalleryBid)>;
    /// [`Deed::cancel`] under no key.
    fn cancel(task: TaskId, actor: Actor, reason: &str, now: Timestamp) -> Decided<Task>;
    /// [`Deed::request_revision`] under no key.
    fn request_revision(task: TaskId, wish: Revision, revisions_max: u32, now: Timestamp) -> Decided<(Task, Delivery)>;
    /// [`Deed::approve`] under no key.
    fn approve(task: TaskId, settle: Option<&Settlement>, now: Timestamp) -> Decided<Task>;
    /// [`Deed::add_developer`] under no key.
    fn add_developer(developer: &Developer, sealed_key: &[u8]) -> ();
    /// [`Deed::replace_developer_key`] under no key.
    fn replace_developer_key(developer: DeveloperId, sealed: &[u8]) -> ();
    /// [`Deed::add_agent`] under no key.
    fn add_agent(agent: &Agent, sealed_secret: &[u8]) -> ();
    /// [`Deed::update_agent`] under no key.
    fn update_agent(agent: &Agent, now: Timestamp) -> ();
    /// [`Deed::set_visibility`] under no key.
    fn set_visibility(agent: (&str, Option<bool>), visibility: Visibility, reason: &str, now: Timestamp) -> Option<Visibility>;
    /// [`Deed::rotate_secret`] under no key.
    fn rotate_secret(agent: AgentId, fresh: &[u8], promotes_at: Timestamp, now: Timestamp) -> Rotation;
    /// [`Deed::promote_secret`] under no key.
    fn promote_secret(agent: AgentId, now: Timestamp) -> bool;
    /// [`Deed::add_subscription`] under no key.
    fn add_subscription(new: &Subscription) -> Wished<()>;
    /// [`Deed::rotate_webhook_secret`] under no key.
    fn rotate_webhook_secret(id: SubscriptionId, promotes_at: Timestamp, now: Timestamp) -> Wished<Subscription>;
    /// [`Deed::delete_subscription`] under no key.
    fn delete_subscription(id: SubscriptionId, whose: (AccountId, bool), now: Timestamp) -> Wished<()>;
    /// [`Deed::redeliver_webhook`] under no key.
    fn redeliver_webhook(subscription: SubscriptionId, delivery: WebhookDeliveryId, now: Timestamp) -> Redelivery;
}
