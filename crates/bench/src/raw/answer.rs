//! A server that only answers: what a request over loopback costs by itself.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::Ipv4Addr;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A running server; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Answering {
    /// Where it answers.
    pub(crate) base_url: String,
    /// Held for as long as it is to answer.
    _server: JoinSet<()>,
}

/// Starts a server that reads every request whole and answers 201 with `answer`.
pub(crate) async fn start(answer: Bytes) -> anyhow::Result<Answering> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port can be opened")?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let mut server = JoinSet::new();
    server.spawn(accept(listener, answer));
    Ok(Answering { base_url, _server: server })
}

async fn accept(listener: TcpListener, answer: Bytes) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, answer.clone()));
    }
}

async fn connection(stream: TcpStream, answer: Bytes) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, answer.clone()));
    // An error is the client leaving.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(request: Request<Incoming>, answer: Bytes) -> Result<Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    let mut response = Response::new(Full::new(answer));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
