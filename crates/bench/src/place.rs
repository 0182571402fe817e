//! The Gavel that is measured: the real binary as a process of its own, with a database file in a throw-away folder.

use crate::buyer::PATIENCE;
use crate::plan::AGENTS;
use anyhow::{Context as _, anyhow};
use gavel::access::{KeyWish, create_key};
use gavel::app::{self, Running};
use gavel::client::Client;
use gavel::output;
use gavel::settings::{self, AppConfig};
use gavel_dispatcher::Caps;
use gavel_domain::account::Scope;
use gavel_domain::clock::SystemClock;
use gavel_vault::OsChance;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// What the agents' addresses are opened with.
const LOOPBACK: &str = "127.0.0.0/8";
/// More calls than any measurement makes at once.
const UNBOUNDED: u32 = 1_000_000;
/// More tasks than any measurement has on their way at once.
const TASKS_AT_ONCE: usize = 4_096;
/// The database file within the folder.
const DATABASE: &str = "gavel.db";
/// Behind this the log says where the API answers.
const LISTENING: &str = "listening on ";

/// What is measured.
#[derive(Debug, Clone)]
pub enum Subject {
    /// This binary, run as a process of its own.
    Binary(PathBuf),
    /// The same wiring within this process, for tests: they need no build but their own.
    Within,
}

/// A running Gavel with its keys.
pub struct Server {
    /// A caller who may post tasks.
    pub buyer: Client,
    /// Callers who may register agents, one per agent.
    pub developers: Vec<Client>,
    host: Host,
    /// Behind the server: what it holds open goes first.
    folder: TempDir,
}

enum Host {
    Process(Process),
    Within(Box<Running>),
}

/// A child that ends with its owner. Its database is thrown away, so nothing is lost with it.
struct Process(Child);

/// Keys of the REST API.
struct Keys {
    buyer: String,
    developers: Vec<String>,
}

impl Server {
    /// Starts the subject with an empty database in a new folder under `disk`.
    ///
    /// # Errors
    /// When the folder, the database or the server cannot be made.
    pub async fn start(subject: &Subject, disk: &Path) -> anyhow::Result<Server> {
        let folder = tempfile::Builder::new().prefix("gavel-bench-").tempdir_in(disk);
        let folder = folder.with_context(|| format!("no folder can be made in {}", disk.display()))?;
        let config = config(folder.path())?;
        let keys = keys(&config).await?;
        let (host, base_url) = match subject {
            Subject::Binary(binary) => process(binary, folder.path()).await?,
            Subject::Within => {
                let running = app::start(config).await?;
                let base_url = running.base_url.clone();
                (Host::Within(Box::new(running)), base_url)
            }
        };
        let client = |key: &String| Client::new(&base_url, key);
        let developers = keys.developers.iter().map(client).collect();
        Ok(Server { buyer: client(&keys.buyer), developers, host, folder })
    }

    /// The folder of its database: raw writes go to the same disk.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process it runs in.
    pub fn pid(&self) -> u32 {
        match &self.host {
            Host::Process(process) => process.0.id(),
            Host::Within(_) => std::process::id(),
        }
    }

    /// Whether nothing else runs in that process: only then do its figures tell of Gavel.
    pub fn is_alone(&self) -> bool {
        matches!(self.host, Host::Process(_))
    }

    /// Ends it, with its folder.
    pub async fn stop(self) {
        if let Host::Within(running) = self.host {
            running.stop().await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails where it has ended by itself: that is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The shipped settings with a database of our own and loopback open; the binary is given the same by environment.
fn config(folder: &Path) -> anyhow::Result<AppConfig> {
    let mut config = settings::defaults()?;
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.database_url = database_url(folder);
    config.key_file = Some(folder.join("gavel.key"));
    config.guard.allow = LOOPBACK.parse().context("loopback is a network")?;
    // What is measured is Gavel, not the caps that protect strangers' machines: all agents live on this one.
    config.caps = Caps { developer: UNBOUNDED, host: UNBOUNDED, global: UNBOUNDED };
    config.tasks_at_once = TASKS_AT_ONCE;
    Ok(config)
}

fn database_url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join(DATABASE).display())
}

/// Written before the server starts, straight into its database.
async fn keys(config: &AppConfig) -> anyhow::Result<Keys> {
    let (store, _) = app::open(config, &OsChance).await?;
    let key = async |account: &str, scope| {
        let wish = KeyWish { account, scope, read_only: false, test: false };
        let (key, _) = create_key(&store, &SystemClock, &OsChance, wish).await?;
        anyhow::Ok(key.expose().to_owned())
    };
    let buyer = key("buyer", Scope::TaskPoster).await?;
    let mut developers = Vec::new();
    for number in 1..=AGENTS {
        developers.push(key(&format!("developer {number}"), Scope::AgentManager).await?);
    }
    store.close().await;
    Ok(Keys { buyer, developers })
}

async fn process(binary: &Path, folder: &Path) -> anyhow::Result<(Host, String)> {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GAVEL")) {
        command.env_remove(name); // nothing of the machine's own settings
    }
    command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder);
    command.env("GAVEL__DATABASE__URL", database_url(folder)).env("GAVEL__NETWORK__ALLOW", LOOPBACK);
    for cap in ["DEVELOPER_MAX", "HOST_MAX", "GLOBAL_MAX"] {
        command.env(format!("GAVEL__DISPATCH__{cap}"), UNBOUNDED.to_string());
    }
    command.env("GAVEL__WORK__TASKS_AT_ONCE", TASKS_AT_ONCE.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?;
    let mut process = Process(child);
    let log = process.0.stderr.take().ok_or_else(|| anyhow!("the server has no log"))?;
    let listening =
        tokio::time::timeout(PATIENCE, follow(log)).await.context("the server does not listen")?;
    let base_url = listening.map_err(|_| anyhow!("the server ended before it listened; its log is above"))?;
    Ok((Host::Process(process), base_url))
}

/// Reads the log to its end, or the server would wait for a reader; what went wrong is shown. Gives the address.
fn follow(log: impl Read + Send + 'static) -> oneshot::Receiver<String> {
    let (found, wanted) = oneshot::channel();
    std::thread::spawn(move || {
        let mut found = Some(found);
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if let Some(found) = address(&line).and_then(|address| Some((found.take()?, address))) {
                let _ = found.0.send(found.1); // nobody waits any more: they gave up
            } else if !line.contains(" INFO ") {
                output::note(&format!("the server says: {line}"));
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
        assert_eq!(follow(log.as_bytes()).await.unwrap(), "http://127.0.0.1:4711");
        assert!(follow("gavel: no such file\n".as_bytes()).await.is_err());
    }

    #[tokio::test]
    async fn a_binary_that_is_none_is_told() {
        let disk = tempfile::tempdir().unwrap();
        let subject = Subject::Binary(disk.path().join("nothing"));
        let refused = Server::start(&subject, disk.path()).await.err().unwrap();
        assert!(refused.to_string().contains("cannot be started"), "{refused:#}");
    }
}
