//! Who is probed when, by whom, and which result counts.

use crate::support::{World, done, on_both};
use chrono::TimeDelta;
use gavel_domain::agent::{Agent, ExecutionMode, Visibility};
use gavel_domain::health::{Change, Health, Verdict};
use gavel_domain::invitation::Probe;
use gavel_domain::{AgentId, Timestamp};
use gavel_store::Guarded;
use gavel_store::health::{DueProbe, ProbeTimes};

const MINUTE: TimeDelta = TimeDelta::minutes(1);

impl World {
    fn times(&self) -> ProbeTimes {
        let now = self.now();
        ProbeTimes {
            now,
            lost_at: now + TimeDelta::seconds(10),
            unwatched_since: now - TimeDelta::minutes(5),
        }
    }

    async fn due(&self) -> Vec<DueProbe> {
        self.store.claim_probes(self.times(), 10).await.unwrap()
    }

    async fn due_of(&self, agent: &Agent) -> Option<DueProbe> {
        let stale_since = self.now() - TimeDelta::seconds(30);
        self.store.claim_probe_of(agent.id, self.times(), stale_since).await.unwrap()
    }

    async fn stored(&self, agent: &Agent) -> Agent {
        self.store.agent(agent.id).await.unwrap().unwrap().0
    }

    fn verdict(&self, fails: u32, change: Option<Change>) -> Verdict {
        let failing = fails > 0;
        Verdict {
            health: Health {
                fails,
                last_probe: if failing { Probe::Failing } else { Probe::Passing },
                failing_since: failing.then(|| self.now()),
                problem: failing.then(|| "it said 500".to_owned()),
                version: Some("1.2".to_owned()),
                drift: Some("it calls itself «bob»".to_owned()),
                ..Health::default()
            },
            change,
            next_at: self.now() + MINUTE,
        }
    }

    async fn recorded(&self, probe: &DueProbe, verdict: Verdict) -> Guarded<Option<Change>> {
        self.store.record_probe(probe, |_| verdict).await.unwrap()
    }
}

fn ids(due: &[DueProbe]) -> Vec<AgentId> {
    due.iter().map(|probe| probe.agent).collect()
}

on_both! {
    async fn a_new_agent_is_due_at_once_and_then_when_its_verdict_says(world) {
        let agent = world.agent(&world.developer("dev").await, "atlas").await;
        let due = world.due().await;
        assert_eq!(ids(&due), [agent.id]);
        let registered = &due[0].registered;
        assert_eq!((&registered.slug, &registered.capabilities), (&agent.slug, &agent.capabilities));
        assert_eq!((&due[0].endpoint_url, due[0].asked_at), (&agent.endpoint_url, world.now()));
        assert_eq!((due[0].execution_mode, due[0].seen_at), (ExecutionMode::Sync, None));

        let verdict = world.verdict(1, None);
        assert_eq!(done(world.recorded(&due[0], verdict.clone()).await), None);
        let expected = Health { probed_at: Some(world.now()), ..verdict.health };
        assert_eq!(world.stored(&agent).await.health, expected);
        world.clock.advance(MINUTE - TimeDelta::microseconds(1));
        assert!(world.due().await.is_empty());
        world.clock.advance(TimeDelta::microseconds(1));
        assert_eq!(ids(&world.due().await), [agent.id]);
    }
}

on_both! {
    async fn a_judge_is_shown_what_is_stored(world) {
        world.agent(&world.developer("dev").await, "atlas").await;
        let due = world.due().await;
        done(world.recorded(&due[0], world.verdict(2, None)).await);
        let expected = Health { probed_at: Some(world.now() + MINUTE), ..world.verdict(2, None).health };
        world.clock.advance(MINUTE);
        let again = world.due().await;
        let mut seen = None;
        let judge = |before: Health| {
            seen = Some(before.clone());
            Verdict { health: before, change: None, next_at: world.now() }
        };
        done(world.store.record_probe(&again[0], judge).await.unwrap());
        assert_eq!(seen, Some(expected));
    }
}

on_both! {
    async fn a_probe_is_claimed_by_one_until_it_is_lost(world) {
        let agent = world.agent(&world.developer("dev").await, "atlas").await;
        let first = world.due().await;
        assert!(world.due().await.is_empty());
        assert_eq!(world.due_of(&agent).await, None);
        world.clock.advance(TimeDelta::seconds(10));
        let second = world.due().await;
        assert_eq!(ids(&second), [agent.id], "nobody has stored the first one's result");

        assert_eq!(world.recorded(&first[0], world.verdict(1, None)).await, Guarded::Lost);
        done(world.recorded(&second[0], world.verdict(0, None)).await);
        assert_eq!(world.recorded(&first[0], world.verdict(1, None)).await, Guarded::Lost);
        assert_eq!(world.stored(&agent).await.health.last_probe, Probe::Passing, "the newer one counts");
    }
}

on_both! {
    async fn many_are_claimed_once_each_whoever_asks_at_the_same_time(world) {
        let developer = world.developer("dev").await;
        let mut all = Vec::new();
        for n in 0..30 {
            all.push(world.agent(&developer, &format!("agent-{n}")).await.id);
        }
        let mut replicas = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (store, times) = (world.store.clone(), world.times());
            replicas.spawn(async move {
                let mut mine = Vec::new();
                // On PostgreSQL rows that another is claiming are skipped: an empty answer is no proof of the end.
                for _ in 0..20 {
                    mine.extend(ids(&store.claim_probes(times, 4).await.unwrap()));
                }
                mine
            });
        }
        let mut claimed: Vec<AgentId> = replicas.join_all().await.concat();
        claimed.extend(ids(&world.store.claim_probes(world.times(), 30).await.unwrap()));
        claimed.sort_by_key(|agent| agent.uuid());
        all.sort_by_key(|agent| agent.uuid());
        assert_eq!(claimed, all);
    }
}

on_both! {
    async fn the_longest_due_are_chosen_and_no_more_than_wanted(world) {
        let developer = world.developer("dev").await;
        let mut agents = Vec::new();
        for slug in ["one", "two", "three"] {
            agents.push(world.agent(&developer, slug).await.id);
            world.clock.advance(MINUTE);
        }
        let mut first = ids(&world.store.claim_probes(world.times(), 2).await.unwrap());
        first.sort_by_key(|agent| agent.uuid());
        assert_eq!(first, agents[..2]);
        assert_eq!(ids(&world.store.claim_probes(world.times(), 2).await.unwrap()), agents[2..]);
    }
}

on_both! {
    async fn before_a_dispatch_only_what_is_stale_is_probed(world) {
        let agent = world.agent(&world.developer("dev").await, "atlas").await;
        let first = world.due_of(&agent).await.expect("it was never probed");
        done(world.recorded(&first, world.verdict(0, None)).await);
        world.clock.advance(TimeDelta::seconds(29));
        assert_eq!(world.due_of(&agent).await, None);
        world.clock.advance(TimeDelta::seconds(1));
        let second = world.due_of(&agent).await.expect("half a minute old");
        assert_eq!(second.asked_at, world.now());
        assert_eq!(world.due_of(&agent).await, None, "it is under way");
    }
}

on_both! {
    async fn who_cannot_be_asked_is_not_probed_until_it_can(world) {
        let developer = world.developer("dev").await;
        let mut agent = world.new_agent(&developer, "resting");
        agent.paused = true;
        world.store.add_agent(&agent, b"s").await.unwrap();
        let inactive = Agent { active: false, ..world.new_agent(&developer, "inactive") };
        world.store.add_agent(&inactive, b"s").await.unwrap();
        for visibility in [Visibility::Draft, Visibility::Hidden] {
            let one = Agent { visibility, ..world.new_agent(&developer, visibility.name()) };
            world.store.add_agent(&one, b"s").await.unwrap();
            assert_eq!(world.due_of(&one).await, None);
        }
        assert!(world.due().await.is_empty());
        assert_eq!(world.due_of(&agent).await, None);
        agent.paused = false;
        agent.visibility = Visibility::ComingSoon;
        world.store.update_agent(&agent, world.now()).await.unwrap();
        assert_eq!(ids(&world.due().await), [agent.id]);
    }
}

on_both! {
    async fn a_hidden_agent_stays_so_whatever_its_developer_writes(world) {
        let developer = world.developer("dev").await;
        let mut agent = world.agent(&developer, "atlas").await;
        let due = world.due().await;
        let hidden = done(world.recorded(&due[0], world.verdict(9, Some(Change::Hidden))).await);
        assert_eq!(hidden, Some(Change::Hidden));
        agent.description = "written before it was hidden".to_owned();
        world.store.update_agent(&agent, world.now()).await.unwrap();
        let stored = world.stored(&agent).await;
        assert_eq!((stored.visibility, &stored.description), (Visibility::Hidden, &agent.description));

        assert!(!world.store.unhide("nobody", world.now()).await.unwrap());
        assert!(world.store.unhide("atlas", world.now()).await.unwrap(), "an operator may");
        assert!(!world.store.unhide("atlas", world.now()).await.unwrap(), "once");
        assert_eq!(world.stored(&agent).await.visibility, Visibility::Live);
        assert_eq!(world.due().await[0].agent, agent.id, "it is probed at once");

        let mut draft = world.agent(&developer, "other").await;
        let due = world.due().await;
        draft.visibility = Visibility::Draft;
        world.store.update_agent(&draft, world.now()).await.unwrap();
        done(world.recorded(&due[0], world.verdict(9, Some(Change::Hidden))).await);
        assert_eq!(world.stored(&draft).await.visibility, Visibility::Draft, "it had left the market itself");
    }
}

on_both! {
    async fn failing_is_counted_anew_after_a_time_without_probes(world) {
        let agent = world.agent(&world.developer("dev").await, "atlas").await;
        let failing_since = async |world: &World| -> Option<Timestamp> {
            let due = world.due().await;
            let mut since = None;
            let judge = |before: Health| {
                since = before.failing_since;
                world.verdict(1, None)
            };
            done(world.store.record_probe(&due[0], judge).await.unwrap());
            since
        };
        let start = world.now();
        assert_eq!(failing_since(&world).await, None);
        world.clock.advance(TimeDelta::minutes(5));
        assert_eq!(failing_since(&world).await, Some(start));
        world.clock.advance(TimeDelta::minutes(5) + TimeDelta::seconds(1));
        assert_eq!(failing_since(&world).await, None, "nobody looked for longer than that");
        assert_eq!(world.stored(&agent).await.health.failing_since, Some(world.now()));
    }
}

on_both! {
    async fn a_new_address_is_probed_at_once_and_the_old_ones_result_is_dropped(world) {
        let mut agent = world.agent(&world.developer("dev").await, "atlas").await;
        let old = world.due().await;
        agent.endpoint_url = "https://new.example.com/execute".to_owned();
        world.store.update_agent(&agent, world.now()).await.unwrap();
        assert_eq!(world.recorded(&old[0], world.verdict(1, None)).await, Guarded::Lost);
        let new = world.due().await;
        assert_eq!(new[0].endpoint_url, agent.endpoint_url);
        done(world.recorded(&new[0], world.verdict(0, None)).await);
        world.store.update_agent(&agent, world.now()).await.unwrap();
        assert!(world.due().await.is_empty(), "the address is the same");
    }
}

on_both! {
    async fn an_agent_that_cannot_be_read_holds_up_no_other(world) {
        let developer = world.developer("dev").await;
        world.agent(&developer, "torn").await;
        let good = world.agent(&developer, "good").await;
        world.execute("UPDATE agents SET capabilities = '{}' WHERE slug = 'torn'").await;
        assert_eq!(ids(&world.due().await), [good.id]);
        assert_eq!(world.due().await, [], "none is due again at once");
        world.clock.advance(TimeDelta::seconds(10));
        let _ = world.store.claim_probe_of(good.id, world.times(), world.now()).await.unwrap();
        assert!(world.store.claim_probes(world.times(), 10).await.is_err(), "alone it is told of");
        assert_eq!(world.due().await, []);
    }
}
