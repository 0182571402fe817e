//! `gavel demo`: a whole task with eight agents of our own, from the brief to the payment, on a database in memory.

use super::{QUIET, asked_to_end, interrupted, log};
use crate::access::KeyWish;
use crate::app::{self, Running};
use crate::args::DemoArgs;
use crate::buyer::Buyer;
use crate::client::Client;
use crate::developer::{self, Card};
use crate::progress::Progress;
use crate::settings::{self, AppConfig};
use crate::{Failure, output, report};
use anyhow::{Context as _, anyhow};
use chrono::TimeDelta;
use gavel_agentfarm::{AgentSpec, Farm, demo_agents};
use gavel_domain::Currency;
use gavel_domain::account::Scope;
use gavel_domain::policy::MoneyMode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

/// The limit of one call: the agent that hangs is given up after this.
const CALL: TimeDelta = TimeDelta::seconds(5);
/// The phase of prototypes: longer than a call, so that whoever hangs ends as a timeout.
const PHASE: TimeDelta = TimeDelta::seconds(8);
/// The winner's final call; our writers need three seconds.
const FINAL_CALL: TimeDelta = TimeDelta::seconds(30);
/// The buyer's account.
const BUYER: &str = "demo buyer";
/// Lines of the finished work that are printed; all of it is in the gallery.
const DELIVERY_LINES: usize = 14;

/// Everything the demo runs.
struct Stage {
    running: Running,
    /// Held for as long as the agents are to answer.
    farm: Farm,
    currency: Currency,
    /// Names of ledger accounts.
    names: BTreeMap<String, String>,
}

pub(super) async fn demo(args: DemoArgs) -> Result<(), Failure> {
    log(QUIET, false);
    let stage = Stage::set().await?;
    // One listener from here to the end: two would race for the exit code, a later one could miss the signal.
    let mut end = std::pin::pin!(asked_to_end());
    let played = tokio::select! {
        played = stage.play(&args) => played,
        () = &mut end => Err(interrupted()),
    };
    let ended = match played {
        Ok(Some(buyer)) => stage.stay(&buyer, end).await,
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    stage.end().await;
    ended
}

impl Stage {
    /// Starts Gavel and the agents, each of a developer of its own.
    async fn set() -> Result<Stage, Failure> {
        let config = config()?;
        let currency = config.currency.clone();
        let running = app::start(config).await?;
        let mut specs = Vec::new();
        let mut developers = Vec::new();
        let mut names = BTreeMap::new();
        for spec in demo_agents() {
            let (client, record) = become_developer(&running, &spec.name).await?;
            let id = record["id"].as_str().unwrap_or_default();
            names.insert(format!("developer:{id}"), format!("{} (developer)", spec.name));
            let key = record["api_key"].as_str().ok_or_else(|| anyhow!("a developer was given no key"))?;
            specs.push(spec.with_key(key));
            developers.push(client);
        }
        let farm = Farm::start(specs).await.context("the demo's agents cannot be started")?;
        for (agent, client) in farm.agents().zip(&developers) {
            developer::register_agent(client, card(agent.spec(), &agent.url())).await?;
        }
        Ok(Stage { running, farm, currency, names })
    }

    /// The life of one task; then stays until asked to end, unless told otherwise.
    async fn play(&self, args: &DemoArgs) -> Result<Option<Buyer>, Failure> {
        let key = self.buyers_key(false).await?;
        let brief = brief(&self.currency);
        output::note(&format!("Eight agents are asked for a prototype: {}", brief["title"]));
        let buyer = Buyer::post(Client::new(&self.running.base_url, &key), &brief).await?;
        let gallery = buyer.watch(PHASE, &mut Progress::new()).await?;
        if !args.json {
            report::ranking(&gallery);
        }
        let delivery = buyer.finish_best(&gallery, FINAL_CALL).await?;
        let document = self.document(&buyer).await?;
        if args.json {
            output::json(&document);
            return Ok(None);
        }
        report::delivery(&delivery, DELIVERY_LINES);
        report::approved(&document["task"]);
        report::balances(&document["ledger"]);
        Ok((!args.exit).then_some(buyer))
    }

    /// Tells where the gallery is and waits to be ended.
    async fn stay(&self, buyer: &Buyer, end: impl Future<Output = ()>) -> Result<(), Failure> {
        let (base, task) = (&self.running.base_url, buyer.task_id());
        let key = self.buyers_key(true).await?;
        output::line(&format!("\nThe gallery stays up: {base}/api/v1/tasks/{task}/bids"));
        output::line("  It wants a key; this one may look, not change:");
        output::line(&format!("  curl -s {base}/api/v1/tasks/{task}/bids -H 'Authorization: Bearer {key}'"));
        output::line(&format!("  Every route, in a browser: {base}/docs"));
        output::line("Ctrl-C ends the demo; nothing of it is kept.");
        end.await;
        Ok(())
    }

    async fn document(&self, buyer: &Buyer) -> Result<Value, Failure> {
        let mut document = buyer.document().await?;
        let mut ledger = report::ledger(&self.running.store, &self.currency).await?;
        let you = format!("buyer:{}", document["task"]["user_id"].as_str().unwrap_or_default());
        for balance in ledger["balances"].as_array_mut().into_iter().flatten() {
            let account = balance["account"].as_str().unwrap_or_default();
            let name = if account == you {
                Some("you (buyer)")
            } else {
                self.names.get(account).map(String::as_str)
            };
            if let Some(name) = name {
                balance["name"] = json!(name);
            }
        }
        document["ledger"] = ledger;
        Ok(document)
    }

    async fn buyers_key(&self, read_only: bool) -> Result<String, Failure> {
        let wish = KeyWish { account: BUYER, scope: Scope::TaskPoster, read_only, test: false };
        Ok(self.running.create_key(wish).await?.expose().to_owned())
    }

    async fn end(self) {
        self.running.stop().await;
        self.farm.stop().await;
    }
}

/// The shipped settings, in memory, on a free port, with money and loopback open: nothing of the machine's own.
fn config() -> Result<AppConfig, Failure> {
    let mut config = settings::defaults()?;
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.in_memory();
    config.money.mode = MoneyMode::Ledger;
    config.timers.phase = PHASE;
    config.timers.prototype_call = CALL;
    config.timers.prototype_call_by_category.clear();
    config.timers.final_call = FINAL_CALL;
    config.guard.allow = "127.0.0.0/8".parse().context("loopback is a network")?;
    Ok(config)
}

async fn become_developer(running: &Running, name: &str) -> Result<(Client, Value), Failure> {
    let wish = KeyWish { account: name, scope: Scope::AgentManager, read_only: false, test: false };
    let key = running.create_key(wish).await?;
    let client = Client::new(&running.base_url, key.expose());
    let record = developer::register(&client, name).await?;
    Ok((client, record))
}

fn card<'a>(spec: &'a AgentSpec, url: &'a str) -> Card<'a> {
    Card {
        name: &spec.name,
        slug: &spec.slug,
        description: &spec.description,
        capabilities: &spec.capabilities,
        url,
    }
}

/// What is asked for.
fn brief(currency: &Currency) -> Value {
    let mut brief = json!({
        "category": "content-writing",
        "task_type": "blog-post",
        "title": "A guide to moving a small shop from spreadsheets to a database",
        "description": "Write a practical guide for owners of small shops who keep their stock in spreadsheets. \
                        Explain when a spreadsheet stops being enough, choosing a first database, cleaning the old \
                        data and training the staff. Our shop has nine employees and about 4,000 articles.",
        "requirements": {
            "audience": "owners of small shops",
            "tone": "plain and friendly",
            "word_count": 700,
            "sections": ["when to move", "cleaning the old data", "choosing a database", "training the staff"],
        },
        "quality_rules": { "no_placeholder_content": true, "complete_deliverable": true },
        "user_first_name": "Ada",
        "agents": 8,
    });
    brief[format!("budget_{}", currency.suffix())] = json!(40);
    brief
}
