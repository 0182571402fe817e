//! `gavel doctor`, as its users meet it. What it finds is tried where faults can be planted, in the store.

use crate::support::Place;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// What SQLite reads and writes at a time.
const PAGE: u64 = 4096;

#[test]
fn a_database_of_an_older_gavel_stays_as_it_is() {
    let place = Place::new();
    place.key("task_poster");
    let version = "SELECT MAX(version) FROM _sqlx_migrations";
    let ask = |name: &str| -> i64 {
        let file = rusqlite::Connection::open(place.path(name)).unwrap();
        file.query_row(version, [], |row| row.get(0)).unwrap()
    };
    let newest = ask("gavel.db");
    let file = rusqlite::Connection::open(place.path("gavel.db")).unwrap();
    file.execute("DELETE FROM _sqlx_migrations WHERE version = ?1", [newest]).unwrap();
    drop(file);

    let (code, out, err) = place.ran(&["doctor"]);
    assert!(out.contains(&format!("is at version {}, and", newest - 1)), "{out}");
    assert!(code == 1 && err.contains("`gavel migrate` first"), "{code} {err}");
    let (code, out, _) = place.ran(&["doctor", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let older = serde_json::json!({ "found": newest - 1, "needed": newest });
    assert_eq!((code, &document["sound"], &document["older"]), (1, &serde_json::Value::Null, &older));

    let (code, out, err) = place.ran(&["backup", "copy.db"]);
    assert!(code == 0 && out.contains("copy.db holds the whole database"), "{code} {out} {err}");
    assert_eq!((ask("copy.db"), ask("gavel.db")), (newest - 1, newest - 1));
    assert!(!place.path(&format!("gavel.db.v{}", newest - 1)).exists(), "nobody meant to migrate it");
}

#[test]
fn a_damaged_file_is_told_and_the_exit_code_says_so() {
    let place = Place::new();
    place.key("task_poster");
    let (code, out, _) = place.ran(&["doctor"]);
    assert!(code == 0 && out.starts_with("Nothing is wrong: ") && out.contains(" 0 tasks, "), "{code} {out}");

    let file = File::options().write(true).open(place.path("gavel.db")).unwrap();
    let pages = file.metadata().unwrap().len() / PAGE;
    for page in [1, pages / 2, pages - 1] {
        file.write_all_at(&[0xA5; PAGE as usize], page * PAGE).unwrap();
        let (code, out, err) = place.ran(&["doctor"]);
        assert!(
            code == 1 && out.contains("damaged: ") && out.contains("restore the newest backup"),
            "{code} {out}"
        );
        assert!(err.contains("wrong"), "{err}");
    }
    let (code, out, _) = place.ran(&["doctor", "--json"]);
    assert_eq!(code, 1);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&document["sound"], &document["findings"][0]["check"]), (&false.into(), &"damaged".into()));
}

#[test]
fn a_key_file_that_opens_nothing_is_told() {
    let place = Place::new();
    place.key("task_poster");
    let right = std::fs::read_to_string(place.path("gavel.key")).unwrap();
    let (code, out, err) = place.ran(&["doctor"]);
    assert!(code == 0 && out.starts_with("Nothing is wrong: ") && err.is_empty(), "{code} {out} {err}");

    std::fs::remove_file(place.path("gavel.key")).unwrap();
    let (code, out, err) = place.ran(&["doctor"]);
    assert!(code == 0 && out.starts_with("Nothing is wrong: "), "a copy lies apart from its key: {out}");
    assert!(err.contains("gavel.key is not there"), "{err}");
    assert!(!place.path("gavel.key").exists(), "nothing is made");

    for wrong in ["0".repeat(64), "no key".to_owned()] {
        std::fs::write(place.path("gavel.key"), wrong).unwrap();
        let (code, out, _) = place.ran(&["doctor"]);
        assert!(code == 1 && out.contains("key_file: the key file gavel.key does not open"), "{code} {out}");
    }
    std::fs::write(place.path("gavel.key"), right).unwrap();
    assert_eq!(place.json(&["doctor"])["sound"], true);
}
