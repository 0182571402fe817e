//! What an operator looks for over all accounts.

use crate::support::on_both;
use gavel_domain::agent::Visibility;
use gavel_domain::ledger::{LedgerAccount, TransferKind};
use gavel_domain::lifecycle::TaskState;
use gavel_store::overview::Wanted;

on_both! {
    async fn tasks_of_all_accounts_are_listed_with_their_owners_and_their_money(world) {
        let played = world.played().await;
        let _ = world.select(played.task.id, played.bids[0].id).await;
        world.delivered(&played).await;
        world.clock.advance(chrono::TimeDelta::seconds(1));
        let other = world.task(world.account("other").await).await;
        let list = async |wanted: Wanted| world.store.list_tasks(&wanted, 10).await.unwrap();
        let all = list(Wanted::default()).await;
        let told: Vec<_> = all.iter().map(|t| (t.id, t.account.as_str(), t.state, t.money)).collect();
        assert_eq!(told, [
            (other.id, "other", TaskState::Open, None),
            (played.task.id, "buyer", TaskState::Delivering, Some(TransferKind::Hold)),
        ]);
        let ids = async |wanted| list(wanted).await.iter().map(|t| t.id).collect::<Vec<_>>();
        assert_eq!(ids(Wanted { state: Some(TaskState::Open), ..Wanted::default() }).await, [other.id]);
        assert_eq!(ids(Wanted { account: Some("buyer".to_owned()), ..Wanted::default() }).await, [played.task.id]);
        assert_eq!(ids(Wanted { account: Some("nobody".to_owned()), ..Wanted::default() }).await, []);
        assert_eq!(ids(Wanted { before: Some(other.id), ..Wanted::default() }).await, [played.task.id]);
        assert_eq!(world.store.list_tasks(&Wanted::default(), 1).await.unwrap().len(), 1);
    }
}

on_both! {
    async fn agents_of_all_developers_are_listed_with_their_owners(world) {
        let (ada, bea) = (world.developer("ada").await, world.developer("bea").await);
        let two = world.agent(&bea, "two").await;
        let one = world.agent(&ada, "one").await;
        let all = world.store.list_agents(None).await.unwrap();
        let told: Vec<_> = all.iter().map(|a| (a.id, a.slug.as_str(), a.account.as_str(), a.visibility)).collect();
        assert_eq!(told, [(one.id, "one", "ada", Visibility::Live), (two.id, "two", "bea", Visibility::Live)]);
        assert_eq!((&all[0].endpoint, &all[0].health), (&one.endpoint_url, &"unknown".to_owned()));
        let of_bea = world.store.list_agents(Some("bea")).await.unwrap();
        assert_eq!(of_bea.iter().map(|agent| agent.id).collect::<Vec<_>>(), [two.id]);
    }
}

on_both! {
    async fn accounts_of_the_ledger_have_names(world) {
        let (buyer, ada) = (world.account("buyer").await, world.developer("ada").await);
        let names = world.store.ledger_names().await.unwrap();
        let name = |account| names.get(&account).map(String::as_str);
        assert_eq!(name(LedgerAccount::Buyer(buyer)), Some("buyer"));
        assert_eq!(name(LedgerAccount::Developer(ada.id)), Some("ada"));
    }
}
