//! A client whose connection is cut again and again, in the middle of an event or between two, while the task goes on:
//! resumed with `Last-Event-ID` it sees the whole log, each event once. On PostgreSQL another process writes.

use crate::testing::World;
use chrono::TimeDelta;
use futures::StreamExt;
use gavel_domain::event::Event;
use gavel_domain::{Chance, DeliveryId, TaskId};
use gavel_store::{Store, choices::Revision};
use gavel_testkit::SeededChance;
use serde_json::{Value, json};
use std::time::Duration;

const CUTS: usize = 100;
/// Bytes that arrive before a cut: from none of an event to a few whole ones.
const BYTES_MAX: u64 = 1000;
/// Enough for all cuts: each revision is two events, and each event some 200 bytes.
const REVISIONS: usize = 160;
/// Longer than all of it takes, even where another process is looked for once a second.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_log_arrives_once_whatever_is_cut_on_sqlite() {
    let world = World::new().await;
    let writer = world.state.store.clone(); // a SQLite file has one process
    check(&world, writer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_log_arrives_once_whatever_is_cut_from_another_replica() {
    let Some(server) = gavel_testkit::postgres::server() else { return };
    let url = server.create_database("cut_streams");
    let (reader, writer) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
    let world = World::with(|state| state.store = reader).await;
    check(&world, writer).await;
}

async fn check(world: &World, writer: Store) {
    let task = world.delivered().await;
    let id: TaskId = task.parse().unwrap();
    let writing = world.writing_to(writer.clone());
    let (seen, ()) = tokio::join!(read_all(world, &task), async {
        for _ in 0..REVISIONS {
            writing.clock.advance(TimeDelta::milliseconds(7));
            let now = writing.state.now();
            let wish = Revision {
                id: DeliveryId::new(now, writing.state.chance.as_ref()),
                notes: "Shorter.".to_owned(),
                deadline_at: now + TimeDelta::seconds(300),
            };
            writer.request_revision(id, wish, u32::MAX, now).await.unwrap().unwrap();
            writing.final_call(&task).await;
        }
        writer.approve(id, None, writing.state.now()).await.unwrap().unwrap();
    });
    let log = writer.events_after(id, 0, 10_000).await.unwrap();
    assert!(log.len() > 2 * REVISIONS, "{}", log.len());
    assert_eq!(seen.len(), log.len());
    for (seen, event) in seen.iter().zip(&log) {
        assert_eq!(seen, &told(event));
    }
}

/// What a client knows of an event: its id, its name and what it says.
fn told(event: &Event) -> (i64, String, Value) {
    let view = crate::render::event(event);
    (event.seq, event.kind.name().to_owned(), serde_json::to_value(view).unwrap())
}

/// Comes back with the last id it saw, until the stream ends by itself.
async fn read_all(world: &World, task: &str) -> Vec<(i64, String, Value)> {
    let (mut seen, mut cuts, chance) = (Vec::new(), 0, SeededChance::new(50));
    let reading = async {
        loop {
            let bytes = if cuts < CUTS { Some(draw(&chance)) } else { None };
            let last = seen.last().map_or(0, |(id, ..): &(i64, String, Value)| *id);
            let (events, ended) = read(world, task, last, bytes).await;
            seen.extend(events);
            if ended {
                break;
            }
            cuts += 1;
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the stream comes to its end");
    assert_eq!(cuts, CUTS, "the log was long enough for all cuts");
    seen
}

fn draw(chance: &dyn Chance) -> usize {
    let mut luck = [0; 8];
    chance.fill(&mut luck);
    usize::try_from(u64::from_be_bytes(luck) % BYTES_MAX).unwrap()
}

/// One connection: the events that arrived whole in so many bytes, and whether the stream ended before.
async fn read(
    world: &World,
    task: &str,
    last: i64,
    bytes: Option<usize>,
) -> (Vec<(i64, String, Value)>, bool) {
    let request = world.request("GET", &format!("/api/v1/tasks/{task}/events"), world.buyer());
    let request = if last > 0 { request.header("last-event-id", last.to_string()) } else { request };
    let response = world.stream(request).await;
    assert_eq!(response.status(), 200);
    let (mut body, mut arrived, mut ended) = (response.into_body().into_data_stream(), Vec::new(), true);
    while let Some(chunk) = body.next().await {
        arrived.extend_from_slice(&chunk.unwrap());
        if bytes.is_some_and(|bytes| arrived.len() >= bytes) {
            arrived.truncate(bytes.unwrap_or_default());
            ended = false;
            break;
        }
    }
    let text = String::from_utf8_lossy(&arrived).into_owned();
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    (whole.split("\n\n").filter_map(event).collect(), ended)
}

fn event(text: &str) -> Option<(i64, String, Value)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let (id, name, data) = (field("id: ")?, field("event: ")?, field("data: ")?);
    Some((id.parse().ok()?, name.to_owned(), serde_json::from_str(data).unwrap_or(json!(null))))
}
