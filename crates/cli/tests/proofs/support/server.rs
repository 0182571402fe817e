//! A running `gavel serve`: started, paused, killed; what it logs is kept.

use super::PATIENCE;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Lines of a process that are kept: its last words.
const LINES_KEPT: usize = 200;

/// A process that ends with the test, however that ends.
pub(crate) struct Server {
    child: Child,
    log: Log,
    address: Option<oneshot::Receiver<SocketAddr>>,
}

/// What processes said, shared by those of one run.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Said>>);

#[derive(Default)]
struct Said {
    last: std::collections::VecDeque<String>,
    panics: Vec<String>,
}

impl Server {
    /// Starts it without waiting for anything.
    pub(crate) fn spawn(mut command: Command, log: &Log) -> Server {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, address) = oneshot::channel();
        let (lines, log_of_it) = (BufReader::new(child.stderr.take().unwrap()), log.clone());
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in lines.lines().map_while(Result::ok) {
                let at = line.split_once("listening on http://").and_then(|(_, at)| at.trim().parse().ok());
                if let (Some(at), Some(tell)) = (at, tell.take_if(|_| at.is_some())) {
                    let _ = tell.send(at);
                }
                log_of_it.push(line);
            }
        });
        Server { child, log: log.clone(), address: Some(address) }
    }

    /// Where it listens, once it does.
    pub(crate) async fn listens(&mut self) -> Result<SocketAddr, String> {
        let address = self.address.take().expect("asked once");
        let heard = tokio::time::timeout(PATIENCE, address).await;
        heard.ok().and_then(Result::ok).ok_or_else(|| format!("it does not listen:\n{}", self.log.last()))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs; it must not end by itself.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `-STOP`, `-CONT`, `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill {signal}");
    }

    /// No warning, no cleaning up: SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended, without holding up others.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        tokio::task::spawn_blocking(move || self.child.wait().unwrap()).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn push(&self, line: String) {
        let mut said = self.0.lock().unwrap();
        if line.contains("panicked at") {
            said.panics.push(line.clone());
        }
        if said.last.len() == LINES_KEPT {
            said.last.pop_front();
        }
        said.last.push_back(line);
    }

    /// The last lines.
    pub(crate) fn last(&self) -> String {
        self.0.lock().unwrap().last.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Panics so far: there must be none.
    pub(crate) fn panics(&self) -> Vec<String> {
        self.0.lock().unwrap().panics.clone()
    }
}
