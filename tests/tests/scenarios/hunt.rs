//! No file leaves a secret where it does not belong: not in the database, not in an answer, not in what another agent was
//! sent, and after all of them not in the log at its finest.

use super::world::World;
use anyhow::{Context as _, Result, ensure};
use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
    if let Some(found) = any_of(secrets)?.find(bytes) {
        let secret = secrets.iter().find(|secret| secret.text.as_bytes() == found.as_bytes());
        let secret = secret.context("only secrets were looked for")?;
        let around = &bytes[found.start().saturating_sub(160)..bytes.len().min(found.end() + 40)];
        let around = String::from_utf8_lossy(around);
        anyhow::bail!("{} of {} is in {place}: {around}", secret.name, secret.owner);
    }
    Ok(())
}

fn any_of(secrets: &[Secret]) -> Result<Regex> {
    let any: Vec<String> = secrets.iter().map(|secret| regex::escape(&secret.text)).collect();
    Ok(RegexBuilder::new(&any.join("|")).size_limit(1 << 28).build()?)
}

/// Looks through all that was logged since [`log_everything`], for the secrets of all stories that ended well.
pub(crate) fn through_the_log() -> Result<()> {
    let secrets = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut written = Vec::new();
    let mut log = log_everything().0.lock().unwrap_or_else(PoisonError::into_inner);
    log.flush()?;
    log.get_mut().rewind()?;
    log.get_mut().read_to_end(&mut written)?;
    ensure!(written.windows(5).any(|word| word == b"TRACE"), "the log says all it can");
    look(&secrets, "the log", &written)
}

/// Writes down all that is logged in this process, at the finest level.
pub(crate) fn log_everything() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let file = tempfile::tempfile().expect("a file for the log");
        let log = Log(Arc::new(Mutex::new(BufWriter::new(file))));
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
        lines.with_ansi(false).with_writer(move || writer.clone()).init();
        log
    })
}

/// A file that nobody sees.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<BufWriter<File>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
