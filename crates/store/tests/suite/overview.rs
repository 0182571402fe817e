//! What an operator looks for over all accounts.

use crate::support::on_both;
use chrono::TimeDelta;
use gavel_domain::agent::{Agent, Visibility};
use gavel_domain::invitation::Outcome;
use gavel_domain::ladder::Tier;
use gavel_domain::ledger::{LedgerAccount, TransferKind};
use gavel_domain::lifecycle::TaskState;
use gavel_store::overview::{AgentsWanted, TierCount, Wanted};

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

on_both! {
    async fn operators_find_agents_by_category_and_state(world) {
        let ada = world.developer("ada").await;
        let (first, second) = (world.agent(&ada, "first").await, world.agent(&ada, "second").await);
        let draft = Agent { visibility: Visibility::Draft, paused: true, ..world.new_agent(&ada, "draft") };
        let other = Agent { capabilities: vec!["translation".to_owned()], active: false, ..world.new_agent(&ada, "other") };
        let test = Agent { test: true, ..world.new_agent(&ada, "test") };
        for agent in [&draft, &other, &test] {
            world.store.add_agent(agent, b"sealed").await.unwrap();
        }
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&first, &second]).await;
        let _ = world.scored(&claimed, &invited[0], 900_000).await;

        let slugs = async |wanted: AgentsWanted| {
            let agents = world.store.agents_wanted(&wanted, 9).await.unwrap();
            agents.into_iter().map(|agent| agent.slug).collect::<Vec<_>>()
        };
        let all = AgentsWanted::default();
        assert_eq!(slugs(all.clone()).await, ["draft", "first", "other", "second"]);
        assert_eq!(slugs(AgentsWanted { test: true, ..all.clone() }).await, ["test"]);
        let of = |category: &str| AgentsWanted { category: Some(category.to_owned()), ..AgentsWanted::default() };
        assert_eq!(slugs(of("translation")).await, ["other"]);
        assert_eq!(slugs(AgentsWanted { after: Some("first".to_owned()), ..of("marketing") }).await, ["second"]);
        for (state, expected) in [
            ("live", &["first", "other", "second"][..]), ("draft", &["draft"]), ("paused", &["draft"]),
            ("inactive", &["other"]), ("failing", &[]), ("hidden", &[]),
        ] {
            let state = Some(state.parse().unwrap());
            assert_eq!(slugs(AgentsWanted { state, ..all.clone() }).await, expected, "{state:?}");
        }
        let listed = world.store.list_agents(None).await.unwrap();
        let tiers: Vec<_> = listed.iter().map(|agent| agent.tiers.len()).collect();
        assert_eq!(tiers, [0, 1, 0, 0, 0], "only the first has shown something");
        assert_eq!(listed[1].tiers["content-writing"], Tier::NewChallenger);
    }
}

on_both! {
    async fn tiers_are_counted_by_category(world) {
        let ada = world.developer("ada").await;
        let (first, second) = (world.agent(&ada, "first").await, world.agent(&ada, "second").await);
        let draft = Agent { visibility: Visibility::Draft, ..world.new_agent(&ada, "draft") };
        world.store.add_agent(&draft, b"sealed").await.unwrap();
        let account = world.account("buyer").await;
        for _ in 0..11 {
            let task = world.task(account).await;
            let (claimed, invited) = world.prototyping(&task, &[&first, &draft]).await;
            let bid = world.scored(&claimed, &invited[0], 900_000).await;
            let _ = world.scored(&claimed, &invited[1], 800_000).await;
            world.close(&claimed, Outcome::Late, world.now() + TimeDelta::days(7)).await;
            assert!(world.store.select(bid.task, bid.id, world.now()).await.unwrap().is_ok());
            let _ = world.claim().await; // what comes next does not matter here
        }
        let tiers = async |scores_min| world.store.tier_counts(scores_min).await.unwrap();
        let count = |category: &str, agents, scored, top| TierCount { category: category.to_owned(), agents, scored, top };
        // The draft has its scores, and is not asked; the second has none.
        assert_eq!(tiers(11).await, [count("content-writing", 3, 1, 1), count("marketing", 3, 0, 0)]);
        assert_eq!(tiers(12).await[0], count("content-writing", 3, 0, 0));
        world.store.set_visibility((&second.slug, None), Visibility::Draft, "a reason", world.now()).await.unwrap();
        assert_eq!(tiers(11).await[0].agents, 3, "it still declares the category");
    }
}

on_both! {
    async fn an_operator_sets_who_may_be_asked(world) {
        let ada = world.developer("ada").await;
        let agent = world.agent(&ada, "writer").await;
        let set = async |world_of: Option<bool>, visibility| {
            world.store.set_visibility(("writer", world_of), visibility, "a reason", world.now()).await.unwrap()
        };
        let seen = async || {
            let (agent, _) = world.store.agent(agent.id).await.unwrap().unwrap();
            (agent.visibility, agent.health.problem)
        };
        assert_eq!(set(Some(true), Visibility::Draft).await, None, "it is no test agent");
        assert_eq!(set(Some(false), Visibility::Hidden).await, Some(Visibility::Live));
        assert_eq!(seen().await, (Visibility::Hidden, Some("an operator has hidden it: a reason".to_owned())));
        assert_eq!(set(None, Visibility::Beta).await, Some(Visibility::Hidden));
        assert_eq!(seen().await, (Visibility::Beta, None));
        let nobody = world.store.set_visibility(("nobody", None), Visibility::Live, "a reason", world.now()).await;
        assert_eq!(nobody.unwrap(), None);
    }
}
