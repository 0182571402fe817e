//! The Gavel that is measured: the binary as a process of its own, with a throw-away database and nothing of the
//! machine's own settings.

use crate::bench::Bench;
use crate::client::Client;
use crate::database::Database;
use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// How long anything is waited for; far above what a busy machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// What agents' addresses are opened with.
const LOOPBACK: &str = "127.0.0.0/8";
/// More calls than any workload makes at once: what is measured is Gavel, not the caps that protect strangers' machines.
const UNBOUNDED: &str = "1000000";
/// More tasks than any workload has on their way at once.
const TASKS_AT_ONCE: &str = "4096";
/// Behind this the log says where the API answers.
const LISTENING: &str = "listening on ";
/// Lines of a server's log that are shown: who says more says the same again.
const SHOWN_MAX: usize = 12;
/// How often a server that starts is asked whether it is ready.
const ASK_READY: Duration = Duration::from_millis(1);

/// A folder, a database and settings.
pub(crate) struct Place {
    binary: PathBuf,
    folder: PathBuf,
    pub(crate) database: Database,
    settings: Vec<(String, String)>,
    tell: fn(&str),
}

/// A running server.
pub(crate) struct Server {
    process: Process,
    pub(crate) base_url: String,
    /// From its start until it was ready for requests.
    pub(crate) ready_in: Duration,
}

/// A child that ends with its owner. Its database is thrown away, so nothing is lost with it.
pub(crate) struct Process(pub(crate) Child);

impl Place {
    /// An empty database of this name, with loopback open and no caps.
    pub(crate) async fn new(bench: &Bench, name: &str) -> anyhow::Result<Place> {
        let database = bench.ground.database(name).await?;
        let folder = bench.ground.folder(name)?;
        let place =
            Place { binary: bench.binary.clone(), folder, database, settings: Vec::new(), tell: bench.tell };
        let url = place.database.url();
        let place = place.with("DATABASE__URL", &url).with("NETWORK__ALLOW", LOOPBACK);
        let caps = ["DEVELOPER_MAX", "HOST_MAX", "GLOBAL_MAX"];
        let place = caps.iter().fold(place, |place, cap| place.with(&format!("DISPATCH__{cap}"), UNBOUNDED));
        Ok(place.with("WORK__TASKS_AT_ONCE", TASKS_AT_ONCE))
    }

    /// The same with another setting, `SECTION__KEY`.
    #[must_use]
    pub(crate) fn with(mut self, setting: &str, value: &str) -> Self {
        self.settings.push((format!("GAVEL__{setting}"), value.to_owned()));
        self
    }

    /// Makes a key for the API.
    pub(crate) fn key(&self, scope: &str, account: &str) -> anyhow::Result<String> {
        let mut command = self.gavel(&["keys", "create", "--json", "--scope", scope, "--account", account]);
        let made = command.output().context("no key can be made")?;
        if !made.status.success() {
            bail!("no key can be made: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        let made: Value =
            serde_json::from_slice(&made.stdout).context("`gavel keys create` gives no JSON")?;
        Ok(made["key"].as_str().context("`gavel keys create` gives no key")?.to_owned())
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn serve(&self) -> anyhow::Result<Server> {
        let mut command = self.gavel(&["serve", "--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let began = Instant::now();
        let child =
            command.spawn().with_context(|| format!("{} cannot be started", self.binary.display()))?;
        let mut process = Process(child);
        let log = process.0.stderr.take().context("the server has no log")?;
        let listening = tokio::time::timeout(PATIENCE, follow(log, self.tell)).await;
        let base_url = listening
            .context("the server does not listen")?
            .map_err(|_| anyhow!("the server ended before it listened; its log is above"))?;
        ready(&Client::new(&base_url, "nobody"), began + PATIENCE).await?;
        Ok(Server { process, base_url, ready_in: began.elapsed() })
    }

    fn gavel(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GAVEL")) {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(&self.folder)
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Server {
    /// The process it runs in.
    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// No warning, no cleaning up: SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}

impl Process {
    fn kill(&mut self) {
        // Fails where it has ended by itself: that is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn ready(anybody: &Client, until: Instant) -> anyhow::Result<()> {
    loop {
        match anybody.page("/readyz").await {
            Ok((200, _)) => return Ok(()),
            _ if Instant::now() < until => sleep(ASK_READY).await,
            other => bail!("the server listens but does not become ready: {other:?}"),
        }
    }
}

/// Reads the log to its end, or the server would wait for a reader; what went wrong is shown. Gives the address.
fn follow(log: impl Read + Send + 'static, tell: fn(&str)) -> oneshot::Receiver<String> {
    let (found, wanted) = oneshot::channel();
    std::thread::spawn(move || {
        let (mut found, mut shown) = (Some(found), 0);
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if let Some(found) = address(&line).and_then(|address| Some((found.take()?, address))) {
                let _ = found.0.send(found.1); // nobody waits any more: they gave up
            } else if !line.contains(" INFO ") && shown <= SHOWN_MAX {
                let more = if shown == SHOWN_MAX { " (what follows is left out)" } else { "" };
                tell(&format!("the server says: {line}{more}"));
                shown += 1;
            }
        }
    });
    wanted
}

fn address(line: &str) -> Option<String> {
    let (_, behind) = line.split_once(LISTENING)?;
    behind.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_address_is_found_in_the_log() {
        let log = "WARN odd\n INFO gavel: gavel is listening on http://127.0.0.1:4711 url=x\n INFO later\n";
        assert_eq!(follow(log.as_bytes(), |_| ()).await.unwrap(), "http://127.0.0.1:4711");
        assert!(follow("gavel: no such file\n".as_bytes(), |_| ()).await.is_err());
    }
}
