//! Decisions, and what they name.

use crate::support::{World, commit, done, on_both, on_postgres};
use chrono::TimeDelta;
use gavel_domain::Timestamp;
use gavel_store::decisions::{Decision, Hash};
use std::collections::{BTreeMap, BTreeSet};

const ONE: Hash = [1; 16];
const TWO: Hash = [2; 16];

fn naming(contents: &[Hash]) -> Decision {
    let texts = contents.iter().map(|hash| (*hash, format!("[{}]", hash[0])));
    Decision { document: r#"{"why":1}"#.to_owned(), contents: texts.collect() }
}

/// A task for which nobody could be asked.
async fn decided(world: &World, contents: &[Hash]) -> gavel_domain::TaskId {
    let task = world.task(world.account(&format!("buyer-{}", world.now())).await).await;
    let claimed = world.claim().await;
    done(world.store.nobody_eligible(claimed, &naming(contents), world.now()).await.unwrap());
    task.id
}

async fn kept(world: &World) -> BTreeMap<Hash, String> {
    world.store.contents(&BTreeSet::from([ONE, TWO])).await.unwrap()
}

on_both! {
    async fn contents_are_stored_once_and_go_when_no_decision_names_them(world) {
        let first = decided(&world, &[ONE, TWO]).await;
        assert_eq!(kept(&world).await, BTreeMap::from([(ONE, "[1]".to_owned()), (TWO, "[2]".to_owned())]));
        world.clock.advance(TimeDelta::days(3));
        let second = decided(&world, &[ONE]).await;
        let latest = world.store.latest_decisions(None, 10).await.unwrap();
        assert_eq!(latest.iter().map(|d| d.task).collect::<Vec<_>>(), [second, first]);
        assert!(world.store.latest_decisions(Some("translation"), 10).await.unwrap().is_empty());

        world.clock.advance(TimeDelta::days(60));
        let unused_since = world.now() - TimeDelta::days(30);
        assert_eq!(world.store.remove_contents(unused_since, 100).await.unwrap(), 0, "both are named");
        assert_eq!(remove_bodies(&world, world.now() - TimeDelta::days(61)).await, 1, "of the first");
        assert_eq!(world.store.remove_contents(unused_since, 100).await.unwrap(), 1);
        assert_eq!(kept(&world).await.into_keys().collect::<Vec<_>>(), [ONE]);
        assert_eq!(remove_bodies(&world, world.now()).await, 1);
        assert_eq!(world.store.remove_contents(unused_since, 100).await.unwrap(), 1);
    }
}

async fn remove_bodies(world: &World, ended_until: Timestamp) -> u64 {
    world.store.remove_bodies(ended_until, 10, world.now()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_decision_is_just_naming_again_is_not_removed() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let world = on_postgres(server, "naming_again").await;
    decided(&world, &[ONE, TWO]).await;
    world.clock.advance(TimeDelta::days(60));
    assert_eq!(remove_bodies(&world, world.now()).await, 1);
    let naming = "UPDATE contents SET used_at = used_at + INTERVAL '60 days' WHERE hash = decode(repeat('01', 16), 'hex')";
    let named = world.holding(naming).await;
    let removing = {
        let (store, unused_since) = (world.store.clone(), world.now() - TimeDelta::days(30));
        tokio::spawn(async move { store.remove_contents(unused_since, 100).await.unwrap() })
    };
    tokio::time::sleep(std::time::Duration::from_millis(300)).await; // it has come to what is held, or passed it by
    commit(named).await;
    assert_eq!(removing.await.unwrap(), 1);
    assert_eq!(kept(&world).await.into_keys().collect::<Vec<_>>(), [ONE]);
}
