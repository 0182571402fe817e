//! Agents kept in memory: whoever reads again only those that have changed knows what a new reader learns.

use crate::support::{World, done, on_both};
use chrono::TimeDelta;
use gavel_domain::AgentId;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::invitation::Outcome;
use gavel_domain::ladder::Tier;
use gavel_store::candidates::{Facts, Mark, Seen, View};
use std::collections::BTreeMap;

/// Somebody who has looked once, and follows.
#[derive(Default)]
struct Follower {
    mark: Option<Mark>,
    agents: BTreeMap<AgentId, Facts>,
}

impl Follower {
    /// Looks again; gives of how many something had changed.
    async fn looks(&mut self, world: &World) -> usize {
        let view = view(world);
        let look = world.store.look_at_agents(view, self.mark).await.unwrap();
        self.mark = Some(look.mark);
        match look.seen {
            Seen::Everybody(facts) => {
                self.agents.clear();
                self.take(facts)
            }
            Seen::Changed(facts, gone) => {
                gone.iter().for_each(|agent| drop(self.agents.remove(agent)));
                self.take(facts) + gone.len()
            }
        }
    }

    /// Looks until nothing is read again: on PostgreSQL another transaction, perhaps of another database, makes changes
    /// be seen once more, until it has ended.
    async fn rests(&mut self, world: &World) {
        let mut looks = 0;
        while self.looks(world).await > 0 {
            looks += 1;
            assert!(looks < 1_000, "the same is read again and again");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    fn take(&mut self, facts: Vec<Facts>) -> usize {
        let n = facts.len();
        self.agents.extend(facts.into_iter().map(|facts| (facts.agent.id, facts)));
        n
    }

    /// Looks again, and knows then what a new reader learns.
    async fn agrees(&mut self, world: &World, after: &str) {
        self.looks(world).await;
        let mut anew = Follower::default();
        anew.looks(world).await;
        assert_eq!(format!("{:#?}", self.agents), format!("{:#?}", anew.agents), "after {after}");
    }
}

fn view(world: &World) -> View<'static> {
    let boosted_since = world.now() - TimeDelta::days(30);
    View { category: "content-writing", test: false, newcomer_tasks: 10, boosted_since }
}

on_both! {
    async fn a_follower_knows_what_a_new_reader_learns(world) {
        let mut follower = Follower::default();
        let developer = world.developer("dev").await;
        follower.agrees(&world, "nothing").await;
        let (mut first, second) = (world.agent(&developer, "first").await, world.agent(&developer, "second").await);
        follower.agrees(&world, "two registrations").await;
        assert_eq!(follower.agents.len(), 2);

        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&first, &second]).await;
        follower.agrees(&world, "two invitations").await;
        assert!(follower.agents.values().all(|facts| (facts.in_flight, facts.boosted_lately) == (1, 2)));
        let bid = world.scored(&claimed, &invited[0], 810_000).await;
        follower.agrees(&world, "a score").await;
        done(world.end_invitation(&claimed, &world.ended(&invited[1], Outcome::Declined)).await);
        follower.agrees(&world, "a refusal of the type").await;
        assert_eq!(follower.agents[&second.id].declines[0].in_a_row, 1);
        world.close(&claimed, Outcome::Late, world.now() + TimeDelta::days(7)).await;
        assert!(world.store.select(bid.task, bid.id, world.now()).await.unwrap().is_ok());
        follower.agrees(&world, "a choice").await;
        assert_eq!(follower.agents[&first.id].standing.as_ref().unwrap().progress.shown, [true]);
        let delivery = world.pending(&bid);
        done(world.store.hold_and_deliver(world.claim().await, &delivery, None, world.now()).await.unwrap());
        follower.agrees(&world, "a winner that is waited for").await;
        assert_eq!(follower.agents[&first.id].in_flight, 1);

        first.max_concurrency = 3;
        first.execution_mode = ExecutionMode::Pull;
        world.store.update_agent(&first, world.now()).await.unwrap();
        follower.agrees(&world, "a change by the developer").await;
        world.execute("UPDATE agents SET paused = TRUE, health_fails = 2 WHERE slug = 'second'").await;
        follower.agrees(&world, "failed probes").await;
        first.capabilities = vec!["translation".to_owned()];
        world.store.update_agent(&first, world.now()).await.unwrap();
        follower.agrees(&world, "another category").await;
        assert_eq!(follower.agents.len(), 1);
    }
}

on_both! {
    async fn who_has_not_changed_is_not_read_again(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "busy").await;
        for n in 0..20 {
            world.agent(&developer, &format!("resting-{n}")).await;
        }
        let mut follower = Follower::default();
        assert_eq!(follower.looks(&world).await, 21);
        world.execute("UPDATE agents SET next_probe_at = created_at, version = '2'").await;
        follower.rests(&world).await; // triage does not look at any of that
        world.execute("UPDATE agents SET max_concurrency = 5 WHERE slug = 'busy'").await;
        assert_eq!(follower.looks(&world).await, 1);
        assert_eq!(follower.agents[&agent.id].agent.max_concurrency, 5);
        follower.rests(&world).await;
        let counted = world.store.look_at_agents(view(&world), follower.mark).await.unwrap().agents;
        assert_eq!(counted, 21);
    }
}

// Changes are forgotten at the second call after them; whoever has not looked since reads everybody again.
on_both! {
    async fn changes_are_forgotten_and_nobody_misses_any(world) {
        let developer = world.developer("dev").await;
        world.agent(&developer, "one").await;
        let (mut often, mut seldom) = (Follower::default(), Follower::default());
        often.looks(&world).await;
        seldom.looks(&world).await;
        for n in 0..4 {
            world.execute(["UPDATE agents SET max_concurrency = 20", "UPDATE agents SET max_concurrency = 21"][n % 2]).await;
            often.agrees(&world, "a change").await;
            world.store.forget_changes().await.unwrap();
            often.agrees(&world, "forgetting").await;
        }
        seldom.agrees(&world, "a long absence").await;
    }
}

// When nothing has happened for hours, no change is there any more but the newest; the next one is seen all the same.
on_both! {
    async fn what_changes_after_a_long_rest_is_seen(world) {
        let developer = world.developer("dev").await;
        for name in ["one", "two", "three"] {
            world.agent(&developer, name).await;
        }
        let mut follower = Follower::default();
        follower.looks(&world).await;
        for _ in 0..4 {
            world.store.forget_changes().await.unwrap();
        }
        world.execute("UPDATE agents SET paused = TRUE WHERE slug = 'one'").await;
        follower.agrees(&world, "a change after a long rest").await;
    }
}

// A restored database says of changes that they are forgotten which are still to come.
on_both! {
    async fn marks_of_another_database_make_nobody_miss_a_change(world) {
        let developer = world.developer("dev").await;
        world.agent(&developer, "one").await;
        world.store.forget_changes().await.unwrap();
        world.store.forget_changes().await.unwrap();
        world.execute("UPDATE meta SET value = '999999999999' WHERE key LIKE 'agent_changes_forgotten%'").await;
        let mut follower = Follower::default();
        follower.looks(&world).await;
        for n in 0..4 {
            world.execute(["UPDATE agents SET paused = TRUE", "UPDATE agents SET paused = FALSE"][n % 2]).await;
            world.store.forget_changes().await.unwrap();
            follower.agrees(&world, "a change and forgetting").await;
        }
    }
}

// What a benchmark has shown counts in other categories too, also when its own is not declared any more.
on_both! {
    async fn what_a_benchmark_showed_elsewhere_is_seen(world) {
        let agent = world.agent(&world.developer("dev").await, "one").await;
        let mut follower = Follower::default();
        follower.looks(&world).await;
        let id = gavel_domain::BenchmarkRunId::from_uuid(agent.id.uuid());
        let run = gavel_store::benchmarks::Run::begun(
            id, (agent.id, agent.developer), vec!["translation".to_owned()], world.now());
        let mut deed = world.store.deed().await.unwrap();
        deed.begin_benchmark(&run).await.unwrap();
        deed.commit(|_| unreachable!("under no key")).await.unwrap();
        let scores = vec![("translation".to_owned(), vec![gavel_domain::Ppm::new(700_000)])];
        let passed = Some(gavel_store::benchmarks::Passed { scores, auto_live: true });
        let end = gavel_store::benchmarks::Advance::End {
            status: gavel_domain::benchmark::RunStatus::Passed, verdict: "[]".to_owned(), passed };
        follower.rests(&world).await;
        done(world.store.advance_benchmark(&run, None, &end, world.now()).await.unwrap());
        follower.agrees(&world, "a benchmark that was passed").await;
        assert_eq!(follower.agents[&agent.id].benchmark, Some(700_000));
    }
}

// Who has none left is told of all categories, and only for as long as the boosts count.
on_both! {
    async fn developers_have_boosts_again_with_time(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "one").await;
        let task = world.task(world.account("buyer").await).await;
        world.prototyping(&task, &[&agent]).await;
        let without = async |boosts, since| world.store.developers_without_boosts(boosts, since, false).await.unwrap();
        assert_eq!(without(1, world.now()).await.into_iter().collect::<Vec<_>>(), [developer.id]);
        assert!(without(2, world.now()).await.is_empty());
        assert!(without(0, world.now()).await.is_empty(), "there are none to be used");
        assert!(without(1, world.now() + TimeDelta::seconds(1)).await.is_empty());
    }
}

// A tier is stored with the event that changed it, and the way there is kept.
on_both! {
    async fn tiers_follow_scores_failures_and_choices(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "atlas").await;
        let buyer = world.account("buyer").await;
        let tier = async || {
            let facts = world.store.candidates("content-writing", false, world.now()).await.unwrap();
            let progress = facts[0].standing.clone().unwrap_or_default().progress;
            (progress.tier, progress.dwell, progress.shown.len())
        };
        for n in 1..=10 {
            let task = world.task(buyer).await;
            let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
            let bid = world.scored(&claimed, &invited[0], 900_000).await;
            let expected = if n < 10 { (Tier::NewChallenger, n, n as usize - 1) } else { (Tier::Challenger, 0, 9) };
            assert_eq!(tier().await, expected);
            world.close(&claimed, Outcome::Late, world.now() + TimeDelta::days(7)).await;
            assert!(world.store.select(bid.task, bid.id, world.now()).await.unwrap().is_ok());
            world.execute("UPDATE tasks SET ready_at = NULL WHERE state = 'accepted'").await; // nobody goes on with it
        }
        assert_eq!(tier().await, (Tier::Challenger, 0, 10), "a choice is no event");
        let task = world.task(buyer).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        done(world.end_invitation(&claimed, &world.ended(&invited[0], Outcome::ServerError)).await);
        assert_eq!(tier().await, (Tier::TopPerformer, 0, 10), "a failure is one");
    }
}

// Who declines a type in a row is remembered for it; one that it does takes that back.
on_both! {
    async fn refusals_of_a_type_are_counted_in_a_row(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "atlas").await;
        let buyer = world.account("buyer").await;
        let outcomes = [Outcome::Declined, Outcome::Declined, Outcome::Timeout, Outcome::Valid, Outcome::Declined];
        let mut seen = Vec::new();
        for outcome in outcomes {
            let task = world.task(buyer).await;
            let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
            done(world.end_invitation(&claimed, &world.ended(&invited[0], outcome)).await);
            let facts = world.store.candidates("content-writing", false, world.now()).await.unwrap();
            seen.push(facts[0].declines.first().map_or(0, |decline| decline.in_a_row));
        }
        assert_eq!(seen, [1, 2, 2, 0, 1]);
    }
}
