//! The REST API as a buyer's or a developer's program calls it.

use super::callback::Callback;
use super::hunt::Heard;
use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use hyper_util::client::legacy::{Client as Http, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// A caller with a key.
#[derive(Clone)]
pub(crate) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    base_url: String,
    key: String,
    heard: Heard,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    replayed: bool,
    pub(crate) body: Value,
}

impl Client {
    #[expect(clippy::disallowed_methods, reason = "it calls our own API, not agents")]
    pub(crate) fn new(base_url: &str, key: &str) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Client { http, base_url: base_url.to_owned(), key: key.to_owned(), heard: Heard::default() }
    }

    /// What it is answered is noted there, too.
    pub(crate) fn heard_by(self, heard: &Heard) -> Self {
        Client { heard: heard.clone(), ..self }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, None, Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Result<Answer> {
        self.call(Method::POST, path, key, body.to_string().into()).await
    }

    async fn call(&self, method: Method, path: &str, key: Option<&str>, body: Bytes) -> Result<Answer> {
        let url = format!("{}/api/v1{path}", self.base_url);
        let mut request = Request::builder().method(method).uri(&url);
        request = request.header(AUTHORIZATION, format!("Bearer {}", self.key));
        request = request.header(CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request.body(Full::new(body))?).await.context(url)
    }

    /// Brings a result, without the caller's key: a callback is known by its signature.
    pub(crate) async fn bring(&self, callback: Callback) -> Result<Answer> {
        let mut request = Request::builder().method(Method::POST).uri(&callback.url);
        request = request.header(CONTENT_TYPE, "application/json");
        for (name, value) in callback.headers {
            request = request.header(name, value);
        }
        self.send(request.body(Full::new(callback.body.into()))?).await.context(callback.url)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let response = self.http.request(request).await?;
        let status = response.status().as_u16();
        let replayed = response.headers().get("idempotent-replayed").is_some();
        let body = response.into_body().collect().await?.to_bytes();
        self.heard.note(&body);
        let body = if body.is_empty() { json!(null) } else { serde_json::from_slice(&body)? };
        Ok(Answer { status, replayed, body })
    }
}

impl Answer {
    /// What an agent of the farm got.
    pub(crate) fn heard(status: u16, body: &[u8]) -> Self {
        Answer { status, replayed: false, body: serde_json::from_slice(body).unwrap_or_default() }
    }

    /// The status and what else there is to tell: `409 wrong_state`, `201 replayed`, `202 repeated`, `200`.
    pub(crate) fn word(&self) -> String {
        match self.body["code"].as_str() {
            Some(code) if !self.succeeded() => format!("{} {code}", self.status),
            _ if self.replayed => format!("{} replayed", self.status),
            _ if self.body["repeated"] == true => format!("{} repeated", self.status),
            _ => self.status.to_string(),
        }
    }

    pub(crate) fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a success.
    pub(crate) fn value(self) -> Result<Value> {
        if self.succeeded() {
            return Ok(self.body);
        }
        bail!("answered {}: {}", self.word(), self.body["detail"])
    }

    /// As expected, or a failure that says what came instead.
    pub(crate) fn must_be(self, expected: Option<&str>) -> Result<Value> {
        let Some(expected) = expected else { return self.value() };
        let word = self.word();
        if word == expected {
            return Ok(self.body);
        }
        bail!("expected {expected}, answered {word}: {}", self.body["detail"])
    }
}
