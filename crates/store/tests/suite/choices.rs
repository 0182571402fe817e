//! What the buyer decides, and the money that moves with it.

use crate::support::{answer, done, on_both};
use chrono::TimeDelta;
use gavel_domain::bid::BidStatus;
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::event::Actor;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::*;
use gavel_store::Guarded;
use gavel_store::choices::{Refusal, Revision};
use std::collections::BTreeSet;

on_both! {
    async fn an_early_selection_ends_the_others_and_wins_once(world) {
        let played = world.played().await;
        let answer = world.select(played.task.id, played.bids[1].id).await;
        assert_eq!(answer, Ok("accepted selected".to_owned()));
        let again = world.select(played.task.id, played.bids[0].id).await;
        assert_eq!(again, Err(Refusal::State(TaskState::Accepted)));

        assert!(!world.store.is_held(played.claimed.lease()).await.unwrap());
        let mut outcomes: Vec<_> = world.store.dispatches(played.task.id, 1).await.unwrap().into_iter()
            .map(|d| d.invitation.ended.unwrap().outcome).collect();
        outcomes.sort();
        assert_eq!(outcomes, [Outcome::Valid, Outcome::Valid, Outcome::Superseded]);
        let statuses: Vec<_> = world.store.gallery(played.task.id).await.unwrap().into_iter().map(|g| g.bid.status).collect();
        assert_eq!(statuses, [BidStatus::NotSelected, BidStatus::Selected]);
    }
}

on_both! {
    async fn of_racing_selections_exactly_one_wins(world) {
        let played = world.played().await;
        let picks = (0..8).map(|i| {
            let (store, task, bid, now) = (world.store.clone(), played.task.id, played.bids[i % 2].id, world.now());
            tokio::spawn(async move { store.select(task, bid, now).await.unwrap() })
        });
        let answers = futures::future::join_all(picks).await;
        let won = answers.iter().filter(|a| matches!(a, Ok(Ok(_)))).count();
        assert_eq!(won, 1);
    }
}

on_both! {
    async fn only_what_is_there_and_presented_can_be_selected(world) {
        let played = world.played().await;
        let nobody = BidId::new(world.now(), &world.chance);
        assert_eq!(world.select(played.task.id, nobody).await, Err(Refusal::NoSuchBid));
        let (task, bid) = (played.task.id, played.bids[0].id);
        world.close(&played.claimed, Outcome::Late, world.now() + TimeDelta::days(7)).await;
        assert_eq!(world.select(task, bid).await, Ok("accepted selected".to_owned()));
        let cancel = world.store.cancel(task, Actor::Buyer, "", world.now()).await.unwrap();
        assert_eq!(cancel.unwrap_err(), Refusal::State(TaskState::Accepted));
    }
}

on_both! {
    async fn approval_pays_once_and_the_ledger_verifies(world) {
        let played = world.played().await;
        let task = played.task.id;
        let _ = world.select(task, played.bids[0].id).await;
        world.delivered(&played).await;
        assert_eq!(world.balances().await, [("buyer".to_owned(), -2200), ("held".to_owned(), 2200)]);

        let approve = async || world.store.approve(task, Some(&world.settlement()), world.now()).await.unwrap();
        assert_eq!(approve().await.unwrap().state, TaskState::Completed);
        assert_eq!(approve().await.unwrap_err(), Refusal::State(TaskState::Completed));
        let paid = [("buyer".to_owned(), -2200), ("developer".to_owned(), 1870), ("platform_fee".to_owned(), 330)];
        assert_eq!(world.balances().await, paid);
        let developer = world.store.agent(played.bids[0].agent).await.unwrap().unwrap().0.developer;
        let earned = async |until| world.store.earned(developer, until).await.unwrap().minor();
        assert_eq!((earned(world.now()).await, earned(world.now() - TimeDelta::days(2)).await), (1870, 0));
        let report = world.store.verify_ledger("USD").await.unwrap();
        assert_eq!((report.transfers, report.problems), (2, vec![]));
        let report = world.store.verify_ledger("AUD").await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new(), "the currency is the ledger's own");
        assert_eq!(world.store.transfers_of(task).await.unwrap().len(), 2);
    }
}

on_both! {
    async fn revisions_are_counted_and_delivered_again(world) {
        let played = world.played().await;
        let task = played.task.id;
        let _ = world.select(task, played.bids[0].id).await;
        world.delivered(&played).await;
        let revise = async || {
            let id = DeliveryId::new(world.now(), &world.chance);
            let wish = Revision { id, notes: "shorter".to_owned(), deadline_at: world.now() + TimeDelta::seconds(300) };
            world.store.request_revision(task, wish, 1, world.now()).await.unwrap()
        };
        let (_, told) = revise().await.unwrap();
        let pending = world.store.latest_delivery(task).await.unwrap().unwrap();
        assert_eq!((pending.revision, pending.status, pending.notes.as_deref()), (1, DeliveryStatus::Pending, Some("shorter")));
        assert_eq!(told, pending);
        assert_eq!(revise().await.unwrap_err(), Refusal::NoDelivery);
        world.bring_in(&pending, played.bids[0].invitation).await;
        assert_eq!(revise().await.unwrap_err(), Refusal::NoRevisionsLeft(1));
        assert_eq!(world.store.latest_delivery(task).await.unwrap().unwrap().answer, Some(answer()));
    }
}

on_both! {
    async fn a_failed_delivery_gives_the_money_back(world) {
        let played = world.played().await;
        let task = played.task.id;
        let _ = world.select(task, played.bids[0].id).await;
        let delivery = world.pending(&played.bids[0]);
        done(world.store.hold_and_deliver(world.claim().await, &delivery, Some(&world.settlement()), world.now()).await.unwrap());
        done(world.store.delivery_failed(&world.claim().await, &delivery, Outcome::ServerError, Some(&world.settlement()), world.now()).await.unwrap());
        assert_eq!(world.state(task).await, (TaskState::Expired, Some("delivery_failed".to_owned())));
        assert!(world.balances().await.is_empty());
        assert_eq!(world.store.verify_ledger("USD").await.unwrap().problems, Vec::<String>::new());
    }
}

on_both! {
    async fn what_was_never_held_is_not_paid(world) {
        let played = world.played().await;
        let _ = world.select(played.task.id, played.bids[0].id).await;
        world.delivered_with(&played, None).await;
        let task = world.store.approve(played.task.id, Some(&world.settlement()), world.now()).await.unwrap().unwrap();
        assert_eq!((task.state, world.store.count_transfers().await.unwrap()), (TaskState::Completed, 0));
    }
}

on_both! {
    async fn what_was_never_held_is_not_given_back(world) {
        let played = world.played().await;
        let _ = world.select(played.task.id, played.bids[0].id).await;
        world.delivered_with(&played, None).await;
        world.clock.advance(TimeDelta::days(14));
        let settle = world.settlement();
        done(world.store.lapse(world.claim().await, "answer_window_lapsed", Some(&settle), world.now()).await.unwrap());
        assert_eq!(world.state(played.task.id).await.0, TaskState::Expired);
        assert_eq!(world.store.count_transfers().await.unwrap(), 0);
    }
}

on_both! {
    async fn the_currency_is_kept_the_first_time(world) {
        assert_eq!(world.store.currency().await.unwrap(), None);
        assert_eq!(world.store.keep_currency("AUD").await.unwrap(), "AUD");
        assert_eq!(world.store.keep_currency("USD").await.unwrap(), "AUD");
        assert_eq!(world.store.currency().await.unwrap().as_deref(), Some("AUD"));
    }
}

on_both! {
    async fn an_older_ledger_tells_its_currency_by_its_chain(world) {
        let played = world.played().await;
        let _ = world.select(played.task.id, played.bids[0].id).await;
        world.delivered(&played).await;
        assert_eq!(world.store.currency().await.unwrap().as_deref(), Some("USD"));
        assert_eq!(world.store.keep_currency("EUR").await.unwrap(), "USD");
    }
}

on_both! {
    async fn silence_approves_or_expires(world) {
        let played = world.played().await;
        let task = played.task.id;
        let _ = world.select(task, played.bids[0].id).await;
        assert_eq!(world.store.selected_bid(task).await.unwrap().map(|bid| bid.id), Some(played.bids[0].id));
        let delivery = world.delivered(&played).await;
        assert!(world.try_claim().await.is_none(), "parked until the answer window ends");
        world.clock.advance(TimeDelta::days(14));
        let claimed = world.claim().await;
        done(world.store.approve_by_silence(claimed, &delivery, Some(&world.settlement()), world.now()).await.unwrap());
        assert_eq!(world.state(task).await, (TaskState::Completed, Some("answer_window_lapsed".to_owned())));
    }
}

on_both! {
    async fn a_lapsed_delivery_is_refunded(world) {
        let played = world.played().await;
        let task = played.task.id;
        let _ = world.select(task, played.bids[0].id).await;
        world.delivered(&played).await;
        world.clock.advance(TimeDelta::days(14));
        let settlement = world.settlement();
        done(world.store.lapse(world.claim().await, "answer_window_lapsed", Some(&settlement), world.now()).await.unwrap());
        assert_eq!(world.state(task).await.0, TaskState::Expired);
        assert!(world.balances().await.is_empty());
    }
}

on_both! {
    async fn a_selection_between_read_and_write_wins_over_the_loop(world) {
        let played = world.played().await;
        let _ = world.select(played.task.id, played.bids[0].id).await;
        let closed = world.store.close_phase(&played.claimed, &[], &BTreeSet::new(), Outcome::Late, world.now(), world.now()).await.unwrap();
        assert_eq!(closed, Guarded::Lost);
        assert_eq!(world.state(played.task.id).await.0, TaskState::Accepted);
    }
}
