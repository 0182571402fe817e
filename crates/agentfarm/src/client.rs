//! What agents ask for on their own: one connection for each request, to loopback and nowhere else.

use crate::agent::Agent;
use crate::record::{Exchange, Step};
use crate::wire::pause;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What is kept of an answer in the record: what a platform says of a result is short.
const RECORDED_BYTES_MAX: usize = 4 * 1024;
/// What is read of an answer.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longer than any answer takes, beyond what the request itself asks to wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A request that an agent makes.
pub(crate) struct Outgoing {
    pub(crate) step: Step,
    pub(crate) message: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// What came back, and from whom.
pub(crate) struct Returned {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) peer: SocketAddr,
}

/// Sends it once and writes down what came of it.
pub(crate) async fn exchange(agent: &Agent, out: &Outgoing, patience: Duration) -> Option<Returned> {
    let came = match timeout(patience, send(out)).await {
        Ok(came) => came.map_err(|e| e.to_string()),
        Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
    };
    let (answer, body) = match &came {
        Ok(returned) => (Ok(returned.status), start(&returned.body)),
        Err(e) => (Err(e.clone()), Bytes::new()),
    };
    let (step, url, message) = (out.step, out.url.clone(), out.message.clone());
    agent.note_exchange(Exchange { at: agent.at(), step, url, message, answer, body });
    came.ok()
}

/// A copy: a slice would keep the whole answer in memory for as long as the record.
fn start(body: &Bytes) -> Bytes {
    Bytes::copy_from_slice(&body[..body.len().min(RECORDED_BYTES_MAX)])
}

/// Sends it until the other side has answered anything but a 5xx, at most so many times more.
pub(crate) async fn persist(agent: &Agent, retries: u32, retry_ms: u64, make: impl Fn() -> Outgoing) {
    for _ in 0..retries {
        let returned = exchange(agent, &make(), PATIENCE).await;
        if returned.is_some_and(|returned| returned.status < 500) {
            return;
        }
        pause(retry_ms).await;
    }
    exchange(agent, &make(), PATIENCE).await;
}

async fn send(out: &Outgoing) -> Result<Returned, Box<dyn Error + Send + Sync>> {
    let url: Uri = out.url.parse()?;
    let stream = dial(&url).await?;
    let peer = stream.peer_addr()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let talk = async {
        let answer = sender.send_request(request(out, &url)?).await?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok(Returned { status, body, peer })
    };
    // What is wrong with the connection, the talk hears as well.
    let carry = async {
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        talked = talk => talked,
        never = carry => match never {},
    }
}

async fn dial(url: &Uri) -> Result<TcpStream, Box<dyn Error + Send + Sync>> {
    let host = url.host().ok_or("the URL names no host")?;
    if url.scheme_str() != Some("http") {
        return Err("agents of a farm speak plain http".into());
    }
    let bare = host.trim_matches(['[', ']']);
    let mut addresses = tokio::net::lookup_host((bare, url.port_u16().unwrap_or(80))).await?;
    let address = addresses.find(|address| address.ip().is_loopback());
    Ok(TcpStream::connect(address.ok_or("agents of a farm talk to loopback only")?).await?)
}

fn request(out: &Outgoing, url: &Uri) -> hyper::http::Result<Request<Full<Bytes>>> {
    let method = if out.step == Step::Fetch { Method::GET } else { Method::POST };
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = url.authority().map_or("", |authority| authority.as_str());
    let mut request =
        Request::builder().method(method).uri(path).header("host", host).header("connection", "close");
    for (name, value) in &out.headers {
        request = request.header(name, value);
    }
    request.body(Full::new(out.body.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_no_more_of_an_answer_than_it_shows() {
        let whole = Bytes::from(vec![b'x'; 1 << 20]);
        let kept = start(&whole).try_into_mut().unwrap();
        assert_eq!((kept.len(), kept.capacity()), (RECORDED_BYTES_MAX, RECORDED_BYTES_MAX));
        assert_eq!(start(&Bytes::from_static(b"short")), "short");
    }
}
