//! One run: processes behind a front, agents and buyers, faults in between, and the comparison at the end.

use super::buyer::{self, Buyer};
use super::dice::Dice;
use super::found::Found;
use super::front::Front;
use super::http::{Ask, Caller};
use super::place::Place;
use super::server::{Log, Server};
use super::told::{Fact, History};
use super::{PATIENCE, check, market};
use gavel_agentfarm::Farm;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

pub(crate) struct Arena {
    place: Place,
    front: Front,
    replicas: Vec<Option<Server>>,
    history: Arc<History>,
    farm: Farm,
    buyers_key: String,
    log: Log,
    slowest_start: Duration,
    slowest_stop: Duration,
}

/// Buyers at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    buyers: JoinSet<()>,
}

impl Arena {
    pub(crate) async fn open(place: Place, replicas: usize) -> Arena {
        let front = Front::open(replicas).await;
        let place = place.set("GAVEL__SERVER__PUBLIC_URL", &front.url);
        let (buyers_key, developers_key) = (place.key("task_poster"), place.key("agent_manager"));
        let (history, log) = (Arc::new(History::new()), Log::default());
        let servers = (0..replicas).map(|_| Server::spawn(place.serve(), &log)).collect::<Vec<_>>();
        let mut running = Vec::new();
        for (replica, mut server) in servers.into_iter().enumerate() {
            front.point(replica, Some(server.listens().await.unwrap()));
            running.push(Some(server));
        }
        let farm = market::open(&front.url, &developers_key, &history).await;
        Arena {
            place,
            front,
            replicas: running,
            history,
            farm,
            buyers_key,
            log,
            slowest_start: Duration::ZERO,
            slowest_stop: Duration::ZERO,
        }
    }

    pub(crate) fn load(&self, buyers: usize, seed: u64) -> Load {
        let (stop, mut at_work) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for number in 0..buyers {
            at_work.spawn(self.buyer(number, seed).run(Arc::clone(&stop)));
        }
        Load { stop, buyers: at_work }
    }

    pub(crate) fn buyer(&self, number: usize, seed: u64) -> Buyer {
        let dice = Dice::new(seed.wrapping_mul(1_000).wrapping_add(number as u64));
        Buyer { number, caller: self.caller(), dice, history: Arc::clone(&self.history) }
    }

    fn caller(&self) -> Caller {
        Caller::new(&self.front.url, &self.buyers_key, &self.history)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn replica(&mut self, replica: usize) -> &mut Server {
        self.replicas[replica].as_mut().expect("it was started")
    }

    /// SIGKILL: from now on the front knows no such replica.
    pub(crate) fn kill(&mut self, replica: usize) {
        self.front.point(replica, None);
        self.replicas[replica].take().expect("it was started").kill();
    }

    /// SIGTERM; its exit must be an orderly one.
    pub(crate) async fn stop(&mut self, replica: usize) {
        let server = self.replicas[replica].take().expect("it was started");
        let since = Instant::now();
        server.signal("-TERM");
        let status = server.ended().await;
        self.slowest_stop = self.slowest_stop.max(since.elapsed());
        self.front.point(replica, None);
        if !status.success() {
            self.history.fault(format!("after SIGTERM: {status}\n{}", self.log.last()));
        }
    }

    /// A process that is killed while it starts.
    pub(crate) async fn stillborn(&self, after: Duration) {
        let server = Server::spawn(self.place.serve(), &self.log);
        tokio::time::sleep(after).await;
        server.kill();
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(&mut self, replica: usize) {
        let since = Instant::now();
        let mut server = Server::spawn(self.place.serve(), &self.log);
        let address = server.listens().await.unwrap_or_else(|why| panic!("{why}"));
        self.replicas[replica] = Some(server);
        ready(&format!("http://{address}")).await;
        self.slowest_start = self.slowest_start.max(since.elapsed());
        self.front.point(replica, Some(address));
    }

    /// Where each process is.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.front.backs().iter().map(|address| format!("http://{address}")).collect()
    }

    /// Asks every process the same, at once; an answer that is not as expected is a fault. 503 must say when to come
    /// back.
    pub(crate) async fn all_answer(&self, expected: &'static [(&'static str, &'static str, u16)]) {
        let mut asking = JoinSet::new();
        for url in self.urls() {
            for &(method, path, status) in expected {
                let buyer = Caller::new(&url, &self.buyers_key, &self.history);
                let history = Arc::clone(&self.history);
                asking.spawn(async move {
                    let body = buyer::brief("nobody's");
                    let body = (method == "POST").then_some(&body);
                    let ask = Ask { method: method.parse().unwrap(), body, ..Ask::get(path) };
                    let told =
                        buyer.once(&ask).await.map(|answer| (answer.status, answer.retry_after.is_some()));
                    if told != Ok((status, status == 503)) {
                        history.fault(format!("{method} {path}: {told:?} instead of {status}"));
                    }
                });
            }
        }
        asking.join_all().await;
    }

    /// Waits until every process says that it is not ready.
    pub(crate) async fn none_ready(&self) {
        for url in self.urls() {
            until_ready(&url, false).await;
        }
    }

    /// Waits until every process says that it is ready.
    pub(crate) async fn all_ready(&self) {
        for url in self.urls() {
            ready(&url).await;
        }
    }

    /// Waits until buyers are told of so many further changes of their tasks.
    pub(crate) async fn goes_on(&self) {
        const CHANGES: usize = 20;
        let events = || self.history.count(|fact| matches!(fact, Fact::Event { .. }));
        let (before, since) = (events(), Instant::now());
        while events() < before + CHANGES {
            assert!(since.elapsed() < PATIENCE, "nothing goes on:\n{}", self.log.last());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Requests that were answered 503 so far.
    pub(crate) fn put_offs(&self) -> u64 {
        self.history.put_offs()
    }

    /// No process may have ended by itself.
    pub(crate) fn all_run(&mut self) {
        for (replica, server) in self.replicas.iter_mut().enumerate() {
            if server.as_mut().is_some_and(|server| !server.runs()) {
                self.history.fault(format!("replica {replica} ended by itself:\n{}", self.log.last()));
            }
        }
    }

    /// Lets every task end, reads what is there and compares. `slack`: how long a send may have been under way.
    pub(crate) async fn settle(mut self, mut load: Load, slack: Duration) -> Verdict {
        load.stop.store(true, Relaxed);
        while let Some(ended) = load.buyers.join_next().await {
            ended.unwrap();
        }
        self.all_run();
        let mut faults = Vec::new();
        let books = self.place.audit().unwrap_or_else(|why| {
            faults.push(why);
            serde_json::Value::Null
        });
        let found = Found::read(&self.caller(), &self.farm, &books).await.unwrap();
        let told = self.history.told();
        faults.extend(check::check(&told, &found, slack));
        faults.extend(self.history.faults());
        faults.extend(self.log.panics());
        let seen = [Fact::is_selection, Fact::is_approval].map(|which| self.history.count(which));
        if seen.contains(&0) || valid(&found) == 0 {
            faults.push("there was too little load to prove anything".to_owned());
        }
        Verdict { figures: self.figures(&found), found, faults }
    }

    fn figures(&self, found: &Found) -> String {
        let names: std::collections::BTreeSet<_> = found.calls.iter().map(|call| &call.name).collect();
        let ended = |status: &str| found.tasks.values().filter(|task| task.status == status).count();
        format!(
            "{} tasks ({} completed, {} cancelled, {} expired), {} selections, {} approvals, {} results taken by \
             callback or from a worker; {} calls, {} sends beyond the first; {} requests cut, {} put off; slowest \
             start {} ms, stop {} ms",
            found.tasks.len(),
            ended("completed"),
            ended("cancelled"),
            ended("expired"),
            self.history.count(Fact::is_selection),
            self.history.count(Fact::is_approval),
            valid(found),
            names.len(),
            found.calls.len() - names.len(),
            self.history.cuts(),
            self.history.put_offs(),
            self.slowest_start.as_millis(),
            self.slowest_stop.as_millis(),
        )
    }
}

/// Results that came by callback or from a worker and were taken.
fn valid(found: &Found) -> usize {
    found.taken.iter().filter(|taken| taken.outcome == "valid").count()
}

/// How a run ended.
pub(crate) struct Verdict {
    pub(crate) figures: String,
    pub(crate) found: Found,
    pub(crate) faults: Vec<String>,
}

impl Verdict {
    /// Told aloud; a fault ends the test.
    pub(crate) fn must_be_clean(&self, what: &str) {
        super::aloud(&format!("{what}: {}", self.figures));
        const SHOWN: usize = 20;
        let shown = self.faults.iter().take(SHOWN).map(|fault| format!("\n- {fault}")).collect::<String>();
        assert!(self.faults.is_empty(), "{what}: {} faults:{shown}", self.faults.len());
    }
}

/// Waits until this process says that it is ready.
pub(crate) async fn ready(url: &str) {
    until_ready(url, true).await;
}

async fn until_ready(url: &str, wanted: bool) {
    let probe = Caller::new(url, "", &Arc::new(History::new()));
    let (since, status) = (Instant::now(), if wanted { 200 } else { 503 });
    while !probe.once(&Ask::get("/readyz")).await.is_ok_and(|answer| answer.status == status) {
        assert!(since.elapsed() < PATIENCE, "{url}/readyz does not become {status}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
