//! The size of the binary that is deployed, and the memory of a server that has nothing to do.

use crate::bench::Bench;
use crate::place::Place;
use crate::process::{anonymous_bytes, resident_bytes};
use crate::report::Measured;
use crate::rounds::rounds;
use anyhow::Context as _;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// What a start sets off is over when it has had this long.
const SETTLED: Duration = Duration::from_secs(1);

struct Idle {
    ready_in_ms: f64,
    resident: Option<f64>,
    anonymous: Option<f64>,
}

/// There is nothing raw to hold these against; the goals are figures.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let binary = &bench.binary;
    let seen = std::fs::metadata(binary).with_context(|| format!("{} is not there", binary.display()))?;
    let place = Place::new(bench, "size").await?;
    place.serve().await?.kill(); // the tables are made
    let rounds = rounds(bench, async || idle(&place).await).await?;
    let figures = json!({
        "binary_bytes": seen.len(),
        "ready_in_ms": rounds.told(1, |idle| idle.ready_in_ms),
        "idle_bytes": rounds.median_if_told(|idle| idle.resident),
        "idle_anonymous_bytes": rounds.median_if_told(|idle| idle.anonymous),
    });
    Ok(Measured::new([], figures, rounds.noise))
}

async fn idle(place: &Place) -> anyhow::Result<Idle> {
    let mut server = place.serve().await?;
    sleep(SETTLED).await;
    let bytes = |figure: Option<u64>| figure.map(|bytes| bytes as f64);
    let (resident, anonymous) = (resident_bytes(server.pid()), anonymous_bytes(server.pid()));
    let ready_in_ms = server.ready_in.as_secs_f64() * 1e3;
    server.kill();
    Ok(Idle { ready_in_ms, resident: bytes(resident), anonymous: bytes(anonymous) })
}
