//! Every file of `tests/scenarios` is one story, played on a whole Gavel: the real binary's parts, a SQLite file, real
//! sockets, agents on loopback. A file reads from top to bottom:
//!
//! - `story`: what happens, in a sentence; `covers`: what the file proves (see `coverage.rs`).
//! - `settings`: what differs from the defaults of `world.rs`; times in milliseconds. `"loop": false` starts a server
//!   whose loop takes up nothing, so that a state that passes in an instant holds still (`open`, `accepted`; `matching`
//!   too, after the store's own step `start_by_hand`).
//! - `task`: the body of `POST /tasks`.
//! - `agents`: what each is (`health`: the story begins when Gavel has probed it so; `max_concurrency`; `execution_mode`)
//!   and what it does. One that answers at once: call by call (the last reply repeats): `"work"`, `{"work_for": PRICE}`,
//!   `{"says": JSON}`, `{"text": "..."}`, `{"status": 503}`, `"hang"`, `"close"`. An asynchronous one `calls_back` by itself, or
//!   in steps; one that pulls has a `worker` from the start, or from a step on. Then every call that `is_sent` to it, in
//!   order (`again` marks a second send: it must carry the webhook-id of the call before, as no other call may), and
//!   what it `hears` when it brings a result by itself. Key, both signatures, all headers and the keys of the body are
//!   checked on every call, and at the end what the outcome left on the agent's record and in its delivery log.
//! - `steps`: the buyer's doing (`post`, `select`, `cancel`, `approve`, `revision`, `post_beside`), the agents'
//!   (`call_back`, `worker`), several at once in a `race`, ours (`restart`, `start_by_hand`), and `wait` (until it is so) or `check` (it is so now). `expect` names the status and
//!   the problem's code; without it the step must succeed.
//! - `then`: how it ends: state, reason, every outcome, every bid, the delivery, and in each file the ledger. `told` names
//!   what the buyer's endpoint was told, in order; that this is all there was to tell, once each and signed in both
//!   ways, is checked in every file.
//!
//! After each file, and in the log of all of them, no secret is anywhere but where it belongs (see `hunt.rs`).
//!
//! A key that is none of these is an error. `SCENARIO=part-of-a-name cargo test -p gavel-tests --test scenarios` plays
//! the files whose names contain it.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod scenarios {
    pub(crate) mod acting; // what the agents do
    pub(crate) mod callback; // a result that the story itself brings
    pub(crate) mod calls; // what the agents were sent
    pub(crate) mod client; // the REST API as a buyer's program calls it
    pub(crate) mod coverage; // what the files must cover together
    pub(crate) mod format; // what a file may say
    pub(crate) mod hunt; // where no secret may be
    pub(crate) mod play; // one file, from its first step to its end
    pub(crate) mod record; // what a task leaves on an agent's record
    pub(crate) mod seen; // what is there to be seen, and how it differs from what was expected
    pub(crate) mod told; // what the buyer's endpoint is told
    pub(crate) mod world; // a Gavel, its agents and its buyer
}

use futures::{StreamExt, stream};
use scenarios::{coverage, format, format::Scenario, hunt, play};

/// Files played side by side: most of their time they wait.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_file_ends_as_it_says() {
    gavel_tests::hunt::log();
    let wanted = std::env::var("SCENARIO").unwrap_or_default();
    let files = format::read_all().unwrap().into_iter().filter(|(name, _)| name.contains(&wanted));
    let played = stream::iter(files).map(|(name, scenario)| async move {
        let ended = tokio::spawn(async move { play::play(&scenario).await }).await;
        match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{name}: {error:#}")),
            Err(panic) => Some(format!("{name}: {panic}")),
        }
    });
    let ended: Vec<Option<String>> = played.buffer_unordered(AT_ONCE).collect().await;
    let failed: Vec<&str> = ended.iter().flatten().map(String::as_str).collect();
    assert!(!ended.is_empty(), "no file's name contains {wanted:?}");
    assert!(failed.is_empty(), "{} of {} files:\n\n{}\n", failed.len(), ended.len(), failed.join("\n\n"));
    hunt::through_the_log().unwrap();
}

#[test]
fn the_files_cover_all_that_must_be_covered() {
    let files = format::read_all().unwrap();
    let (missing, unknown) = coverage::gaps(&files);
    assert!(missing.is_empty(), "no file covers:\n{}", missing.join("\n"));
    assert!(unknown.is_empty(), "not on the list of coverage.rs:\n{}", unknown.join("\n"));
}

#[test]
fn a_key_that_is_not_known_is_an_error() {
    let whole = include_str!("../scenarios/review-select.json");
    assert!(serde_json::from_str::<Scenario>(whole).is_ok());
    for (known, unknown) in [
        ("\"story\":", "\"moral\": 1, \"story\":"),
        ("\"do\": \"select\",", "\"do\": \"select\", \"force\": true,"),
        ("\"do\": \"approve\"", "\"do\": \"approve\", \"tip\": 1"),
        ("\"do\": \"wait\",", "\"do\": \"wait\", \"patience\": 1,"),
        ("\"do\": \"post\"", "\"do\": \"publish\""),
        ("\"then\": \"work\"", "\"then\": \"work\", \"twice\": true"),
        ("\"mode\": \"final\"", "\"mode\": \"final\", \"when\": 1"),
        ("\"outcomes\":", "\"outcome\": {}, \"outcomes\":"),
        ("\"transfers\":", "\"fees\": 0, \"transfers\":"),
    ] {
        assert!(whole.contains(known), "{known} stands in the file");
        let read = serde_json::from_str::<Scenario>(&whole.replacen(known, unknown, 1));
        assert!(read.is_err(), "{unknown} is refused");
    }
}
