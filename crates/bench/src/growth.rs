//! The same small work on few and on many stored tasks, by turns: processor time per task, galleries, lists, and starts.
//! What a database costs that has grown is the ratio of the two.

use crate::agents::{Agents, noting};
use crate::bench::Bench;
use crate::buyer::{finish, in_review, post, short_brief};
use crate::database::Look;
use crate::fill::{Copies, WHOLE, fill};
use crate::flow::{Load, flow};
use crate::place::Place;
use crate::plan::AGENTS;
use crate::report::Measured;
use crate::rounds::{Rounds, rounds};
use crate::samples::{Latency, Samples, rounded};
use crate::stage::Stage;
use anyhow::ensure;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The smaller database has this part of the larger one's tasks.
const PART: u64 = 100;
/// A short bid: some 200 bytes.
const BID: &str = "A short but honest answer: move when two people edit the same list, clean the articles first, choose a \
                   small database that the staff knows, and train everybody for a morning. It costs a week.";
/// Tasks on their way at once.
const AT_ONCE: usize = 8;
/// Agents of a stored task: the fewest a buyer may ask for.
const STORED_AGENTS: usize = 3;
/// Galleries of stored tasks are read in steps of this many, so that few share a page; they are of tasks that were copied
/// whole.
const STRIDE: u64 = 157 * WHOLE;

/// A server on a database that was filled.
struct Grown {
    stage: Stage,
    look: Look,
    copies: Copies,
    brief: Value,
    reads: u64,
}

/// One turn on one of the two.
#[derive(Default)]
struct Turn {
    cpu_us_per_task: Option<f64>,
    gallery: Samples,
    list: Samples,
    ready: Samples,
}

pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let agents = Agents::start(bench, &noting(AGENTS, BID)).await?;
    let (few, many) = (bench.plan.stored_tasks.div_ceil(PART), bench.plan.stored_tasks);
    let (mut small, _) = Grown::set(bench, &agents, "few", few).await?;
    let (mut large, filled_in) = Grown::set(bench, &agents, "many", many).await?;
    for grown in [&mut small, &mut large] {
        grown.turn(bench).await?; // connections are opened, caches are filled
    }
    let rounds = rounds(bench, async || Ok((small.turn(bench).await?, large.turn(bench).await?))).await?;
    for grown in [&mut small, &mut large] {
        grown.stage.server.kill();
    }
    agents.stop();
    Ok(told(&rounds, (few, many), filled_in))
}

impl Grown {
    /// One task is seen through to its end; then its rows are copied while nobody has the database open.
    async fn set(
        bench: &Bench,
        agents: &Agents,
        name: &str,
        tasks: u64,
    ) -> anyhow::Result<(Grown, Duration)> {
        let mut stage = Stage::of(Place::new(bench, name).await?, agents).await?;
        let task = post(&stage.buyer, &short_brief(STORED_AGENTS)).await?;
        in_review(&stage.buyer, &task).await?;
        finish(&stage.buyer, &task, 0).await?;
        stage.server.kill();
        bench.say(&format!("{tasks} tasks are stored"));
        let began = Instant::now();
        let copies = fill(bench, &stage.place.database, &task, tasks).await?;
        let filled_in = began.elapsed();
        stage.restart().await?;
        let look = stage.place.database.look().await?;
        let brief = short_brief(AGENTS);
        Ok((Grown { stage, look, copies, brief, reads: 0 }, filled_in))
    }

    async fn turn(&mut self, bench: &Bench) -> anyhow::Result<Turn> {
        let mut turn = Turn::default();
        self.stage.restart().await?;
        turn.ready.push(self.stage.server.ready_in);
        let load = Load { brief: &self.brief, at_once: AT_ONCE, time: bench.plan.post_for / 4 };
        turn.cpu_us_per_task = flow(&self.stage, &mut self.look, load).await?.cpu_us_per_task();
        for _ in 0..bench.plan.growth_reads {
            let path = format!("/tasks/{}/bids", self.next());
            let began = Instant::now();
            let gallery = self.stage.buyer.get(&path).await?;
            turn.gallery.push(began.elapsed());
            let bids = gallery["bids"].as_array().map_or(0, Vec::len);
            ensure!(bids == STORED_AGENTS, "a stored task has {bids} bids");

            let began = Instant::now();
            self.stage.buyer.get("/tasks?limit=20").await?;
            turn.list.push(began.elapsed());
        }
        Ok(turn)
    }

    /// Another stored task.
    fn next(&mut self) -> String {
        self.reads += 1;
        let whole = self.copies.count.next_multiple_of(WHOLE);
        self.copies.task(self.reads * STRIDE % whole).to_string()
    }
}

/// The same figure of both, and what it has grown to.
type Pair = (Turn, Turn);

fn told(rounds: &Rounds<Pair>, (few, many): (u64, u64), filled_in: Duration) -> Measured {
    let p50 = |of: fn(&Turn) -> &Samples| rounds.median(|(few, many)| of(many).p50() / of(few).p50());
    let cpu = |(few, many): &Pair| Some(many.cpu_us_per_task? / few.cpu_us_per_task?);
    let ratios = [
        ("write_cpu_grown", rounds.median_if_told(cpu)),
        ("gallery_grown", Some(p50(|turn| &turn.gallery))),
        ("list_grown", Some(p50(|turn| &turn.list))),
        ("restart_grown", Some(p50(|turn| &turn.ready))),
    ];
    let side = |tasks: u64, side: fn(&Pair) -> &Turn| {
        let cpu = rounds.median_if_told(|pair| side(pair).cpu_us_per_task);
        let latency =
            |of: fn(&Turn) -> &Samples| -> Latency { rounds.samples(|pair| of(side(pair))).latency() };
        json!({
            "stored_tasks": tasks,
            "cpu_us_per_task": cpu.map(|us| rounded(us, 0)),
            "gallery": latency(|turn| &turn.gallery),
            "list": latency(|turn| &turn.list),
            "ready": latency(|turn| &turn.ready),
        })
    };
    let figures = json!({
        "few": side(few, |pair| &pair.0),
        "many": side(many, |pair| &pair.1),
        "filled_in_seconds": rounded(filled_in.as_secs_f64(), 1),
    });
    Measured::new(ratios, figures, rounds.noise.clone())
}
