//! What happens to a task, as it happens: server-sent events, resumable without a gap.

use super::seen;
use crate::auth::{May, SeeTasks};
use crate::{AppState, extract::TaskPath, problem::Problem, render};
use axum::extract::State;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use gavel_contract::rest::{ProblemBody, TaskEventView};
use gavel_domain::{KeyId, TaskId, event::Event, lifecycle::TaskState};
use gavel_store::{Store, Watch};
use http::HeaderMap;
use std::{convert::Infallible, time::Duration};

/// A hint may be lost; we look anyway.
const POLL: Duration = Duration::from_secs(1);
/// Proxies close what is silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);
/// Events per read.
const BATCH: i64 = 100;

/// Live events of a task; come back with `Last-Event-ID` and nothing is lost
#[utoipa::path(get, path = "/tasks/{task_id}/events", tag = "tasks",
    params(("task_id" = String, Path, format = Uuid),
        ("Last-Event-ID" = Option<i64>, Header, description = "The last `id` you have seen")),
    responses((status = 200, content_type = "text/event-stream", body = TaskEventView),
        (status = 404, body = ProblemBody)))]
pub(crate) async fn events(
    State(state): State<AppState>,
    caller: May<SeeTasks>,
    TaskPath(id): TaskPath,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, Problem> {
    let after = last_seen(&headers)?;
    // Listening starts before the first read, or an event could fall between.
    let watch = state.store.hints().watch(id);
    seen(&state, &caller, id).await?;
    let feed = Feed { store: state.store.clone(), key: caller.id, task: id, after, watch, over: false };
    let hello = stream::once(async { Ok(Sent::default().retry(RETRY).comment("events follow")) });
    let stop = state.stop.clone();
    // Without this an open stream would keep the server from ending.
    let until_stop = hello.chain(told(feed)).take_until(async move { stop.cancelled().await });
    Ok(Sse::new(until_stop).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn last_seen(headers: &HeaderMap) -> Result<i64, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(0) };
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|id| *id >= 0);
    id.ok_or_else(|| Problem::field("Last-Event-ID", "must be the id of an event: a whole number"))
}

/// Where a reader of a task's events stands.
struct Feed {
    store: Store,
    /// Whoever reads was let in by it; when it is revoked, the stream ends.
    key: KeyId,
    task: TaskId,
    after: i64,
    watch: Watch,
    over: bool,
}

fn told(feed: Feed) -> impl Stream<Item = Result<Sent, Infallible>> {
    let batches = stream::unfold(feed, |mut feed| async move {
        let batch = feed.next_batch().await?;
        Some((stream::iter(batch.iter().filter_map(sent).map(Ok).collect::<Vec<_>>()), feed))
    });
    batches.flatten()
}

impl Feed {
    /// The next events; `None` after the last one a task can have, or when the database failed (the client
    /// comes back with the last id it saw). While it is away the stream stays open.
    async fn next_batch(&mut self) -> Option<Vec<Event>> {
        while !self.over && self.may_go_on().await {
            match self.store.events_after(self.task, self.after, BATCH).await {
                Ok(batch) if batch.is_empty() => {
                    if self.has_ended().await {
                        return None;
                    }
                    let _ = tokio::time::timeout(POLL, self.watch.changed()).await; // either way: look again
                }
                Ok(batch) => {
                    self.after = batch.last().map_or(self.after, |event| event.seq);
                    self.over = batch.iter().any(|event| event.to.is_some_and(TaskState::is_final));
                    return Some(batch);
                }
                // Who is turned away with an error may not come back: better that it waits.
                Err(gavel_store::Error::Busy(_)) => tokio::time::sleep(POLL).await,
                Err(cause) => {
                    tracing::warn!(%cause, task = %self.task, "a stream of events ended early");
                    return None;
                }
            }
        }
        None
    }

    /// A key that cannot be looked up now is not taken for a revoked one: the read that follows will tell.
    async fn may_go_on(&self) -> bool {
        self.store.is_live(self.key).await.unwrap_or(true)
    }

    /// Whether the client has seen the end before: a final task tells nothing more. What cannot be read now is read
    /// again.
    async fn has_ended(&self) -> bool {
        let Ok(Some(task)) = self.store.task(self.task).await else { return false };
        // The task may have ended between the two reads: then its last event is still to be told.
        let rest = async || self.store.events_after(self.task, self.after, 1).await;
        task.state.is_final() && rest().await.is_ok_and(|rest| rest.is_empty())
    }
}

fn sent(event: &Event) -> Option<Sent> {
    let sent = Sent::default().id(event.seq.to_string()).event(event.kind.name());
    match sent.json_data(render::event(event)) {
        Ok(sent) => Some(sent),
        Err(cause) => {
            tracing::error!(%cause, seq = event.seq, "an event could not be written");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    fn ids(stream: &str) -> Vec<&str> {
        stream.lines().filter_map(|line| line.strip_prefix("id: ")).collect()
    }

    #[tokio::test]
    async fn from_the_first_to_the_last_and_resumed() {
        let world = World::new().await;
        let task = world.posted().await;
        let path = format!("/api/v1/tasks/{task}/events");
        let cancelled = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            world.post(world.buyer(), &format!("/api/v1/tasks/{task}/cancel"), &().into()).await
        };
        let (live, _) = tokio::join!(world.get(world.buyer(), &path), cancelled);
        assert_eq!(live.header("content-type"), Some("text/event-stream"));
        assert_eq!(ids(&live.text), ["1", "2"], "{}", live.text);
        assert!(live.text.contains("event: state") && live.text.contains("\"to\":\"cancelled\""));

        let resumed = async |last: &str| {
            let request = world.request("GET", &path, world.buyer()).header("last-event-id", last);
            world.send(request, String::new()).await
        };
        assert_eq!(ids(&resumed("1").await.text), ["2"]);
        assert!(ids(&resumed("2").await.text).is_empty(), "the end was seen: the stream ends at once");
        assert_eq!(resumed("x").await.status, 422);
    }

    #[tokio::test]
    async fn ends_when_the_key_is_revoked() {
        let world = World::new().await;
        let path = format!("/api/v1/tasks/{}/events", world.posted().await);
        let revoked = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let keys = world.state.store.keys().await.unwrap();
            let buyers = keys.iter().find(|known| known.account == "buyer").unwrap();
            assert!(world.state.store.revoke_key(buyers.key.id, world.state.now()).await.unwrap());
        };
        let (stream, ()) = tokio::join!(world.get(world.buyer(), &path), revoked);
        assert_eq!(ids(&stream.text), ["1"]);
    }

    #[tokio::test]
    async fn ends_at_the_stop_and_belongs_to_the_owner() {
        let world = World::new().await;
        let path = format!("/api/v1/tasks/{}/events", world.posted().await);
        let stranger = world.key("task_poster", false, false).await;
        assert_eq!(world.get(&stranger, &path).await.status, 404);
        let stop = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            world.state.stop.cancel();
        };
        let (stream, ()) = tokio::join!(world.get(world.buyer(), &path), stop);
        assert_eq!(ids(&stream.text), ["1"]);
    }
}

#[cfg(test)]
mod cut;
