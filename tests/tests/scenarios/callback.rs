//! The result of an asynchronous agent, brought by the story itself: signed here by hand, with what the call told.

use super::calls::standard_signature;
use anyhow::{Context as _, Result};
use gavel_agentfarm::Received;
use serde_json::Value;

/// One request to a call's `callback_url`.
#[derive(Debug)]
pub(crate) struct Callback {
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Callback {
    /// The answer to a call, signed with the secret that came with it, or badly: as if for another body.
    pub(crate) fn to(
        call: &Received,
        (message, now): (&str, i64),
        body: String,
        badly_signed: bool,
    ) -> Result<Self> {
        let envelope: Value = serde_json::from_slice(&call.body)?;
        let told = |key: &str| envelope[key].as_str().with_context(|| format!("the call has no {key}"));
        let at = now.to_string();
        let signed = if badly_signed { format!("{body} ") } else { body.clone() };
        let signature = standard_signature(told("callback_secret")?, (message, &at), signed.as_bytes())?;
        let headers = vec![
            ("webhook-id", message.to_owned()),
            ("webhook-timestamp", at),
            ("webhook-signature", signature),
        ];
        Ok(Callback { url: told("callback_url")?.to_owned(), headers, body })
    }
}
