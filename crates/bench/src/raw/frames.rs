//! A writer that only writes: each frame once to each of its readers, who read as fast as they can.

use crate::process::cpu_of_this_thread;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Writing goes on for as long at least.
const AT_LEAST: Duration = Duration::from_millis(100);

/// Writes each frame to every reader; so many at least; the writer's processor time per write in microseconds, where the kernel tells it.
pub(crate) async fn us_per_write(
    readers: usize,
    frames: usize,
    frame: Vec<u8>,
) -> anyhow::Result<Option<f64>> {
    let (writers, mut reading) = pairs(readers).await?;
    let writing = move || write_all(writers, frames, &frame);
    // A thread of the blocking pool does nothing else meanwhile.
    let us = tokio::task::spawn_blocking(writing).await??;
    while let Some(read) = reading.join_next().await {
        read??;
    }
    Ok(us)
}

/// The writing ends, and readers that read to the end.
async fn pairs(readers: usize) -> anyhow::Result<(Vec<std::net::TcpStream>, JoinSet<std::io::Result<()>>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let (mut writers, mut reading) = (Vec::new(), JoinSet::new());
    for _ in 0..readers {
        let (reader, (writer, _)) = tokio::try_join!(TcpStream::connect(address), listener.accept())?;
        let writer = writer.into_std()?;
        writer.set_nonblocking(false)?;
        writer.set_nodelay(true)?;
        writers.push(writer);
        reading.spawn(read(reader));
    }
    Ok((writers, reading))
}

fn write_all(
    mut writers: Vec<std::net::TcpStream>,
    frames: usize,
    frame: &[u8],
) -> anyhow::Result<Option<f64>> {
    let (before, began, mut written) = (cpu_of_this_thread(), Instant::now(), 0);
    // The kernel counts in ticks of some milliseconds: what takes less is not told from nothing.
    while written < frames || began.elapsed() < AT_LEAST {
        for writer in &mut writers {
            writer.write_all(frame)?;
        }
        written += 1;
    }
    let cpu = cpu_of_this_thread().zip(before).map(|(after, before)| after.saturating_sub(before));
    let writes = (written * writers.len()).max(1) as f64;
    Ok(cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / writes))
}

async fn read(mut reader: TcpStream) -> std::io::Result<()> {
    let mut chunk = [0; 4096];
    while reader.read(&mut chunk).await? > 0 {}
    Ok(())
}
