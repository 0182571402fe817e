//! A small client of our own REST API, for commands that act as a buyer or a developer.

use anyhow::Context as _;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;

/// How long an answer of our own API may take; it never waits for agents.
const PATIENCE: Duration = Duration::from_secs(30);

/// A caller with a key.
#[derive(Clone)]
pub struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    base_url: String,
    key: String,
}

/// Why a call gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The API answered with a problem.
    #[error("{sentence}")]
    Problem {
        /// The HTTP status.
        status: u16,
        /// What is wrong, field by field.
        sentence: String,
    },
    /// No answer came.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl Client {
    /// A caller of the API at `base_url` (without `/api/v1`).
    #[expect(clippy::disallowed_methods, reason = "it calls our own API, not agents")]
    pub fn new(base_url: &str, key: &str) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Client { http, base_url: base_url.to_owned(), key: key.to_owned() }
    }

    /// Reads something.
    ///
    /// # Errors
    /// A problem told by the API, or no answer.
    pub async fn get(&self, path: &str) -> Result<Value, CallError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Makes or changes something.
    ///
    /// # Errors
    /// A problem told by the API, or no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.call(Method::POST, path, body.to_string().into()).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Value, CallError> {
        let url = format!("{}/api/v1{path}", self.base_url);
        let request = Request::builder()
            .method(&method)
            .uri(&url)
            .header(AUTHORIZATION, format!("Bearer {}", self.key))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .with_context(|| format!("{url} cannot be called"))?;
        let answer = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let (status, value) = answer
            .with_context(|| format!("{method} {url} was not answered within {} s", PATIENCE.as_secs()))?
            .with_context(|| format!("{method} {url} failed"))?;
        if (200..300).contains(&status) { Ok(value) } else { Err(problem(status, &value)) }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(u16, Value)> {
        let response = self.http.request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        let value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok((status, value))
    }
}

/// A problem as one text: its detail, then every field that is wrong.
fn problem(status: u16, body: &Value) -> CallError {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let fields = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut lines = vec![text(body, "detail")];
    if fields.len() > 1 {
        lines.extend(
            fields.iter().map(|field| format!("  {}: {}", text(field, "field"), text(field, "message"))),
        );
    }
    CallError::Problem { status, sentence: lines.join("\n") }
}
