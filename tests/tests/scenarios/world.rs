//! A Gavel, its agents and its buyer, as a file wants them.

use super::acting::{self, Door};
use super::client::Client;
use super::format::{Agent, ExecutionMode, Health, Money, Scenario, Settings, Silence, Worker};
use super::hunt::{self, Heard, Secret};
use super::told;
use anyhow::{Context as _, Result, anyhow, ensure};
use chrono::TimeDelta;
use gavel::access::KeyWish;
use gavel::app::{self, Running};
use gavel::settings::{self, AppConfig};
use gavel_agentfarm::{Agent as FarmAgent, AgentSpec, Farm, Received};
use gavel_domain::account::Scope;
use gavel_domain::policy;
use gavel_store::Guarded;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Longer than anything here takes; who waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// How often is looked.
pub(crate) const LOOK: Duration = Duration::from_millis(20);
/// Long enough that no phase or call ends before its story does, unless the file says so.
const LONG: TimeDelta = TimeDelta::seconds(25);
/// A probe that hangs does so until its story is over.
const LONG_PROBE: Duration = Duration::from_secs(60);
/// Every draw is the same.
const SEED: u64 = 7;
/// A loop that may take up so many tasks, which is none, takes up nothing.
const NO_LOOP: usize = 0;

/// The buyer's account; a developer's is called like its agent.
const BUYER: &str = "the buyer";

/// Everything of one story.
pub(crate) struct World {
    config: AppConfig,
    tasks_at_once: usize,
    running: Option<Running>,
    pub(crate) farm: Farm,
    pub(crate) contenders: BTreeMap<String, Contender>,
    buyer_key: String,
    /// What the buyer is told is signed with it.
    pub(crate) endpoint_secret: String,
    pub(crate) buyer: Client,
    heard: Heard,
    folder: TempDir,
}

/// What an agent's developer was given.
pub(crate) struct Contender {
    id: String,
    /// What the developer calls the REST API with.
    rest_key: String,
    pub(crate) developer: String,
    pub(crate) key: String,
    pub(crate) secret: String,
    /// It is asynchronous.
    pub(crate) acknowledges: bool,
}

impl World {
    /// Starts Gavel and the agents, each of a developer of its own.
    pub(crate) async fn start(scenario: &Scenario) -> Result<World> {
        let folder = tempfile::tempdir()?;
        let mut config = config(folder.path(), &scenario.settings)?;
        let tasks_at_once = config.tasks_at_once;
        if scenario.settings.looping == Some(false) {
            config.tasks_at_once = NO_LOOP;
        }
        let running = app::start(config.clone()).await?;
        if scenario.agents.iter().any(|agent| agent.execution_mode != ExecutionMode::Sync) {
            config.listen = address(&running)?; // they know it, so it must outlast a restart
        }
        let test = scenario.settings.test_keys;
        let buyer_key = key(&running, BUYER, Scope::TaskPoster, test).await?;
        let (mut farm, contenders) = contend(&running, &scenario.agents, test).await?;
        // What is answered to this is not looked through: it shows a secret, as it must.
        let endpoint_secret = told::subscribe(&mut farm, &Client::new(&running.base_url, &buyer_key)).await?;
        let heard = Heard::default();
        let world = World {
            buyer: Client::new(&running.base_url, &buyer_key).heard_by(&heard),
            running: Some(running),
            heard,
            folder,
            config,
            tasks_at_once,
            farm,
            contenders,
            buyer_key,
            endpoint_secret,
        };
        for agent in &scenario.agents {
            world.until_probed(agent).await.with_context(|| format!("agent {}", agent.slug))?;
        }
        Ok(world)
    }

    /// Where a file says what a probe finds, the story begins when Gavel knows it.
    async fn until_probed(&self, agent: &Agent) -> Result<()> {
        let Some(expected) = agent.health else { return Ok(()) };
        let until = Instant::now() + PATIENCE;
        // Where the probe hangs nothing is known before it, either: it must have begun.
        let begun = || expected != Health::Unknown || self.part(&agent.slug).any(|part| part.probes() > 0);
        loop {
            let health = self.agent(&agent.slug).await?["health"].clone();
            if health == expected.name() && begun() {
                return Ok(());
            }
            ensure!(Instant::now() < until, "its health is {health}, expected {}", expected.name());
            sleep(LOOK).await;
        }
    }

    /// The Gavel that runs.
    pub(crate) fn gavel(&self) -> Result<&Running> {
        self.running.as_ref().context("gavel did not come back from its last restart")
    }

    /// Stops Gavel and starts it on the same database and key file.
    pub(crate) async fn restart(&mut self, looping: bool) -> Result<()> {
        self.stop().await;
        self.config.tasks_at_once = if looping { self.tasks_at_once } else { NO_LOOP };
        let running = app::start(self.config.clone()).await?;
        self.buyer = Client::new(&running.base_url, &self.buyer_key).heard_by(&self.heard);
        self.running = Some(running);
        Ok(())
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// An agent as its developer sees it.
    pub(crate) async fn agent(&self, slug: &str) -> Result<Value> {
        self.of_agent(slug, "").await
    }

    /// The sends to an agent as its developer sees them, newest first.
    pub(crate) async fn delivery_log(&self, slug: &str) -> Result<Vec<Value>> {
        let log = self.of_agent(slug, "/deliveries").await?;
        log["deliveries"].as_array().cloned().context("a delivery log has deliveries")
    }

    async fn of_agent(&self, slug: &str, rest: &str) -> Result<Value> {
        let contender = &self.contenders[slug];
        let client = Client::new(&self.gavel()?.base_url, &contender.rest_key).heard_by(&self.heard);
        client.get(&format!("/developers/agents/{}{rest}", contender.id)).await?.value()
    }

    /// One more worker of an agent begins to fetch.
    pub(crate) async fn join(&mut self, slug: &str, worker: &Worker) -> Result<()> {
        let rest_key = self.contenders.get(slug).context("no agent has this name")?.rest_key.clone();
        let door = Door { base_url: self.gavel()?.base_url.clone(), rest_key };
        let name = format!("{slug}{BESIDE}{}", self.part(slug).count() + 1);
        self.farm.add(AgentSpec::new(name, door.worker(slug, worker))).await?;
        Ok(())
    }

    /// What the farm runs for an agent: itself, and the workers that joined.
    pub(crate) fn part(&self, slug: &str) -> impl Iterator<Item = &FarmAgent> {
        self.farm.agents().filter(move |agent| name_of(agent) == slug)
    }

    /// Every call that an agent received, oldest first.
    pub(crate) fn requests(&self, slug: &str) -> Vec<Received> {
        let mut calls: Vec<Received> = self.part(slug).flat_map(FarmAgent::requests).collect();
        calls.sort_by_key(|call| call.at);
        calls
    }

    /// Everything that nobody but its owner may see.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let mut secrets = vec![
            Secret::new(BUYER, hunt::REST_KEY, &self.buyer_key),
            Secret::new(BUYER, hunt::SIGNING_SECRET, &self.endpoint_secret),
        ];
        for (slug, contender) in &self.contenders {
            secrets.push(Secret::new(slug, hunt::REST_KEY, &contender.rest_key));
            secrets.push(Secret::new(slug, "the developer's key", &contender.key));
            secrets.push(Secret::new(slug, hunt::SIGNING_SECRET, &contender.secret));
            secrets
                .extend(hunt::of_calls(slug, self.requests(slug).into_iter().map(|call| call.body.to_vec())));
        }
        secrets
    }

    /// What every agent was sent, heads and bodies.
    pub(crate) fn all_requests(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let told = |slug: &String, call: Received| {
            let head = call.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
            let whole = [call.path.clone(), head.collect()].concat().into_bytes();
            (slug.clone(), [whole, call.body.to_vec()].concat())
        };
        self.contenders
            .keys()
            .flat_map(move |slug| self.requests(slug).into_iter().map(move |call| told(slug, call)))
    }

    /// The story is over and Gavel has stopped: what it leaves behind is looked through.
    pub(crate) fn holds_no_secret(&self) -> Result<()> {
        hunt::through(self, &self.heard, self.folder.path())
    }

    /// open -> matching with the store's own step: for a state that the loop leaves at once.
    pub(crate) async fn start_by_hand(&self) -> Result<()> {
        let gavel = self.gavel()?;
        let now = gavel.clock.now();
        let claimed = gavel.store.claim("by hand", now, now + LONG).await?;
        let started = gavel.store.start(claimed.context("no task is open")?, now, now).await?;
        ensure!(started == Guarded::Done(()), "the task was taken from our hands");
        Ok(())
    }
}

/// What stands between an agent's name and the number of a worker that joined it.
const BESIDE: char = '.';

/// Whose part of the farm this is.
fn name_of(agent: &FarmAgent) -> &str {
    let name = &agent.spec().slug;
    name.split_once(BESIDE).map_or(name, |(name, _)| name)
}

fn address(running: &Running) -> Result<SocketAddr> {
    let address = running.base_url.strip_prefix("http://").context("gavel speaks http here")?;
    Ok(address.parse()?)
}

fn config(folder: &Path, wanted: &Settings) -> Result<AppConfig> {
    let mut config = settings::defaults()?;
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.database_url = format!("sqlite:{}", folder.join("gavel.db").display());
    config.key_file = Some(folder.join("gavel.key"));
    config.guard.allow = "127.0.0.0/8".parse()?;
    config.forced_seed = Some(SEED);
    config.health.limit = LONG_PROBE;
    (config.leave, config.drain) = (Duration::ZERO, Duration::ZERO); // a restart cuts what is under way
    config.money.mode = match wanted.money {
        Some(Money::Off) => policy::MoneyMode::Off,
        Some(Money::Ledger) | None => policy::MoneyMode::Ledger,
    };
    set_timers(&mut config.timers, wanted);
    Ok(config)
}

fn set_timers(timers: &mut policy::Timers, wanted: &Settings) {
    let short = |ms: Option<i64>, default| ms.map_or(default, TimeDelta::milliseconds);
    timers.phase = short(wanted.phase_ms, LONG);
    timers.prototype_call = short(wanted.prototype_call_ms, LONG);
    timers.final_call = short(wanted.final_call_ms, LONG);
    timers.async_call = short(wanted.async_call_ms, LONG);
    timers.pull_lease = short(wanted.pull_lease_ms, timers.pull_lease);
    timers.prototype_call_by_category.clear();
    timers.final_call_by_category.clear();
    timers.review_window = short(wanted.review_window_ms, timers.review_window);
    timers.answer_window = short(wanted.answer_window_ms, timers.answer_window);
    if let Some(silence) = wanted.on_silence {
        timers.on_silence = match silence {
            Silence::Approve => policy::Silence::Approve,
            Silence::Expire => policy::Silence::Expire,
        };
    }
}

async fn key(running: &Running, account: &str, scope: Scope, test: bool) -> Result<String> {
    let wish = KeyWish { account, scope, read_only: false, test };
    Ok(running.create_key(wish).await?.expose().to_owned())
}

/// Developers register, agents start with their developers' keys, then the agents are registered.
async fn contend(
    running: &Running,
    agents: &[Agent],
    test: bool,
) -> Result<(Farm, BTreeMap<String, Contender>)> {
    let (mut specs, mut developers) = (Vec::new(), Vec::new());
    for agent in agents {
        let account = if agent.of_buyer { BUYER } else { &agent.slug };
        let rest_key = key(running, account, Scope::AgentManager, test).await?;
        let client = Client::new(&running.base_url, &rest_key);
        let record =
            client.post("/developers/register", None, &json!({ "name": agent.slug })).await?.value()?;
        let ait = text(&record, "api_key")?;
        let door = Door { base_url: running.base_url.clone(), rest_key: rest_key.clone() };
        specs.push(acting::spec(agent, &ait, &door));
        developers.push((rest_key, text(&record, "id")?, ait));
    }
    let farm = Farm::start(specs).await?;
    let mut contenders = BTreeMap::new();
    for (agent, (rest_key, developer, key)) in agents.iter().zip(developers) {
        let url = farm.agent(&agent.slug).context("it was started")?.url();
        let registered = register(&Client::new(&running.base_url, &rest_key), agent, &url).await?;
        let acknowledges = agent.execution_mode == ExecutionMode::Async;
        let (id, secret) = (text(&registered, "id")?, text(&registered, "signing_secret")?);
        contenders
            .insert(agent.slug.clone(), Contender { id, rest_key, developer, key, secret, acknowledges });
    }
    Ok((farm, contenders))
}

async fn register(client: &Client, agent: &Agent, url: &str) -> Result<Value> {
    let mut body = json!({
        "name": agent.slug, "slug": agent.slug, "capabilities": ["content-writing"],
        "execution_mode": agent.execution_mode.name(), "min_price_usd": agent.min_price,
    });
    if agent.execution_mode != ExecutionMode::Pull {
        body["endpoint_url"] = json!(url);
    }
    if let Some(most) = agent.max_concurrency {
        body["max_concurrency"] = json!(most);
    }
    client.post("/developers/agents", None, &body).await?.value()
}

fn text(record: &Value, name: &str) -> Result<String> {
    record[name].as_str().map(str::to_owned).ok_or_else(|| anyhow!("{name} is missing in {record}"))
}
