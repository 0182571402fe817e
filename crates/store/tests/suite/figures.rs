//! What an agent's calls took and cost.

use crate::support::{done, on_both};
use chrono::TimeDelta;
use gavel_domain::Money;
use gavel_domain::invitation::Outcome;
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
