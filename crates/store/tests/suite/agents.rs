//! Agents as stored and as triage sees them.

use crate::support::{done, on_both};
use gavel_domain::agent::Visibility;
use gavel_domain::invitation::Outcome;
use gavel_domain::{Money, Ppm};
use gavel_store::Error;
use std::collections::BTreeSet;

on_both! {
    async fn an_agent_reads_back_as_written(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "atlas").await;
        let (read, record) = world.store.agent(agent.id).await.unwrap().unwrap();
        assert_eq!(read, agent);
        assert_eq!(record, Default::default());
        assert_eq!(world.store.agents_of(developer.id, false).await.unwrap(), vec![(agent.clone(), record)]);
        assert!(world.store.agents_of(developer.id, true).await.unwrap().is_empty());
        let twin = world.new_agent(&developer, "atlas");
        assert!(matches!(world.store.add_agent(&twin, b"s").await, Err(Error::Taken { .. })));
    }
}

on_both! {
    async fn a_changed_agent_is_a_candidate_for_what_it_now_declares(world) {
        let developer = world.developer("dev").await;
        let mut agent = world.agent(&developer, "atlas").await;
        agent.capabilities = vec!["translation".to_owned()];
        agent.visibility = Visibility::Beta;
        agent.min_price = Money::from_minor(900);
        world.store.update_agent(&agent, world.now()).await.unwrap();
        let none = world.store.candidates("content-writing", false, world.now()).await.unwrap();
        assert!(none.is_empty());
        let one = world.store.candidates("translation", false, world.now()).await.unwrap();
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].agent, agent);
        assert_eq!(one[0].owner, developer.account);
    }
}

on_both! {
    async fn outcomes_and_scores_become_the_record(world) {
        let developer = world.developer("dev").await;
        let (good, bad) = (world.agent(&developer, "good").await, world.agent(&developer, "bad").await);
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&good, &bad]).await;

        let facts = world.store.candidates("content-writing", false, world.now()).await.unwrap();
        assert!(facts.iter().all(|f| f.in_flight == 1 && f.boosted_lately == 2));

        world.scored(&claimed, &invited[0], 810_000).await;
        done(world.end_invitation(&claimed, &world.ended(&invited[1], Outcome::Timeout)).await);
        let facts = world.store.candidates("content-writing", false, world.now()).await.unwrap();
        let of = |slug: &str| facts.iter().find(|f| f.agent.slug == slug).unwrap();
        assert_eq!(of("good").standing.as_ref().unwrap().progress.scores, vec![810_000]);
        assert_eq!((of("good").record.real_tasks, of("good").record.succeeded()), (1, 1));
        assert_eq!(of("good").record.last_active_at, Some(world.now()));
        assert_eq!((of("bad").record.counted(), of("bad").record.succeeded()), (1, 0));
        assert_eq!(of("bad").in_flight, 0);

        let stats = world.store.agent_stats(good.id, 10).await.unwrap();
        assert_eq!(stats.outcomes.get(&Outcome::Valid), Some(&1));
        assert_eq!(stats.scores["content-writing"], vec![Ppm::new(810_000)]);
        assert_eq!(stats.recent[0].bid.as_ref().unwrap().score, Some(Ppm::new(810_000)));
        let stats = world.store.agent_stats(bad.id, 10).await.unwrap();
        assert_eq!(stats.recent[0].outcome, Some(Outcome::Timeout));
        assert_eq!((stats.wins, stats.presented, stats.in_flight), (0, 0, 0));
    }
}

on_both! {
    async fn an_agent_that_cannot_be_read_keeps_no_other_from_being_asked(world) {
        let developer = world.developer("dev").await;
        for slug in ["good", "torn", "other"] {
            world.agent(&developer, slug).await;
        }
        let candidates = async || {
            let facts = world.store.candidates("content-writing", false, world.now()).await.unwrap();
            facts.into_iter().map(|f| f.agent.slug).collect::<BTreeSet<_>>()
        };
        assert_eq!(candidates().await.len(), 3);
        world.execute("UPDATE agents SET specialist_types = '{\"not\": \"a list\"}' WHERE slug = 'torn'").await;
        assert_eq!(candidates().await, BTreeSet::from(["good".to_owned(), "other".to_owned()]));
        world.execute("INSERT INTO standings (agent_id, category, scores)
            SELECT id, 'content-writing', '[\"not a score\"]' FROM agents WHERE slug = 'good'").await;
        assert_eq!(candidates().await, BTreeSet::from(["other".to_owned()]), "neither does what is known of one");
    }
}
