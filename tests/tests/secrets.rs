//! Nobody sees a secret that is not theirs, and nothing that is stored or logged holds one: whole tasks with agents that
//! repeat their developer's key and signing secrets wherever they can, then a hunt through everything there is to see.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod secrets {
    pub(crate) mod parrot; // agents that repeat what they know
    pub(crate) mod world; // a Gavel, and everything that can be seen of it
}

use gavel_tests::hunt::{Hunt, Secret, contains, log};
use secrets::parrot::{CALLS_BACK, header};
use secrets::world::{Seen, World};
use std::path::Path;

/// What the database's URL holds for a password.
const PASSWORD: &str = "a-password-that-nobody-may-see";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_seen_stored_or_logged_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("gavel.db").display());
    play_and_hunt(&database, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_does_anything_in_postgresql() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let database = server.create_database("secrets");
    let folder = database.split("?host=").nth(1).unwrap().replace("%2F", "/");
    let database = database.replacen("postgres@", &format!("postgres:{PASSWORD}@"), 1);
    play_and_hunt(&database, Path::new(&folder)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_without_its_password() {
    let log = log();
    let mut config = gavel::settings::defaults().unwrap();
    config.database_url = format!("postgres://gavel:{PASSWORD}@127.0.0.1:1/gavel");
    let refused = gavel::app::open(&config, &gavel_vault::OsChance).await.err().unwrap();
    let told = format!("{refused} {refused:?}");
    let secrets = [("the database's password".to_owned(), PASSWORD.to_owned())];
    hunt(&secrets, &[Seen { place: "the refusal".to_owned(), bytes: told.into_bytes() }]);
    hunt(&secrets, &[Seen { place: "the log".to_owned(), bytes: log.written().unwrap() }]);
}

/// Plays the tasks on a database whose files stand in `folder`, and looks everywhere.
async fn play_and_hunt(database: &str, folder: &Path) {
    let log = log();
    let keys = tempfile::tempdir().unwrap();
    let mut world = World::start(database, &keys.path().join("gavel.key")).await;
    world.play().await;
    world.knock().await;
    let mut secrets = world.secrets();
    secrets.push(("the database's password".to_owned(), PASSWORD.to_owned()));
    let answers = world.answers().await;
    let in_use = files(folder);
    // Whose call it was, and the operator, may see where its result was to go.
    let (log_of_calls, others): (Vec<_>, Vec<_>) = answers.iter().partition(|seen| seen.shows_own_calls());
    let tokenless: Vec<_> = secrets.iter().filter(|(name, _)| !name.contains("token")).cloned().collect();
    hunt(&tokenless, log_of_calls);
    hunt(&secrets, others);
    hunt(&secrets, &world.replays().await);
    hunt(&secrets, &in_use);
    requests(&world, &secrets);
    world.gavel.stop().await;
    hunt(&secrets, &files(folder));
    hunt(&secrets, &[Seen { place: "the log".to_owned(), bytes: log.written().unwrap() }]);

    let hidden = |seen: &Seen| contains(&seen.bytes, "[hidden]");
    assert!(answers.iter().any(hidden) && in_use.iter().any(hidden), "the parrots were heard");
    assert!(
        contains(&log.written().unwrap(), "TRACE") && contains(&log.written().unwrap(), "DEBUG"),
        "the log says all it can"
    );
}

/// Every agent sees the key of its own developer with each call, and no other secret; with a probe none at all.
fn requests(world: &World, secrets: &[Secret]) {
    for request in world.parrots.received() {
        let own = match request.way.as_str() {
            "honest" => "the key of the honest developer",
            _ => "the key of the developer",
        };
        let is_call = request.text.starts_with("POST");
        let shown = secrets.iter().any(|(name, key)| name == own && request.text.contains(key));
        assert_eq!(shown, is_call, "{} is shown its key: {}", request.way, request.text);
        let id = header(&request.text, "webhook-id").filter(|_| request.way == CALLS_BACK).unwrap_or("none");
        let own = [own, &format!("the callback secret of {id}"), &format!("the callback token of {id}")];
        let others: Vec<_> =
            secrets.iter().filter(|(name, _)| !own.contains(&name.as_str())).cloned().collect();
        let place = format!("a request to {}", request.way);
        hunt(&others, &[Seen { place, bytes: request.text.into_bytes() }]);
    }
}

fn hunt<'s>(secrets: &[Secret], seen: impl IntoIterator<Item = &'s Seen>) {
    let (hunt, mut looked, mut found) = (Hunt::for_any(secrets), 0, Vec::new());
    for seen in seen {
        looked += 1;
        found.extend(hunt.through(&seen.place, &seen.bytes));
    }
    assert!(looked > 0 && found.is_empty(), "{} finds:\n{}", found.len(), found.join("\n"));
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<Seen> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            // A socket cannot be read, and PostgreSQL may have taken a file away meanwhile.
            found.push(Seen { place: path.display().to_string(), bytes });
        }
    }
    found
}
