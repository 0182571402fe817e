//! Killing a process shows nothing of what the kernel still held: its page cache outlives the process. So we look at
//! what the process asks of the kernel: before each 201 leaves, the write-ahead log has been synced to the disk.

use crate::support::aloud;
use crate::support::arena::ready;
use crate::support::buyer::brief;
use crate::support::http::{Ask, Caller};
use crate::support::place::Place;
use crate::support::server::{Log, Server};
use crate::support::told::History;
use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;

const POSTS: usize = 20;
const CALLS: &str = "trace=fdatasync,fsync,recvfrom,read,sendto,write,writev";

#[tokio::test(flavor = "multi_thread")]
async fn every_201_is_on_the_disk_before_it_is_told() {
    let traced = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    if !traced.is_ok_and(|output| output.status.success()) {
        return aloud("skipped: strace is not here, or may not trace");
    }
    // -D: the process is our child and strace is not, so it gets our signals.
    let launcher = ["strace", "-D", "-f", "-qq", "-y", "-s", "40", "-e", CALLS, "-o", "trace"];
    let place = Place::new().launched_by(&launcher);
    let key = place.key("task_poster");
    let mut server = Server::spawn(place.serve(), &Log::default());
    let url = format!("http://{}", server.listens().await.unwrap());
    ready(&url).await;
    let buyer = Caller::new(&url, &key, &Arc::new(History::new()));
    for number in 0..POSTS {
        let body = brief(&number.to_string());
        let answer = buyer.once(&Ask::post("/api/v1/tasks", &body, &number.to_string())).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    server.signal("-TERM");
    assert!(server.ended().await.success());
    let trace = std::fs::read_to_string(place.path("trace")).unwrap();
    let told = told(&trace);
    aloud(&format!(
        "{} answers 201 traced, {} after a sync",
        told.len(),
        told.iter().filter(|s| **s).count()
    ));
    assert_eq!(told, [true; POSTS]);
}

/// For each 201 of the trace: whether a sync of the log began after its request had come, and ended before it left.
fn told(trace: &str) -> Vec<bool> {
    let (mut told, mut began) = (Vec::new(), HashMap::new());
    let (mut arrived, mut synced) = (usize::MAX, false);
    for (at, line) in trace.lines().enumerate() {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        if call.contains("\"POST /api/v1/tasks ") {
            (arrived, synced) = (at, false);
        }
        if call.starts_with("f") && call.contains("-wal>") {
            began.insert(thread, at);
        }
        let syncs =
            call.starts_with("fdatasync(") || call.starts_with("fsync(") || call.contains("sync resumed>");
        if syncs && call.ends_with("= 0") {
            synced |= began.remove(thread).is_some_and(|since| since > arrived);
        }
        if call.contains("\"HTTP/1.1 201 ") {
            told.push(synced);
        }
    }
    told
}

#[test]
fn a_trace_tells_who_answers_too_early() {
    const COMES: &str =
        r#"11 recvfrom(9<socket:[1]>, "POST /api/v1/tasks HTTP/1.1\r\nhost"..., 8192, 0, NULL, NULL) = 300"#;
    const BEGINS: &str = "12 fdatasync(7</d/gavel.db-wal> <unfinished ...>";
    const ENDS: &str = "12 <... fdatasync resumed>) = 0";
    const FAILS: &str = "12 <... fdatasync resumed>) = -1 EIO (Input/output error)";
    const WHOLE: &str = "12 fdatasync(7</d/gavel.db-wal>) = 0";
    const OTHER: &str = "12 fdatasync(8</d/gavel.db>) = 0";
    const LEAVES: &str =
        r#"11 writev(9<socket:[1]>, [{iov_base="HTTP/1.1 201 Created\r\nconten"..., iov_len=1}], 1) = 9"#;
    let check =
        |lines: &[&str], expected: &[bool]| assert_eq!(told(&lines.join("\n")), expected, "{lines:#?}");
    check(&[COMES, WHOLE, LEAVES], &[true]);
    check(&[COMES, BEGINS, ENDS, LEAVES], &[true]);
    check(&[COMES, LEAVES, WHOLE], &[false]);
    check(&[COMES, BEGINS, LEAVES, ENDS], &[false]);
    check(&[BEGINS, COMES, ENDS, LEAVES], &[false]);
    check(&[COMES, BEGINS, FAILS, LEAVES], &[false]);
    check(&[COMES, OTHER, LEAVES], &[false]);
    check(&[COMES, WHOLE, LEAVES, COMES, LEAVES], &[true, false]);
}
