//! A task's life as far as a test needs it: bids, a choice, the held price, the work.

use crate::support::{LETTER, World, answer, done};
use chrono::TimeDelta;
use gavel_domain::bid::Bid;
use gavel_domain::delivery::Delivery;
use gavel_domain::exchange::ExchangeKey;
use gavel_domain::invitation::{Attempt, AttemptResult, Mode};
use gavel_domain::ledger::LedgerAccount;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::task::Task;
use gavel_domain::*;
use gavel_store::choices::Refusal;
use gavel_store::ledger::Settlement;

/// A task in prototyping with two scored bids and one agent still at work.
pub(crate) struct Played {
    pub(crate) task: Task,
    pub(crate) claimed: gavel_store::Claimed,
    pub(crate) bids: [Bid; 2],
}

impl World {
    pub(crate) async fn played(&self) -> Played {
        let developer = self.developer("dev").await;
        let agents = [
            self.agent(&developer, "one").await,
            self.agent(&developer, "two").await,
            self.agent(&developer, "slow").await,
        ];
        let task = self.task(self.account("buyer").await).await;
        let (claimed, invited) = self.prototyping(&task, &agents.iter().collect::<Vec<_>>()).await;
        let bids = [
            self.scored(&claimed, &invited[0], 800_000).await,
            self.scored(&claimed, &invited[1], 700_000).await,
        ];
        Played { task, claimed, bids }
    }

    pub(crate) async fn select(&self, task: TaskId, bid: BidId) -> Result<String, Refusal> {
        let selected = self.store.select(task, bid, self.now()).await.unwrap();
        selected.map(|(task, bid)| format!("{} {}", task.state, bid.bid.status.name()))
    }

    pub(crate) fn settlement(&self) -> Settlement {
        let id = TransferId::new(self.now(), &self.chance);
        Settlement { currency: "USD".to_owned(), fee: BasisPoints(1500), id }
    }

    /// Holds the price and brings the delivery in.
    pub(crate) async fn delivered(&self, played: &Played) -> Delivery {
        self.delivered_with(played, Some(&self.settlement())).await
    }

    /// The same, with or without money.
    pub(crate) async fn delivered_with(&self, played: &Played, hold: Option<&Settlement>) -> Delivery {
        let delivery = self.pending(&played.bids[0]);
        let held = self.store.hold_and_deliver(self.claim().await, &delivery, hold, self.now()).await;
        done(held.unwrap());
        self.bring_in(&delivery, played.bids[0].invitation).await;
        delivery
    }

    pub(crate) async fn bring_in(&self, delivery: &Delivery, invitation: InvitationId) {
        let claimed = self.claim().await;
        let attempt = Attempt {
            id: AttemptId::new(self.now(), &self.chance),
            invitation,
            mode: Mode::Final,
            revision: delivery.revision,
            number: 1,
            started_at: self.now(),
            result: None,
        };
        let key = ExchangeKey { invitation, mode: Mode::Final, revision: delivery.revision };
        let invited = self.store.dispatch(key).await.unwrap().unwrap().invitation;
        let letter = (&invited, LETTER);
        assert!(done(
            self.store
                .begin_final_call(&claimed, delivery, letter, Some(&attempt), self.now())
                .await
                .unwrap()
        ));
        let result = AttemptResult {
            ended_at: self.now(),
            status: Some(200),
            code: "ok".to_owned(),
            warnings: vec![],
            error_body: None,
            trace: None,
        };
        let until = self.now() + TimeDelta::days(14);
        let ready = self
            .store
            .delivery_ready(&claimed, delivery, &answer(), (attempt.id, &result), until, self.now())
            .await;
        done(ready.unwrap());
    }

    /// A task that is completed and paid.
    pub(crate) async fn completed(&self) -> Played {
        let played = self.played().await;
        let _ = self.select(played.task.id, played.bids[0].id).await;
        self.delivered(&played).await;
        let approved =
            self.store.approve(played.task.id, Some(&self.settlement()), self.now()).await.unwrap();
        assert_eq!(approved.unwrap().state, TaskState::Completed);
        played
    }

    pub(crate) async fn state(&self, task: TaskId) -> (TaskState, Option<String>) {
        let task = self.store.task(task).await.unwrap().unwrap();
        (task.state, task.reason)
    }

    pub(crate) async fn balances(&self) -> Vec<(String, i64)> {
        let kind = |a: LedgerAccount| a.to_string().split(':').next().unwrap().to_owned();
        let balances = self.store.balances().await.unwrap();
        balances.into_iter().map(|b| (kind(b.account), b.amount.minor())).collect()
    }
}
