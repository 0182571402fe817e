//! No room for a write: buyers are told to come back, what is there can be read, and when there is room all goes on.

use crate::support::arena::Arena;
use crate::support::buyer::Buyer;
use crate::support::dice::Dice;
use crate::support::place::{Place, texts};
use crate::support::{ONE_AT_A_TIME, PATIENCE, aloud, wanted};
use gavel_testkit::disk::{Disk, fill};
use std::process::Command;
use std::time::{Duration, Instant};

const BUYERS: usize = 4;
const SLACK: Duration = Duration::from_secs(1);
/// Where nothing can be written, what was posted can be seen all the same.
const NOTHING_FITS: Expected = &[
    ("POST", "/api/v1/tasks", 503),
    ("GET", "/readyz", 503),
    ("GET", "/api/v1/tasks", 200),
    ("GET", "/livez", 200),
];
/// Where little is left, the next write may fit again: SQLite has cleaned up.
const LITTLE_FITS: Expected = &[("GET", "/api/v1/tasks", 200), ("GET", "/livez", 200)];

type Expected = &'static [(&'static str, &'static str, u16)];

/// By a limit on the size of files: everywhere, and to the last byte.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_may_not_be_written_are_outlived() {
    if !has("prlimit") {
        return aloud("skipped: there is no prlimit, which takes room away from a running process");
    }
    // What is over its limit would be killed by a signal; who ignores it gets an error, as from a full disk.
    let place = Place::new().launched_by(&["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    outlives("a limit on files", place, NOTHING_FITS, |arena| {
        let process = arena.replica(0).id().to_string();
        limit(&process, "0");
        move || limit(&process, "unlimited")
    })
    .await;
}

/// By a file system of its own that somebody else fills.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_file_system_is_outlived() {
    let folder = tempfile::tempdir().unwrap();
    // What is written in between stays: more times need more room.
    let megabytes = 64 + 4 * u32::try_from(wanted("GAVEL_DISK_FULLS", 6)).unwrap();
    let Some(disk) = Disk::mount(folder.path(), megabytes) else { return };
    let url = format!("sqlite:{}", folder.path().join("gavel.db").display());
    let filler = folder.path().join("filler");
    outlives("a full file system", Place::new().set("GAVEL__DATABASE__URL", &url), LITTLE_FITS, |_| {
        fill(&filler);
        let filler = filler.clone();
        move || std::fs::remove_file(filler).unwrap()
    })
    .await;
    drop(disk);
}

/// Takes the room away and gives it back, again and again under load. `take_room` returns what gives it back.
async fn outlives<G: FnOnce()>(
    what: &str,
    place: Place,
    expected: Expected,
    take_room: impl Fn(&mut Arena) -> G,
) {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (times, seed) = (wanted("GAVEL_DISK_FULLS", 6), wanted("GAVEL_SEED", 1));
    let dice = Dice::new(seed);
    let mut arena = Arena::open(place, 1).await;
    let load = arena.load(BUYERS, seed);
    let mut slowest = Duration::ZERO;
    let prober = arena.buyer(BUYERS, seed);
    for time in 0..times {
        tokio::time::sleep(dice.ms(200..1_000)).await;
        let give_back = take_room(&mut arena);
        let posted = until_put_off(&prober, time).await;
        arena.none_ready().await;
        arena.all_answer(expected).await;
        tokio::time::sleep(dice.ms(0..800)).await;
        give_back();
        let since = Instant::now();
        arena.all_ready().await;
        arena.goes_on().await;
        slowest = slowest.max(since.elapsed());
        for task in posted {
            prober.cancel(&task).await;
        }
    }
    let verdict = arena.settle(load, SLACK).await;
    aloud(&format!("{what}: work went on within {} ms of there being room", slowest.as_millis()));
    verdict.must_be_clean(&format!("{what}, {times} times, seed {seed}"));
}

/// What was reserved before is used up first; what is taken until then counts. A task that was put off must leave
/// nothing behind: its key is not used again.
async fn until_put_off(prober: &Buyer, time: u64) -> Vec<String> {
    let (mut posted, since) = (Vec::new(), Instant::now());
    while let Some(task) = prober.try_post(&format!("full-{time}-{}", posted.len())).await {
        posted.push(task);
        assert!(since.elapsed() < PATIENCE, "writes still find room");
    }
    posted
}

#[test]
fn a_database_that_cannot_be_written_is_told_at_the_start() {
    let mut place = Place::new();
    let _ = place.key("admin");
    if is_root() {
        // Root may write what it likes: somebody else has to try.
        let nobody = &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let given = Command::new("chown").args(["-R", "65534:65534"]).arg(place.dir()).status().unwrap();
        let mut tried = Command::new(nobody[0]);
        tried.args(&nobody[1..]).arg(env!("CARGO_BIN_EXE_gavel")).arg("--version");
        if !given.success() || !tried.output().is_ok_and(|output| output.status.success()) {
            return aloud("skipped: root may write everything, and nobody else may run the binary here");
        }
        place = place.launched_by(nobody);
    }
    let file = place.path("gavel.db");
    let mut rights = std::fs::metadata(&file).unwrap().permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&file, rights).unwrap();
    let output = place.serve().output().unwrap();
    let said = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("gavel.db: Permission denied"), "{said}");
}

/// The largest file that this process may write, from now on.
fn limit(process: &str, bytes: &str) {
    let done = Command::new("prlimit").args(["--pid", process, &format!("--fsize={bytes}:")]).status();
    assert!(done.unwrap().success());
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
