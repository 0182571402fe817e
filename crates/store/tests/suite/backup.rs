//! A copy of a database in use.

use crate::support::on_both;
use gavel_domain::BasisPoints;
use gavel_store::doctor::Terms;
use gavel_store::{Engine, Store};

on_both! {
    async fn a_copy_holds_what_was_there_and_is_a_database_of_its_own(world) {
        let task = world.task(world.account("buyer").await).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it's a copy.db");
        let copied = world.store.copy_into(file.to_str().unwrap()).await.unwrap();
        assert_eq!(copied, world.store.engine() == Engine::Sqlite);
        if copied {
            let later = world.task(task.account).await;
            let copy = Store::open(&format!("sqlite:{}", file.display())).await.unwrap();
            assert_eq!(copy.task(task.id).await.unwrap().unwrap(), task);
            assert!(copy.task(later.id).await.unwrap().is_none());
            let examined = copy.examine(Terms { currency: "USD", fee: BasisPoints(1500) }).await.unwrap();
            assert_eq!((examined.findings, examined.counts[0]), (vec![], ("tasks", 1)));
            assert!(world.store.copy_into(file.to_str().unwrap()).await.is_err(), "nothing is overwritten");
        }
    }
}
