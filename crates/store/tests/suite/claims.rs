//! Leases and fences: who may write, and who no longer.

use crate::support::{done, on_both};
use chrono::TimeDelta;
use gavel_domain::event::Actor;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use gavel_store::Guarded;

on_both! {
    async fn a_task_is_claimed_by_one(world) {
        world.task(world.account("buyer").await).await;
        let claimed = world.claim().await;
        assert!(world.try_claim().await.is_none());
        world.store.release(claimed.lease(), Some(world.now())).await.unwrap();
        assert!(world.try_claim().await.is_some());
    }
}

on_both! {
    async fn a_renewed_lease_holds(world) {
        world.task(world.account("buyer").await).await;
        let claimed = world.claim().await;
        world.clock.advance(TimeDelta::seconds(20));
        assert!(world.store.renew(claimed.lease(), world.now() + TimeDelta::seconds(30)).await.unwrap());
        world.clock.advance(TimeDelta::seconds(20));
        assert!(world.try_claim().await.is_none());
        done(world.store.start(claimed, world.now(), world.now()).await.unwrap());
    }
}

on_both! {
    async fn a_cancel_takes_the_claim_away(world) {
        let developer = world.developer("dev").await;
        let agent = world.agent(&developer, "atlas").await;
        let task = world.task(world.account("buyer").await).await;
        let (claimed, invited) = world.prototyping(&task, &[&agent]).await;
        let cancelled = world.store.cancel(task.id, Actor::Buyer, "changed my mind", world.now()).await.unwrap();
        assert_eq!(cancelled.unwrap().state, TaskState::Cancelled);
        let late = world.end_invitation(&claimed, &world.ended(&invited[0], Outcome::Valid)).await;
        assert_eq!(late, Guarded::Lost);
        let after = world.store.dispatches(task.id, 1).await.unwrap();
        assert_eq!(after[0].invitation.ended.as_ref().unwrap().outcome, Outcome::Cancelled);
        assert!(world.store.gallery(task.id).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_second_process_on_one_sqlite_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("gavel.db").display());
    let first = gavel_store::Store::open(&url).await.unwrap();
    let second = gavel_store::Store::open(&url).await;
    assert!(matches!(second, Err(gavel_store::Error::InUse { .. })));

    let beside = gavel_store::Store::open_beside(&url, &gavel_store::Opening::default()).await.unwrap();
    beside.remember_once("a", "written beside the server").await.unwrap();
    assert_eq!(first.remember_once("a", "later").await.unwrap(), "written beside the server");
    drop(first);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_second_process_is_refused_by_whatever_name_it_comes() {
    use std::fs;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let url = |name: &str| format!("sqlite:{}", at(name).display());
    let first = gavel_store::Store::open(&url("gavel.db")).await.unwrap();
    fs::hard_link(at("gavel.db"), at("hard.db")).unwrap();
    std::os::unix::fs::symlink(at("gavel.db"), at("soft.db")).unwrap();
    for name in ["hard.db", "soft.db"] {
        let second = gavel_store::Store::open(&url(name)).await;
        assert!(matches!(second, Err(gavel_store::Error::InUse { .. })), "{name}");
    }
    fs::remove_file(at("gavel.db.lock")).unwrap();
    let second = gavel_store::Store::open(&url("gavel.db")).await;
    assert!(matches!(second, Err(gavel_store::Error::InUse { .. })), "the lock's file is gone");
    drop(first);
    gavel_store::Store::open(&url("soft.db")).await.unwrap();
}
