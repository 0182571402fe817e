//! A Gavel, its agents and its buyer, as a file wants them.

use super::client::Client;
use super::format::{Act, Agent, Money, Reply, Scenario, Settings, Silence};
use anyhow::{Context as _, Result, anyhow, ensure};
use chrono::TimeDelta;
use gavel::access::KeyWish;
use gavel::app::{self, Running};
use gavel::settings::{self, AppConfig};
use gavel_agentfarm::{Action, AgentSpec, Behaviour, Farm, Payload, Script};
use gavel_domain::account::Scope;
use gavel_domain::policy;
use gavel_store::Guarded;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use tempfile::TempDir;

/// Long enough that no phase or call ends before its story does, unless the file says so.
const LONG: TimeDelta = TimeDelta::seconds(25);
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
    pub(crate) buyer: Client,
    _folder: TempDir,
}

/// What an agent's developer was given.
pub(crate) struct Contender {
    id: String,
    /// What the developer calls the REST API with.
    rest_key: String,
    pub(crate) developer: String,
    pub(crate) key: String,
    pub(crate) secret: String,
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
        let test = scenario.settings.test_keys;
        let buyer_key = key(&running, BUYER, Scope::TaskPoster, test).await?;
        let (farm, contenders) = contend(&running, &scenario.agents, test).await?;
        Ok(World {
            buyer: Client::new(&running.base_url, &buyer_key),
            running: Some(running),
            _folder: folder,
            config,
            tasks_at_once,
            farm,
            contenders,
            buyer_key,
        })
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
        self.buyer = Client::new(&running.base_url, &self.buyer_key);
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
        let contender = &self.contenders[slug];
        let client = Client::new(&self.gavel()?.base_url, &contender.rest_key);
        client.get(&format!("/developers/agents/{}", contender.id)).await?.value()
    }

    /// open -> matching with the store's own step: for a state that the loop leaves at once.
    pub(crate) async fn start_by_hand(&self) -> Result<()> {
        let gavel = self.gavel()?;
        let now = gavel.clock.now();
        let claimed = gavel.store.claim("by hand", now, now + LONG).await?;
        let started = gavel.store.start(claimed.context("no task is open")?, now).await?;
        ensure!(started == Guarded::Done(()), "the task was taken from our hands");
        Ok(())
    }
}

fn config(folder: &Path, wanted: &Settings) -> Result<AppConfig> {
    let mut config = settings::defaults()?;
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.database_url = format!("sqlite:{}", folder.join("gavel.db").display());
    config.key_file = Some(folder.join("gavel.key"));
    config.guard.allow = "127.0.0.0/8".parse()?;
    config.forced_seed = Some(SEED);
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
        specs.push(AgentSpec::new(&agent.slug, Behaviour::Script(script(agent))).with_key(&ait));
        developers.push((rest_key, text(&record, "id")?, ait));
    }
    let farm = Farm::start(specs).await?;
    let mut contenders = BTreeMap::new();
    for (agent, (rest_key, developer, key)) in agents.iter().zip(developers) {
        let url = farm.agent(&agent.slug).context("it was started")?.url();
        let registered = register(&Client::new(&running.base_url, &rest_key), agent, &url).await?;
        let (id, secret) = (text(&registered, "id")?, text(&registered, "signing_secret")?);
        contenders.insert(agent.slug.clone(), Contender { id, rest_key, developer, key, secret });
    }
    Ok((farm, contenders))
}

async fn register(client: &Client, agent: &Agent, url: &str) -> Result<Value> {
    let body = json!({
        "name": agent.slug, "slug": agent.slug, "capabilities": ["content-writing"],
        "endpoint_url": url, "min_price_usd": agent.min_price,
    });
    client.post("/developers/agents", None, &body).await?.value()
}

fn text(record: &Value, name: &str) -> Result<String> {
    record[name].as_str().map(str::to_owned).ok_or_else(|| anyhow!("{name} is missing in {record}"))
}

fn script(agent: &Agent) -> Script {
    let replies = |replies: &[Reply], mode: &str| {
        let reply = |reply: &Reply| gavel_agentfarm::Reply {
            delay_ms: reply.delay_ms,
            then: action(&reply.then, &agent.slug, mode),
        };
        replies.iter().map(reply).collect()
    };
    let final_mode = replies(&agent.final_mode, "final");
    Script { prototype: replies(&agent.prototype, "prototype"), final_mode, health: Vec::new() }
}

fn action(act: &Act, slug: &str, mode: &str) -> Action {
    match act {
        Act::Work => answer(200, work(slug, mode).to_string()),
        Act::WorkFor(price) => {
            let mut work = work(slug, mode);
            work["bid_price_usd"] = json!(price);
            answer(200, work.to_string())
        }
        Act::Says(json) => answer(200, json.to_string()),
        Act::Text(text) => answer(200, text.clone()),
        Act::Status(status) => answer(*status, json!({ "error": "sorry" }).to_string()),
        Act::Hang => Action::Hang,
        Act::Close => Action::Close,
    }
}

fn answer(status: u16, body: String) -> Action {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Action::Answer { status, headers, body: Payload::Text(body) }
}

/// A usable answer that says whose it is and for which call.
fn work(slug: &str, mode: &str) -> Value {
    json!({
        "full_text": format!(
            "# Spring in a small garden\n\nThe {mode} of {slug}. Start in March: clear the beds, feed the soil with \
             two buckets of compost per square metre and sow radishes, peas and spinach in rows. In April plant \
             potatoes and onions, and keep a fleece ready for frosty nights. In May set out tomatoes and beans, \
             water them in the morning and mulch around the stems. A garden of twelve square metres feeds a family \
             of three with salad until autumn."
        ),
        "summary": format!("What to do in a small garden in spring, as {slug} sees it."),
    })
}
