//! A client of the API as careful programs are: what is not answered, or put off, is asked again until it is answered.

use super::PATIENCE;
use super::told::History;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// One try. Longer than a pause of a replica, and than a server waits for its database.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Between two tries.
const BREATH: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub(crate) struct Caller {
    url: String,
    key: String,
    history: Arc<History>,
}

/// What to ask.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) body: Option<&'a Value>,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) last_event: Option<i64>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl Ask<'_> {
    pub(crate) fn get(path: &str) -> Ask<'_> {
        Ask { method: Method::GET, path, body: None, idempotency_key: None, last_event: None }
    }

    /// A POST that may be repeated under this name.
    pub(crate) fn post<'a>(path: &'a str, body: &'a Value, name: &'a str) -> Ask<'a> {
        Ask { method: Method::POST, path, body: Some(body), idempotency_key: Some(name), last_event: None }
    }
}

impl Caller {
    pub(crate) fn new(url: &str, key: &str, history: &Arc<History>) -> Caller {
        Caller { url: url.to_owned(), key: key.to_owned(), history: Arc::clone(history) }
    }

    /// Asks until there is an answer that is not "later". A server's own failure is written down as a fault.
    pub(crate) async fn insist(&self, ask: &Ask<'_>) -> Answer {
        let since = Instant::now();
        loop {
            match self.once(ask).await {
                Ok(answer) if answer.status < 500 => return answer,
                Ok(answer) => self.put_off(ask, &answer),
                Err(_) => self.history.cut(),
            }
            if since.elapsed() > PATIENCE {
                let stuck = format!("{} {} was not answered within {PATIENCE:?}", ask.method, ask.path);
                self.history.fault(stuck.clone());
                return Answer { status: 0, retry_after: None, body: Value::String(stuck) };
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    fn put_off(&self, ask: &Ask<'_>, answer: &Answer) {
        match (answer.status, &answer.retry_after) {
            (503, Some(_)) => self.history.put_off(),
            (status, _) => {
                self.history.fault(format!("{} {}: {status} {}", ask.method, ask.path, answer.body))
            }
        }
    }

    /// One try.
    pub(crate) async fn once(&self, ask: &Ask<'_>) -> Result<Answer, String> {
        let whole = async {
            let response = self.open(ask).await?;
            let status = response.status().as_u16();
            let retry_after = response.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
            let bytes = response.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
            let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            Ok(Answer { status, retry_after, body })
        };
        tokio::time::timeout(ANSWER_WITHIN, whole)
            .await
            .unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    /// The head of an answer, its body to be read; each request has a connection of its own.
    pub(crate) async fn open(&self, ask: &Ask<'_>) -> Result<Response<Incoming>, String> {
        let uri: Uri = format!("{}{}", self.url, ask.path).parse().map_err(|e| format!("{e}"))?;
        let authority = uri.authority().ok_or("no host")?.to_string();
        let stream = TcpStream::connect(&authority).await.map_err(|e| e.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(&ask.method)
            .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header("host", authority)
            .header("connection", "close")
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json");
        if let Some(name) = ask.idempotency_key {
            request = request.header("idempotency-key", name);
        }
        if let Some(id) = ask.last_event {
            request = request.header("last-event-id", id);
        }
        let body = ask.body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body))).map_err(|e| e.to_string())?;
        sender.send_request(request).await.map_err(|e| e.to_string())
    }
}
