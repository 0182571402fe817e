//! What a caller asks for happens once per `Idempotency-Key`: [`Order`] reads the key before anything is done, and
//! [`Ask::once`] carries out what is asked for in one transaction with its key and its answer. Every route that changes
//! something for a buyer or a developer goes through here.
//!
//! Answers are kept sealed, for they may show secrets. What is kept is what was done, and what the transaction refused
//! (4xx); who is turned away before it, and whom we fail (5xx), may come again under the same key.

use crate::extract::Body;
use crate::fields::Fields;
use crate::reply::{Answer, REPLAYED};
use crate::router::canonical;
use crate::{AppState, problem::Problem};
use axum::extract::{FromRequest, OriginalUri, Request};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use gavel_domain::Timestamp;
use gavel_domain::account::ApiKey;
use gavel_store::{Deed, IdempotencyKey, Kept, KeptBody, Once};
use gavel_vault::answer_context;
use http::{HeaderValue, StatusCode, request::Parts};
use sha2::{Digest, Sha256};

const HEADER: &str = "idempotency-key";
/// Longer keys are a mistake: a UUID has 36 characters.
const KEY_CHARS_MAX: usize = 255;
/// When to come back for the answer of a request that takes longer than a repetition waits.
const LATER: TimeDelta = TimeDelta::seconds(5);

/// The header as the description of the API shows it.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only described; the key is read by `Order`")]
pub(crate) struct KeyHeader {
    /// Sent again with the same key the same request has no second effect and gets the first one's answer
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255)]
    key: Option<String>,
}

/// The body of a request that changes something, and the key it is asked for under.
#[derive(Debug)]
pub(crate) struct Order {
    /// To be read and finished.
    pub(crate) fields: Fields,
    /// To be carried out.
    pub(crate) ask: Ask,
}

/// What is asked for once.
#[derive(Debug)]
pub(crate) struct Ask {
    key: Option<String>,
    fingerprint: String,
}

impl FromRequest<AppState> for Order {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let (key, line) = (key(&parts)?, line(&parts));
        let body = Body::from_request(Request::from_parts(parts, body), state).await?;
        let fingerprint = Sha256::new().chain_update(line).chain_update(&body.raw).finalize();
        Ok(Order { fields: body.fields, ask: Ask { key, fingerprint: hex::encode(fingerprint) } })
    }
}

/// What becomes of an ask.
enum Begun {
    /// It is to be done.
    Fresh(Deed),
    /// It was done before.
    Answered(Response),
}

impl Ask {
    /// Carries out what is asked for, unless it was before under this key. The effect goes through the deed alone, and
    /// has written nothing when it refuses.
    pub(crate) async fn once(
        self,
        state: &AppState,
        caller: &ApiKey,
        effect: impl AsyncFnOnce(&mut Deed) -> Result<Answer, Problem>,
    ) -> Result<Response, Problem> {
        let mut deed = match self.begin(state, caller).await? {
            Begun::Fresh(deed) => deed,
            Begun::Answered(response) => return Ok(response),
        };
        let answer = match effect(&mut deed).await {
            Ok(answer) => answer,
            Err(refused) if refused.is_refusal() && deed.key().is_some() => refused.into_answer()?,
            Err(problem) => {
                deed.give_up().await?;
                return Err(problem);
            }
        };
        deed.commit(|key| kept(state, key, &answer)).await?;
        Ok(answer.into_response())
    }

    /// The same for what happens outside the database, and is over by `until` whatever comes of it. When it fails its
    /// key may be used again; when we die in between, after `until`.
    pub(crate) async fn once_outside(
        self,
        state: &AppState,
        caller: &ApiKey,
        until: Timestamp,
        effect: impl AsyncFnOnce() -> Result<Answer, Problem>,
    ) -> Result<Response, Problem> {
        let deed = match self.begin(state, caller).await? {
            Begun::Fresh(deed) => deed,
            Begun::Answered(response) => return Ok(response),
        };
        let held = deed.hold(until).await?;
        let done = effect().await;
        match (held, &done) {
            (None, _) => {}
            (Some(held), Ok(answer)) => {
                let kept = kept(state, held.key(), answer);
                held.keep(&kept).await?;
            }
            (Some(held), Err(_)) => held.let_go().await?,
        }
        done.map(IntoResponse::into_response)
    }

    async fn begin(self, state: &AppState, caller: &ApiKey) -> Result<Begun, Problem> {
        let Ask { key, fingerprint } = self;
        // Test and live keys of one account are two worlds.
        let world = if caller.test { "test" } else { "live" };
        let key = key.map(|key| format!("{world}:{key}"));
        let key = key.map(|key| IdempotencyKey { account: caller.account, key, fingerprint });
        match state.store.once(key.clone(), state.now()).await? {
            Once::Fresh(deed) => Ok(Begun::Fresh(deed)),
            Once::Before(kept) => opened(state, key.as_ref(), kept).map(Begun::Answered),
            Once::Mismatch => Err(reused()),
            Once::UnderWay => Err(under_way()),
        }
    }
}

/// The answer as it is kept: it opens under its own key only.
fn kept(state: &AppState, key: &IdempotencyKey, answer: &Answer) -> Kept {
    let context = answer_context(key.account, &key.key);
    let sealed = state.vault.seal(&answer.body, &context, state.chance.as_ref());
    Kept { status: answer.status.as_u16(), body: KeptBody::Sealed(sealed) }
}

fn opened(state: &AppState, key: Option<&IdempotencyKey>, kept: Kept) -> Result<Response, Problem> {
    let body = match (kept.body, key) {
        (KeptBody::Clear(body), _) => body,
        (KeptBody::Sealed(sealed), key) => {
            let context = key.map(|key| answer_context(key.account, &key.key)).unwrap_or_default();
            let open = state.vault.open(&sealed, &context).map_err(|cause| Problem::internal(&cause))?;
            open.expose().to_owned()
        }
    };
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut again = Answer { status, body }.into_response();
    again.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(again)
}

fn reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "The Idempotency-Key was used before",
        "This Idempotency-Key was used for another request; use a new key for each new request.",
    )
}

/// 409: it has waited in vain.
fn under_way() -> Problem {
    let detail =
        "A request with this Idempotency-Key is still under way; send it again in a while for its answer.";
    Problem::conflict("idempotency_under_way", detail).again_after(LATER)
}

/// Method and path: they are part of what is asked for.
fn line(parts: &Parts) -> String {
    // Inside a nest the URI has lost its prefix; the original one has not.
    let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
    format!("{} {}\n", parts.method, canonical(path))
}

fn key(parts: &Parts) -> Result<Option<String>, Problem> {
    let mut values = parts.headers.get_all(HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => checked(one.as_bytes()).map(Some),
        (Some(_), Some(_)) => Err(invalid()),
    }
}

fn checked(bytes: &[u8]) -> Result<String, Problem> {
    let fits = (1..=KEY_CHARS_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(bytes).ok().filter(|_| fits);
    text.map(str::to_owned).ok_or_else(invalid)
}

fn invalid() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "idempotency_key_invalid",
        "The Idempotency-Key cannot be used",
        "Send one Idempotency-Key of 1 to 255 visible ASCII characters without spaces, such as a UUID.",
    )
}

#[cfg(test)]
mod table;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let check = |key: &[u8], fits| assert_eq!(checked(key).is_ok(), fits, "{key:?}");
        check(b"a", true);
        check(&[b'k'; 255], true);
        check(b"", false);
        check(&[b'k'; 256], false);
        check(b"two words", false);
        check("schlüssel".as_bytes(), false);
        check(b"tab\there", false);
    }
}
