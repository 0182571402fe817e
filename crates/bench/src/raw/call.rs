//! A client that only signs, sends and parses: hyper with keep-alive, one connection per call at once.

use crate::process::cpu_of_this_thread;
use anyhow::{Context as _, anyhow, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::future::try_join_all;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use sha2::Sha256;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Any key and any time sign alike.
const SIGNING_KEY: [u8; 32] = [7; 32];
const TIMESTAMP: &str = "1790000000";

/// One connection to one agent.
#[derive(Debug)]
pub(crate) struct Caller {
    url: Uri,
    connection: SendRequest<Full<Bytes>>,
}

/// What is read of an answer.
#[derive(Deserialize)]
struct Answer {
    full_text: String,
    summary: String,
}

/// What a flood of calls came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flood {
    /// Calls per second.
    pub(crate) calls_per_second: f64,
    /// The client's processor time per call, in microseconds; absent where the kernel does not tell.
    pub(crate) cpu_us_per_call: Option<f64>,
}

impl Caller {
    /// Connects to an agent.
    pub(crate) async fn connect(url: &str) -> anyhow::Result<Caller> {
        let url: Uri = url.parse().with_context(|| format!("{url} is no URL"))?;
        let authority = url.authority().ok_or_else(|| anyhow!("{url} names no host"))?;
        let stream = TcpStream::connect(authority.as_str()).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver); // ends with the connection
        Ok(Caller { url, connection })
    }

    /// Signs, sends, waits and parses.
    pub(crate) async fn call(&mut self, body: &Bytes) -> anyhow::Result<()> {
        let request = signed(&self.url, body)?;
        self.connection.ready().await?;
        let response = self.connection.send_request(request).await?;
        ensure!(response.status() == 200, "the agent answered {}", response.status());
        let bytes = response.into_body().collect().await?.to_bytes();
        let answer: Answer = serde_json::from_slice(&bytes)?;
        black_box((answer.full_text, answer.summary));
        Ok(())
    }
}

/// Calls from one thread, so many at once, for so long. The thread is its own, so that its time can be told from the
/// agents'.
pub(crate) async fn flood(
    urls: Vec<String>,
    at_once: usize,
    time: Duration,
    body: Bytes,
) -> anyhow::Result<Flood> {
    let flooding = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(flood_here(&urls, at_once, time, &body))
    };
    // A thread of the blocking pool does nothing else meanwhile.
    tokio::task::spawn_blocking(flooding).await?
}

async fn flood_here(urls: &[String], at_once: usize, time: Duration, body: &Bytes) -> anyhow::Result<Flood> {
    let connects = urls.iter().cycle().take(at_once).map(|url| Caller::connect(url));
    let callers = try_join_all(connects).await?;
    let (began, cpu_before) = (Instant::now(), cpu_of_this_thread());
    let until = began + time;
    let counts = try_join_all(callers.into_iter().map(|caller| call_until(caller, until, body))).await?;
    let calls = counts.into_iter().sum::<u32>().max(1);
    let cpu = cpu_of_this_thread().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    Ok(Flood {
        calls_per_second: f64::from(calls) / began.elapsed().as_secs_f64(),
        cpu_us_per_call: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / f64::from(calls)),
    })
}

async fn call_until(mut caller: Caller, until: Instant, body: &Bytes) -> anyhow::Result<u32> {
    let mut calls = 0;
    while Instant::now() < until {
        caller.call(body).await?;
        calls += 1;
    }
    Ok(calls)
}

/// Both signatures of the contract, made for this one send.
fn signed(url: &Uri, body: &Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
    let id = "inv_raw";
    let pair = hex::encode(mac(&[body])?);
    let webhook = STANDARD.encode(mac(&[id.as_bytes(), b".", TIMESTAMP.as_bytes(), b".", body])?);
    let host = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let request = Request::post(url.path())
        .header("host", host)
        .header("content-type", "application/json")
        .header("x-aitasker-signature", pair)
        .header("x-aitasker-timestamp", TIMESTAMP)
        .header("webhook-id", id)
        .header("webhook-timestamp", TIMESTAMP)
        .header("webhook-signature", format!("v1,{webhook}"));
    Ok(request.body(Full::new(body.clone()))?)
}

fn mac(parts: &[&[u8]]) -> anyhow::Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&SIGNING_KEY)?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(mac.finalize().into_bytes().into())
}
