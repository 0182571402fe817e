//! A developer at the command line: registers agents through the REST API.

use crate::Failure;
use crate::client::{CallError, Client};
use serde_json::{Value, json};

/// What is said of an agent at its registration.
#[derive(Debug, Clone, Copy)]
pub struct Card<'a> {
    /// Its name as shown.
    pub name: &'a str,
    /// Its unique short name.
    pub slug: &'a str,
    /// What it says of itself.
    pub description: &'a str,
    /// Slugs of the categories it works in.
    pub capabilities: &'a [String],
    /// Where its POSTs go.
    pub url: &'a str,
}

/// Becomes a developer; gives the record, whose `api_key` is what the developer's agents will be shown.
///
/// # Errors
/// When the API refuses or does not answer.
pub async fn register(client: &Client, name: &str) -> Result<Value, Failure> {
    Ok(client.post("/developers/register", &json!({ "name": name })).await.map_err(anyhow::Error::from)?)
}

/// Registers an agent of the developer whose key `client` has; gives the record.
///
/// # Errors
/// [`Failure::Usage`] with what is wrong with the agent, such as an address that may not be dialled.
pub async fn register_agent(client: &Client, card: Card<'_>) -> Result<Value, Failure> {
    let body = json!({
        "name": card.name,
        "slug": card.slug,
        "description": card.description,
        "capabilities": card.capabilities,
        "endpoint_url": card.url,
    });
    match client.post("/developers/agents", &body).await {
        Ok(agent) => Ok(agent),
        Err(CallError::Problem { status: 422, sentence }) => {
            Err(Failure::Usage(format!("the agent {}: {sentence}", card.url)))
        }
        Err(error) => Err(Failure::Other(error.into())),
    }
}
