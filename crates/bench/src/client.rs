//! A small client of the API.

use anyhow::{Context as _, anyhow, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take; a loaded server is slow, and that is measured.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the API lives.
const API: &str = "/api/v1";

/// A caller with a key.
#[derive(Clone)]
pub(crate) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    base_url: String,
    key: String,
}

impl Client {
    /// A caller of the server at `base_url`.
    #[expect(clippy::disallowed_methods, reason = "it calls our own API, not agents")]
    pub(crate) fn new(base_url: &str, key: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Client { http, base_url: base_url.to_owned(), key: key.to_owned() }
    }

    /// Reads something of the API.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.api(Method::GET, path, Bytes::new()).await
    }

    /// Makes or changes something.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.api(Method::POST, path, body.to_string().into()).await
    }

    /// Reads any page of the server: status and text.
    pub(crate) async fn page(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let (status, body) = self.call(Method::GET, path, Bytes::new()).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    async fn api(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Value> {
        let (status, body) = self.call(method.clone(), &format!("{API}{path}"), body).await?;
        if !(200..300).contains(&status) {
            bail!("{method} {path} was answered {status}: {}", String::from_utf8_lossy(&body));
        }
        serde_json::from_slice(&body).with_context(|| format!("{method} {path} was not answered in JSON"))
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<(u16, Bytes)> {
        let url = format!("{}{path}", self.base_url);
        let request = Request::builder()
            .method(method)
            .uri(&url)
            .header(AUTHORIZATION, format!("Bearer {}", self.key))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let exchange = async {
            let response = self.http.request(request).await?;
            let status = response.status().as_u16();
            anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        answer
            .map_err(|_| anyhow!("{url} was not answered in time"))?
            .with_context(|| format!("{url} failed"))
    }
}
