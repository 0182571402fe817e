//! No file leaves a secret where it does not belong: not in the database, not in an answer, not in what another agent was
//! sent, and after all of them not in the log at its finest.

use super::world::World;
use anyhow::{Result, ensure};
use gavel_tests::hunt::{Hunt, contains, log};
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What nobody but `owner` may see.
#[derive(Clone)]
pub(crate) struct Secret {
    owner: String,
    name: &'static str,
    text: String,
}

impl Secret {
    pub(crate) fn new(owner: &str, name: &'static str, text: &str) -> Self {
        // What is signed with is seen as it stands, or without its prefix.
        let text = text.strip_prefix("whsec_").unwrap_or(text).to_owned();
        Secret { owner: owner.to_owned(), name, text }
    }
}

/// The secrets of every call that an asynchronous agent was sent.
pub(crate) fn of_calls(owner: &str, bodies: impl Iterator<Item = Vec<u8>>) -> Vec<Secret> {
    let told = |body: Vec<u8>| {
        let brief: Value = serde_json::from_slice(&body).ok()?;
        let token = brief["callback_url"].as_str()?.rsplit('/').next()?;
        let secret = Secret::new(owner, "the callback secret", brief["callback_secret"].as_str()?);
        Some([secret, Secret::new(owner, "the callback token", token)])
    };
    bodies.filter_map(told).flatten().collect()
}

/// All that clients were answered.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    pub(crate) fn note(&self, body: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(body);
    }

    fn all(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Looks through everything of a story that is over, and remembers its secrets for [`through_the_log`].
pub(crate) fn through(world: &World, heard: &Heard, folder: &Path) -> Result<()> {
    let secrets = world.secrets();
    ensure!(!secrets.is_empty(), "a story has secrets");
    look(&secrets, "an answer", &heard.all())?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != "gavel.key") {
            look(&secrets, &path.display().to_string(), &std::fs::read(&path)?)?;
        }
    }
    for (slug, request) in world.all_requests() {
        let others: Vec<Secret> =
            secrets.iter().filter(|secret| may_not_see(secret, &slug)).cloned().collect();
        look(&others, &format!("a request to {slug}"), &request)?;
    }
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).extend(secrets);
    Ok(())
}

/// An agent is shown its developer's key and what its results are signed with; never what it checks signatures with, nor
/// anybody's REST key.
fn may_not_see(secret: &Secret, slug: &str) -> bool {
    secret.owner != slug || matches!(secret.name, REST_KEY | SIGNING_SECRET)
}

pub(crate) const REST_KEY: &str = "the REST key";
pub(crate) const SIGNING_SECRET: &str = "the signing secret";

static KNOWN: Mutex<Vec<Secret>> = Mutex::new(Vec::new());

fn look(secrets: &[Secret], place: &str, bytes: &[u8]) -> Result<()> {
    let named: Vec<_> =
        secrets.iter().map(|s| (format!("{} of {}", s.name, s.owner), s.text.clone())).collect();
    let found = Hunt::for_any(&named).through(place, bytes);
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// Looks through all that was logged since the first story, for the secrets of all that ended well.
pub(crate) fn through_the_log() -> Result<()> {
    let secrets = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let written = log().written()?;
    ensure!(contains(&written, "TRACE"), "the log says all it can");
    look(&secrets, "the log", &written)
}
