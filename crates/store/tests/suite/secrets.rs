//! Signing secrets and developer keys, as they are rotated.

use crate::support::on_both;
use chrono::TimeDelta;
use gavel_domain::{AgentId, DeveloperId};
use gavel_store::secrets::{Rotation, SealedSecrets};

on_both! {
    async fn a_secret_is_pending_then_current_then_gone(world) {
        let agent = world.agent(&world.developer("ada").await, "one").await.id;
        let stored = async || world.store.sealed_secrets(agent).await.unwrap().unwrap();
        let at = |hours| world.now() + TimeDelta::hours(hours);
        assert_eq!(stored().await, SealedSecrets { current: b"sealed secret".to_vec(), pending: None });

        assert_eq!(world.store.rotate_secret(agent, b"second", at(24), at(0)).await.unwrap(), Rotation::Done);
        assert_eq!(stored().await.live(at(23)), [b"sealed secret".as_slice(), b"second"]);
        let again = world.store.rotate_secret(agent, b"third", at(47), at(23)).await.unwrap();
        assert_eq!(again, Rotation::Overlaps { until: at(24) });
        assert_eq!(stored().await.live(at(24)), [b"second"]);

        assert_eq!(world.store.rotate_secret(agent, b"third", at(48), at(24)).await.unwrap(), Rotation::Done);
        let pending = Some((b"third".to_vec(), at(48)));
        assert_eq!(stored().await, SealedSecrets { current: b"second".to_vec(), pending });
    }
}

on_both! {
    async fn a_pending_secret_is_promoted_early_once(world) {
        let agent = world.agent(&world.developer("ada").await, "one").await.id;
        let promotes_at = world.now() + TimeDelta::hours(1);
        assert!(!world.store.promote_secret(agent, world.now()).await.unwrap(), "nothing is pending");
        let _ = world.store.rotate_secret(agent, b"second", promotes_at, world.now()).await.unwrap();
        assert!(world.store.promote_secret(agent, world.now()).await.unwrap());
        assert!(!world.store.promote_secret(agent, world.now()).await.unwrap());
        let stored = world.store.sealed_secrets(agent).await.unwrap().unwrap();
        assert_eq!(stored, SealedSecrets { current: b"second".to_vec(), pending: None });
    }
}

on_both! {
    async fn of_two_rotations_at_once_one_is_refused(world) {
        let agent = world.agent(&world.developer("ada").await, "one").await.id;
        let (now, promotes_at) = (world.now(), world.now() + TimeDelta::hours(1));
        let rotate = |secret: &'static [u8]| world.store.rotate_secret(agent, secret, promotes_at, now);
        let (one, two) = tokio::join!(rotate(b"one"), rotate(b"two"));
        let done = [one.unwrap(), two.unwrap()].iter().filter(|rotation| **rotation == Rotation::Done).count();
        assert_eq!(done, 1);
    }
}

on_both! {
    async fn a_developers_key_is_replaced(world) {
        let developer = world.developer("ada").await.id;
        let other = world.developer("bob").await.id;
        world.store.replace_developer_key(developer, b"second").await.unwrap();
        let stored = async |id| world.store.sealed_developer_key(id).await.unwrap();
        assert_eq!(stored(developer).await.as_deref(), Some(b"second".as_slice()));
        assert_eq!(stored(other).await.as_deref(), Some(b"sealed key".as_slice()));
    }
}

on_both! {
    async fn what_does_not_exist_has_no_secret(world) {
        let agent = AgentId::new(world.now(), &world.chance);
        let developer = DeveloperId::new(world.now(), &world.chance);
        assert_eq!(world.store.sealed_secrets(agent).await.unwrap(), None);
        assert_eq!(world.store.sealed_developer_key(developer).await.unwrap(), None);
        assert!(world.store.promote_secret(agent, world.now()).await.is_err());
        assert!(world.store.replace_developer_key(developer, b"x").await.is_err());
    }
}
