//! Accounts, keys, developers.

use crate::support::on_both;
use chrono::TimeDelta;
use gavel_domain::account::{ApiKey, Scope};
use gavel_domain::{AccountId, KeyId};
use gavel_store::{Engine, Error};

on_both! {
    async fn an_account_is_made_once_per_name(world) {
        let first = world.account("ada").await;
        assert_eq!(world.account("ada").await, first);
        assert_ne!(world.account("bob").await, first);
    }
}

on_both! {
    async fn a_key_is_found_by_its_hash_only(world) {
        let key = ApiKey {
            id: KeyId::new(world.now(), &world.chance),
            account: world.account("ada").await,
            scope: Scope::AgentManager,
            read_only: true,
            test: false,
            created_at: world.now(),
            revoked_at: None,
        };
        world.store.add_key(&key, &[7; 32]).await.unwrap();
        assert_eq!(world.store.key_by_hash(&[7; 32]).await.unwrap(), Some(key.clone()));
        assert_eq!(world.store.key_by_hash(&[8; 32]).await.unwrap(), None);
        world.store.touch_key(key.id, world.now()).await.unwrap();
        world.store.touch_key(key.id, world.now()).await.unwrap();
        let known = world.store.keys().await.unwrap().remove(0);
        assert_eq!((known.key, known.account.as_str(), known.last_used_at), (key.clone(), "ada", Some(world.now())));

        assert!(world.store.is_live(key.id).await.unwrap());
        assert!(world.store.revoke_key(key.id, world.now()).await.unwrap());
        assert!(!world.store.is_live(key.id).await.unwrap());
        assert!(!world.store.revoke_key(key.id, world.now()).await.unwrap(), "there is no live key any more");
        assert_eq!(world.store.key_by_hash(&[7; 32]).await.unwrap(), None);
        assert_eq!(world.store.keys().await.unwrap()[0].key.revoked_at, Some(world.now()));
    }
}

on_both! {
    async fn an_account_has_one_developer_record(world) {
        let developer = world.developer("ada").await;
        assert_eq!(world.store.developer_of(developer.account).await.unwrap(), Some(developer.clone()));
        let again = world.store.add_developer(&developer, b"x").await;
        assert!(matches!(again, Err(Error::Taken { .. })), "{again:?}");
        let nobody = AccountId::new(world.now(), &world.chance);
        assert_eq!(world.store.developer_of(nobody).await.unwrap(), None);
    }
}

on_both! {
    async fn a_fact_about_the_database_is_remembered_once(world) {
        assert_eq!(world.store.remembered("vault").await.unwrap(), None);
        assert_eq!(world.store.remember_once("vault", "one").await.unwrap(), "one");
        assert_eq!(world.store.remembered("vault").await.unwrap().as_deref(), Some("one"));
        assert_eq!(world.store.remember_once("vault", "two").await.unwrap(), "one");
    }
}

on_both! {
    async fn whether_writes_are_taken_is_tried_once_a_second(world) {
        let written = async || world.store.remembered("written_at").await.unwrap();
        for _ in 0..2 {
            world.store.takes_writes(world.now()).await.unwrap();
            let expected = (world.store.engine() == Engine::Sqlite).then(|| world.now().timestamp().to_string());
            assert_eq!(written().await, expected);
            world.clock.advance(TimeDelta::seconds(1));
        }
    }
}
