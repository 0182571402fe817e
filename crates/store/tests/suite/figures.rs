//! What an agent's calls took and cost.

use crate::support::{done, on_both};
use chrono::TimeDelta;
use gavel_domain::Money;
use gavel_domain::invitation::Outcome;
use gavel_domain::ladder::Tier;
use gavel_store::candidates::View;
use gavel_store::figures::BidCost;
use std::time::Duration;

on_both! {
    async fn how_long_valid_prototypes_took(world) {
        let developer = world.developer("dev").await;
        let (first, second) = (world.agent(&developer, "first").await, world.agent(&developer, "second").await);
        for seconds in [3, 8] {
            let task = world.task(world.account("buyer").await).await;
            let (claimed, invited) = world.prototyping(&task, &[&first, &second]).await;
            let sends = [world.attempt(&invited[0], 1), world.attempt(&invited[1], 1)];
            assert_eq!(done(world.store.begin_attempts(claimed.lease(), &sends, &[]).await.unwrap()).len(), 2);
            world.clock.advance(TimeDelta::seconds(seconds));
            done(world.end_invitation(&claimed, &world.ended(&invited[0], Outcome::Valid)).await);
            done(world.end_invitation(&claimed, &world.ended(&invited[1], Outcome::Timeout)).await);
        }
        let took = async |agent, most| world.store.latencies(agent, most).await.unwrap();
        assert_eq!(took(first.id, 9).await, [8, 3].map(Duration::from_secs), "the latest first");
        assert_eq!(took(first.id, 1).await, [Duration::from_secs(8)]);
        assert_eq!(took(second.id, 9).await, []);
    }
}

on_both! {
    async fn what_bids_cost_and_which_won(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "writer").await;
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        let bid = world.scored(&claimed, &invited[0], 800_000).await;
        let cost = BidCost {
            price: Money::from_minor(2200),
            won: false,
            prototype_usd: Some(0.024),
            finals_usd: 0.0,
        };
        assert_eq!(world.store.bid_costs(agent.id, 9).await.unwrap(), [cost]);
        world.close(&claimed, Outcome::Late, world.now() + TimeDelta::days(7)).await;
        assert!(world.store.select(bid.task, bid.id, world.now()).await.unwrap().is_ok());
        assert_eq!(world.store.bid_costs(agent.id, 9).await.unwrap(), [BidCost { won: true, ..cost }]);
    }
}

on_both! {
    async fn what_an_agent_has_shown_and_its_facts(world) {
        let developer = world.developer("dev").await;
        let (agent, other) = (world.agent(&developer, "writer").await, world.agent(&developer, "other").await);
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        let bid = world.scored(&claimed, &invited[0], 800_000).await;

        let standings = world.store.standings_of(developer.id, false).await.unwrap();
        assert_eq!(standings.keys().copied().collect::<Vec<_>>(), [agent.id], "the other has shown nothing");
        assert_eq!(standings[&agent.id]["content-writing"].scores, [800_000]);
        assert!(world.store.standings_of(developer.id, true).await.unwrap().is_empty(), "test agents stand apart");
        let shown = world.store.bid(bid.task, bid.id).await.unwrap().unwrap();
        assert_eq!(shown.agent_tier, Some(Tier::NewChallenger));

        let boosted_since = world.now() - TimeDelta::days(30);
        let view = |category| View { category, test: false, newcomer_tasks: 10, boosted_since };
        let facts = world.store.facts_of(agent.id, view("content-writing")).await.unwrap().unwrap();
        assert_eq!((facts.agent.id, facts.standing.unwrap().progress.scores), (agent.id, vec![800_000]));
        assert_eq!(facts.boosted_lately, 1);
        let facts = world.store.facts_of(other.id, view("marketing")).await.unwrap().unwrap();
        assert_eq!((facts.agent.id, facts.standing), (other.id, None));
        assert!(world.store.facts_of(agent.id, view("translation")).await.unwrap().is_none());
    }
}
