//! What the agent under test is known by, and what it is asked with.

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use gavel_contract::signature::Secret;
use gavel_domain::Chance;
use gavel_domain::money::{Currency, Money};
use std::fmt;
use std::time::Duration;
use url::Url;

/// What is told on the command line.
#[derive(Clone)]
pub struct Given {
    /// The agent's endpoint; empty where the agent only fetches.
    pub url: String,
    /// The key the agent expects.
    pub key: Option<String>,
    /// The signing secret the agent expects.
    pub secret: Option<String>,
    /// A second secret it accepts, as during a rotation.
    pub next_secret: Option<String>,
    /// The category of the tasks.
    pub category: String,
    /// Their type.
    pub task_type: String,
    /// Names the fields of money.
    pub currency: Currency,
    /// Units of the currency that a task offers.
    pub budget: Money,
    /// The smallest budget of a task.
    pub budget_min: Money,
    /// How long a call may take.
    pub timeout: Duration,
    /// Calls at once that the agent is to take.
    pub at_once: usize,
}

/// The same, complete.
#[derive(Clone)]
pub struct Kit {
    /// What was told.
    pub given: Given,
    /// Where health is asked.
    pub health_url: String,
    /// The key every right call shows.
    pub key: String,
    /// Whether the agent is said to expect it.
    pub key_known: bool,
    /// The secret every right call is signed with.
    pub secret: String,
    /// Whether the agent is said to expect it.
    pub secret_known: bool,
    /// The secret after a rotation.
    pub next_secret: Option<String>,
    /// A key that is nobody's.
    pub other_key: String,
    /// A secret that is nobody's.
    pub other_secret: String,
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit").field("url", &self.given.url).finish_non_exhaustive()
    }
}

impl Kit {
    /// Fills in what was not told with chance.
    ///
    /// # Errors
    /// A secret nobody should sign with, or a URL that has no host, in words.
    pub fn new(given: Given, chance: &dyn Chance) -> Result<Kit, String> {
        for (name, secret) in [("--secret", &given.secret), ("--next-secret", &given.next_secret)] {
            if let Some(secret) = secret {
                Secret::parse(secret).map_err(|error| format!("{name}: {error}"))?;
            }
        }
        let health_url = if given.url.is_empty() { String::new() } else { health_url(&given.url)? };
        Ok(Kit {
            health_url,
            key: given.key.clone().unwrap_or_else(|| new_key(chance)),
            key_known: given.key.is_some(),
            secret: given.secret.clone().unwrap_or_else(|| new_secret(chance)),
            secret_known: given.secret.is_some(),
            next_secret: given.next_secret.clone(),
            other_key: new_key(chance),
            other_secret: new_secret(chance),
            given,
        })
    }
}

impl Kit {
    /// Which of the secrets stands in what an agent said.
    pub fn leaked(&self, headers: &[(String, String)], body: &[u8]) -> Option<&'static str> {
        let body = String::from_utf8_lossy(body);
        let next = self.next_secret.as_deref().unwrap_or_default();
        let secrets =
            [("the key", self.key.as_str()), ("the secret", &self.secret), ("the next secret", next)];
        let told = |secret: &str| {
            // As base64 alone it opens as much as with its prefix.
            let bare = secret.strip_prefix("whsec_").unwrap_or(secret);
            !bare.is_empty() && (body.contains(bare) || headers.iter().any(|(_, value)| value.contains(bare)))
        };
        secrets.into_iter().find(|(_, secret)| told(secret)).map(|(name, _)| name)
    }
}

/// The endpoint without a trailing `/execute`, plus `/health`.
fn health_url(endpoint: &str) -> Result<String, String> {
    let mut url = Url::parse(endpoint).map_err(|error| format!("{endpoint:?} is no URL: {error}"))?;
    let path = url.path().trim_end_matches('/');
    let path = format!("{}/health", path.strip_suffix("/execute").unwrap_or(path));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url.to_string())
}

/// A key as agents are shown it.
pub fn new_key(chance: &dyn Chance) -> String {
    format!("ait_{}", URL_SAFE_NO_PAD.encode(random(chance)))
}

/// A signing secret as Standard Webhooks spells it.
pub fn new_secret(chance: &dyn Chance) -> String {
    format!("whsec_{}", STANDARD.encode(random(chance)))
}

/// A part of a URL that nobody guesses.
pub fn new_token(chance: &dyn Chance) -> String {
    URL_SAFE_NO_PAD.encode(random(chance))
}

fn random(chance: &dyn Chance) -> [u8; 32] {
    let mut bytes = [0; 32];
    chance.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_asked_beside_execute() {
        let check = |endpoint: &str, expected: &str| assert_eq!(health_url(endpoint).unwrap(), expected);
        check("https://h.example/a/execute", "https://h.example/a/health");
        check("https://h.example/a/execute/", "https://h.example/a/health");
        check("https://h.example", "https://h.example/health");
        check("https://h.example/", "https://h.example/health");
        check("https://h.example/bid", "https://h.example/bid/health");
        check("https://h.example:8443/executed?x=1#y", "https://h.example:8443/executed/health");
        assert!(health_url("h.example").is_err());
    }
}
