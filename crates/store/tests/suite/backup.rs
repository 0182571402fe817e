//! A copy of a database in use.

use crate::support::on_both;
use gavel_store::backup::Copy;
use gavel_store::doctor::Terms;
use gavel_store::{Engine, Store};

on_both! {
    async fn a_copy_holds_what_was_there_and_is_a_database_of_its_own(world) {
        let task = world.task(world.account("buyer").await).await;
        let folder = tempfile::tempdir().unwrap();
        let (part, file) = (folder.path().join("it's a copy.part"), folder.path().join("it's a copy.db"));
        let (part, file) = (part.to_str().unwrap(), file.to_str().unwrap());
        let copy = Copy::begin(part).unwrap();
        let copied = world.store.copy_into(&copy).await.unwrap();
        assert_eq!(copied, world.store.engine() == Engine::Sqlite);
        if copied {
            let later = world.task(task.account).await;
            assert!(world.store.copy_into(&copy).await.is_err(), "nothing is overwritten");
            let bytes = copy.keep(file).unwrap();
            assert_eq!(bytes, std::fs::metadata(file).unwrap().len());
            let copy = Store::open(&format!("sqlite:{file}")).await.unwrap();
            assert_eq!(copy.task(task.id).await.unwrap().unwrap(), task);
            assert!(copy.task(later.id).await.unwrap().is_none());
            let examined = copy.examine(Terms { currency: "USD" }).await.unwrap();
            assert_eq!((examined.findings, examined.counts[0]), (vec![], ("tasks", 1)));
        }
    }
}

#[test]
fn a_copy_that_is_not_kept_is_gone_and_one_that_is_there_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("part");
    let text = part.to_str().unwrap();
    let copy = Copy::begin(text).unwrap();
    assert!(part.exists() && Copy::begin(text).is_err());
    drop(copy);
    assert!(!part.exists());
    std::fs::write(&part, "somebody's").unwrap();
    assert!(Copy::begin(text).is_err());
    assert_eq!(std::fs::read(&part).unwrap(), b"somebody's");
}
