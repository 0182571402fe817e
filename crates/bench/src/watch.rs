//! Live viewers of one task's events, from the buyer's choice to the approval: the server's processor time per event and
//! viewer, which is what the same story takes more with viewers than without. The raw limit is a writer that only
//! writes a frame of the same size to each of as many readers.

use crate::agents::{Agents, echoes};
use crate::bench::Bench;
use crate::buyer::{brief, finish, in_review, post};
use crate::place::{PATIENCE, Place};
use crate::plan::AGENTS;
use crate::raw::frames::us_per_write;
use crate::report::Measured;
use crate::rounds::rounds;
use crate::samples::rounded;
use crate::stage::Stage;
use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Changes the buyer asks for: each is some more events.
const REVISIONS: usize = 2;
/// Viewers that come at once.
const COME_AT_ONCE: usize = 50;
/// Nothing more comes when nothing came for so long.
const SETTLED: Duration = Duration::from_millis(300);
/// Frames that the bare writer writes to each reader.
const RAW_FRAMES: usize = 40;

struct Watch<'a> {
    bench: &'a Bench,
    stage: Stage,
}

/// One story with viewers and one without, and the bare writer.
struct Round {
    seen: Story,
    unseen: Story,
    raw_us: Option<f64>,
}

struct Story {
    cpu: Option<Duration>,
    /// Events that all viewers together were told.
    events: u64,
    bytes: u64,
    bytes_per_viewer: Option<f64>,
}

/// Viewers at their streams.
type Reading = JoinSet<anyhow::Result<()>>;

/// What all viewers together have read.
#[derive(Default)]
struct Read {
    events: AtomicU64,
    bytes: AtomicU64,
}

pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let agents = Agents::start(bench, &echoes("echo", AGENTS, 0)).await?;
    let room = (bench.plan.viewers * 2).to_string();
    let place = Place::new(bench, "watch").await?.with("SERVER__STREAMS_MAX", &room);
    let stage = Stage::of(place.with("SERVER__CONNECTIONS_MAX", "20000"), &agents).await?;
    let mut watch = Watch { bench, stage };
    // The first viewers tell what one takes: later ones get what the allocator kept of them.
    let first = watch.story(bench.plan.viewers).await?;
    let rounds = rounds(bench, async || watch.round().await).await?;
    watch.stage.server.kill();
    agents.stop();

    let ratio = |round: &Round| Some(round.us_per_event()? / round.raw_us?);
    let us = |figure: Option<f64>| figure.map(|us| rounded(us, 2));
    let figures = json!({
        "viewers": bench.plan.viewers,
        "events_per_viewer": rounds.told(1, |round| round.seen.events as f64 / bench.plan.viewers as f64),
        "bytes_per_event": rounds.told(0, |round| round.seen.bytes as f64 / round.seen.events as f64),
        "cpu_us_per_event_and_viewer": us(rounds.median_if_told(Round::us_per_event)),
        "raw_cpu_us_per_write": us(rounds.median_if_told(|round| round.raw_us)),
        "bytes_per_viewer": first.bytes_per_viewer.map(|bytes| rounded(bytes, 0)),
    });
    Ok(Measured::new([("cpu_per_raw_write", rounds.median_if_told(ratio))], figures, rounds.noise))
}

impl Watch<'_> {
    async fn round(&self) -> anyhow::Result<Round> {
        let viewers = self.bench.plan.viewers;
        let (unseen, seen) = (self.story(0).await?, self.story(viewers).await?);
        let frame = vec![b'x'; (seen.bytes / seen.events.max(1)) as usize];
        Ok(Round { seen, unseen, raw_us: us_per_write(viewers, RAW_FRAMES, frame).await? })
    }

    /// A task in review gets its viewers; then the buyer chooses, has it changed and approves, which ends the streams.
    async fn story(&self, viewers: usize) -> anyhow::Result<Story> {
        let task = post(&self.stage.buyer, &brief(AGENTS)).await?;
        in_review(&self.stage.buyer, &task).await?;
        let memory = self.stage.resident();
        let (read, reading) = self.audience(&task, viewers).await?;
        let more_memory =
            self.stage.resident().zip(memory).map(|(after, before)| after as f64 - before as f64);

        let (events, bytes, cpu) = (read.events.load(Relaxed), read.bytes.load(Relaxed), self.stage.cpu());
        finish(&self.stage.buyer, &task, REVISIONS).await?;
        ended(reading).await?;
        let cpu = self.stage.cpu().zip(cpu).map(|(after, before)| after.saturating_sub(before));
        let (events, bytes) = (read.events.load(Relaxed) - events, read.bytes.load(Relaxed) - bytes);
        let uneven = events.checked_rem(viewers as u64).unwrap_or_default();
        ensure!(uneven == 0, "viewers were told different numbers of events");
        let bytes_per_viewer = more_memory.map(|bytes| bytes / viewers.max(1) as f64);
        Ok(Story { cpu, events, bytes, bytes_per_viewer })
    }

    /// So many viewers, who have read what there was.
    async fn audience(&self, task: &str, viewers: usize) -> anyhow::Result<(Arc<Read>, Reading)> {
        let (read, mut reading) = (Arc::new(Read::default()), JoinSet::new());
        for number in (0..viewers).step_by(COME_AT_ONCE) {
            let some = (number..viewers.min(number + COME_AT_ONCE)).map(|_| self.viewer(task));
            for events in try_join_all(some).await? {
                reading.spawn(read_all(events, Arc::clone(&read)));
            }
        }
        settled(&read).await;
        Ok((read, reading))
    }

    /// One viewer, let in.
    async fn viewer(&self, task: &str) -> anyhow::Result<Incoming> {
        let host = self.stage.server.base_url.trim_start_matches("http://");
        let stream = TcpStream::connect(host).await?;
        let (mut connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver); // ends with the connection
        let request = Request::get(format!("/api/v1/tasks/{task}/events"))
            .header("host", host)
            .header("authorization", format!("Bearer {}", self.stage.key()))
            .body(Full::<Bytes>::default())?;
        let response = connection.send_request(request).await?;
        if response.status() != 200 {
            bail!("a viewer was answered {}", response.status());
        }
        Ok(response.into_body())
    }
}

impl Round {
    /// What the viewers add to the story, per event told to one of them.
    fn us_per_event(&self) -> Option<f64> {
        let more = self.seen.cpu?.as_secs_f64() - self.unseen.cpu?.as_secs_f64();
        Some(more * 1e6 / self.seen.events as f64)
    }
}

/// Waits until every stream has ended with its task.
async fn ended(mut reading: Reading) -> anyhow::Result<()> {
    let all = async {
        while let Some(ended) = reading.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, all).await.context("a stream did not end with its task")?
}

async fn read_all(mut events: Incoming, read: Arc<Read>) -> anyhow::Result<()> {
    let mut lines = Lines::default();
    while let Some(frame) = events.frame().await {
        if let Ok(data) = frame?.into_data() {
            read.bytes.fetch_add(data.len() as u64, Relaxed);
            read.events.fetch_add(lines.events_in(&data), Relaxed);
        }
    }
    Ok(())
}

/// Waits until nothing more comes.
async fn settled(read: &Read) {
    let (mut last, mut moved) = (0, Instant::now());
    while moved.elapsed() < SETTLED {
        let now = read.events.load(Relaxed);
        if now != last {
            (last, moved) = (now, Instant::now());
        }
        sleep(SETTLED / 10).await;
    }
}

/// Counts events in a stream of pieces: each has one line with its id.
struct Lines {
    /// How much of `id:` the present line began with; none where it is another line.
    matched: Option<usize>,
}

impl Default for Lines {
    fn default() -> Self {
        Lines { matched: Some(0) }
    }
}

impl Lines {
    fn events_in(&mut self, piece: &[u8]) -> u64 {
        const MARK: &[u8] = b"id:";
        let mut events = 0;
        for byte in piece {
            self.matched = match self.matched {
                _ if *byte == b'\n' => Some(0),
                Some(at) if MARK.get(at) == Some(byte) => {
                    events += u64::from(at + 1 == MARK.len());
                    Some(at + 1)
                }
                _ => None,
            };
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_however_they_are_cut() {
        let text = b": hello\n\nid: 1\nevent: state\ndata: {\"id:\": 2}\n\nid: 2\ndata: x\n\n";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let events = lines.events_in(&text[..cut]) + lines.events_in(&text[cut..]);
            assert_eq!(events, 2, "cut at {cut}");
        }
    }
}
