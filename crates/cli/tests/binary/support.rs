//! A place of its own for every test: a folder with database and key, and processes that end with it.

use gavel::client::{CallError, Client};
use gavel_agentfarm::{AgentSpec, Behaviour, Farm, Reply, Script};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything is waited for; far above what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a database, its key file, and the settings of a test.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

/// A process that is killed when the test ends, however it ends.
pub(crate) struct Process(Child);

/// A running `gavel serve`.
pub(crate) struct Server {
    process: Process,
    pub(crate) base_url: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// The same with another database.
    pub(crate) fn on(database_url: &str) -> Self {
        Self::new().with("GAVEL__DATABASE__URL", database_url)
    }

    /// The same with one more setting.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `gavel ...`, with nothing of the machine's own settings.
    pub(crate) fn gavel(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GAVEL")) {
            command.env_remove(name);
        }
        command.args(args).current_dir(self.dir.path());
        command.env("GAVEL__NETWORK__ALLOW", "127.0.0.0/8").env("GAVEL__MONEY__MODE", "ledger");
        command.env("GAVEL__AGENTS__ACTIVATION", "immediate");
        command.env("GAVEL__SERVER__LEAVE_SECONDS", "0"); // no balancer is to notice anything
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end: exit code, the lines on stdout, the lines on stderr.
    pub(crate) fn ran(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.gavel(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Runs it with `--json`: its document.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let (code, out, err) = self.ran(&[args, &["--json"]].concat());
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e} in {out}"))
    }

    pub(crate) fn key(&self, scope: &str) -> String {
        let made = self.json(&["keys", "create", "--scope", scope, "--account", scope]);
        made["key"].as_str().unwrap().to_owned()
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_as(&[])
    }

    /// `gavel serve` with further arguments.
    pub(crate) fn serve_as(&self, args: &[&str]) -> Server {
        let mut command = self.gavel(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut process = Process(child);
        let base_url = first_url(process.0.stderr.take().unwrap(), "listening on ");
        Server { process, base_url }
    }
}

/// The first URL behind `mark`; what follows is read too, or the process would block when the pipe is full.
pub(crate) fn first_url(lines: impl Read + Send + 'static, mark: &'static str) -> String {
    first_line(lines, mark).split(mark).nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

/// The first line that holds `mark`.
pub(crate) fn first_line(lines: impl Read + Send + 'static, mark: &'static str) -> String {
    let (found, wanted) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(lines).lines().map_while(Result::ok).filter(|line| line.contains(mark)) {
            let _ = found.send(line);
        }
    });
    wanted.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line with {mark:?} came"))
}

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn stdout(&mut self) -> impl Read + Send + use<> {
        self.0.stdout.take().unwrap()
    }

    /// Asks it to end, as Ctrl-C does; its exit code.
    pub(crate) fn interrupt(self) -> i32 {
        self.ended_by("-INT")
    }

    /// The same by another signal.
    pub(crate) fn ended_by(mut self, signal: &str) -> i32 {
        self.signal(signal);
        self.0.wait().unwrap().code().unwrap()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// No warning, no cleaning up: SIGKILL.
    pub(crate) fn kill(mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Asks it to end; its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        self.process.signal("-TERM");
        self.process.0.wait().unwrap().code().unwrap()
    }

    pub(crate) fn client(&self, key: &str) -> Client {
        Client::new(&self.base_url, key)
    }
}

/// Waits until `look` finds something.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

/// The status with which an address of a server answers; `None`: it takes no connection.
pub(crate) async fn status_of(base_url: &str, path: &str) -> Option<u16> {
    let host = base_url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(host).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

pub(crate) fn brief() -> Value {
    json!({
        "category": "content-writing", "task_type": "blog-post", "budget_usd": 25, "agents": 8,
        "title": "A guide to green tea",
        "description": "Write for beginners about green tea and how to brew it well at home.",
    })
}

/// A bid with a text about tea.
pub(crate) fn bid(delay_ms: u64) -> Reply {
    let point = |i: usize| format!("Point {i}: good tea wants water of {} degrees and patience.", 60 + i);
    let text: Vec<String> = (0..20).map(point).collect();
    let body = json!({ "full_text": text.join("\n\n"), "summary": "A guide.", "bid_price_usd": 20 });
    Reply::answer(200, body.to_string()).after_ms(delay_ms)
}

pub(crate) fn scripted(slug: &str, prototype: Reply, final_mode: Reply) -> AgentSpec {
    let script = Script { prototype: vec![prototype], final_mode: vec![final_mode], health: vec![] };
    AgentSpec::new(slug, Behaviour::Script(script))
}

/// Registers every agent of the farm under one developer.
pub(crate) async fn register(client: &Client, farm: &Farm) -> Result<(), CallError> {
    client.post("/developers/register", &json!({ "name": "Ada" })).await?;
    for agent in farm.agents() {
        let slug = &agent.spec().slug;
        let mut body = json!({ "name": slug, "slug": slug, "capabilities": ["content-writing"] });
        body["endpoint_url"] = json!(agent.url());
        body["max_concurrency"] = json!(64); // no test is about agents that are busy
        client.post("/developers/agents", &body).await?;
    }
    Ok(())
}
