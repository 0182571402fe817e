//! `gavel run`: one task for one's own agents, without a server of one's own and without a database file.

use super::{QUIET, asked_to_end, interrupted, log};
use crate::access::{KeyWish, create_key};
use crate::app::{self, Running};
use crate::args::{Pick, RunArgs};
use crate::buyer::Buyer;
use crate::client::Client;
use crate::developer::{self, Card};
use crate::no_bid::Roster;
use crate::progress::Progress;
use crate::settings::{self, AppConfig};
use crate::{Failure, contenders, output, report, task_file};
use contenders::Contender;
use gavel_domain::account::{Developer, Scope};
use gavel_domain::limits::{AGENTS_MAX, AGENTS_MIN};
use gavel_domain::network::Guard;
use gavel_domain::policy::{MoneyMode, Timers};
use gavel_domain::{DeveloperId, agent::ExecutionMode, invitation::Mode};
use gavel_vault::{Secret, developer_key_context, new_developer_key};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};

/// The one account of this run.
const ACCOUNT: &str = "run";

pub(super) async fn run(args: RunArgs) -> Result<(), Failure> {
    let key = args.key.as_deref().map(agents_key).transpose()?;
    let contenders = contenders::read(&args.agents)?;
    let task = task(&args, contenders.len())?;
    let config = config(&args, &contenders)?;
    log(QUIET, false);

    let (timers, categories) = (config.timers.clone(), categories(&config));
    let running = app::start(config).await?;
    let ended = tokio::select! {
        ended = best_of(&running, key, &contenders, &categories, Wish { task, timers, args: &args }) => ended,
        () = asked_to_end() => Err(interrupted()),
    };
    running.stop().await;
    ended
}

/// What is wanted of the agents.
struct Wish<'a> {
    task: Value,
    timers: Timers,
    args: &'a RunArgs,
}

async fn best_of(
    running: &Running,
    key: Option<Secret>,
    contenders: &[Contender],
    categories: &[String],
    wish: Wish<'_>,
) -> Result<(), Failure> {
    let roster = register(running, key, contenders, categories).await?;
    let buyer = Buyer::post(client(running, Scope::TaskPoster).await?, &wish.task).await?;
    let asked = format!("{} agents are asked for a prototype", contenders.len());
    output::note(if contenders.len() == 1 { "One agent is asked for a prototype" } else { &asked });
    let done = pick(&buyer, &roster, &wish).await;
    let none = matches!(done, Err(Failure::NoValidBid(_)));
    if none || (wish.args.json && done.is_ok()) {
        // Whoever reads the document wants it most when nothing came.
        let mut document = buyer.document().await?;
        roster.explain(&mut document).await;
        if wish.args.json { output::json(&document) } else { report::without_bid(&document) }
    }
    done
}

/// Watches, tells the ranking, and finishes the best where that was asked for.
async fn pick(buyer: &Buyer, roster: &Roster, wish: &Wish<'_>) -> Result<(), Failure> {
    let mut gallery = buyer.watch(wish.timers.phase, &mut Progress::new()).await?;
    if !wish.args.json {
        roster.explain(&mut gallery).await;
        report::ranking(&gallery);
    }
    let Some(Pick::Best) = wish.args.pick else { return Ok(()) };
    let category = wish.task["category"].as_str().unwrap_or_default();
    let delivery = buyer
        .finish_best(&gallery, wish.timers.call_limit(ExecutionMode::Sync, Mode::Final, category))
        .await?;
    if !wish.args.json {
        report::delivery(&delivery, usize::MAX);
    }
    Ok(())
}

/// The settings with nothing kept, nothing paid, and nobody dialled but the agents that were named.
fn config(args: &RunArgs, contenders: &[Contender]) -> Result<AppConfig, Failure> {
    let mut config = settings::load(args.config.as_deref())?;
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.in_memory();
    config.money.mode = MoneyMode::Off;
    let hosts: Vec<&str> = contenders.iter().map(|contender| contender.host.as_str()).collect();
    let allow = hosts.join(",").parse().map_err(|error| Failure::Usage(format!("--agents: {error}")))?;
    config.guard = Guard { allow, ports: Vec::new(), own_hosts: Vec::new() };
    for contender in contenders {
        let refused = |refused| Failure::Usage(format!("--agents {}: {refused}", contender.url));
        config.guard.check_url(&contender.url).map_err(refused)?;
    }
    Ok(config)
}

/// The task as it is written; where it does not say how many agents, all that were named.
fn task(args: &RunArgs, contenders: usize) -> Result<Value, Failure> {
    let mut task = task_file::read(&args.task)?;
    if task["agents"].is_null() {
        let all = u8::try_from(contenders).ok().filter(|all| *all <= AGENTS_MAX).ok_or_else(|| {
            let sentence = "at most {max} agents are asked for one task; name fewer, or say in the task how many \
                            of them are to be drawn (agents: {max})";
            Failure::Usage(format!("--agents: {}", sentence.replace("{max}", &AGENTS_MAX.to_string())))
        })?;
        task["agents"] = json!(all.max(AGENTS_MIN));
    }
    Ok(task)
}

/// Which category the task is of, the API will say: the agents take all.
fn categories(config: &AppConfig) -> Vec<String> {
    config.catalog.categories.iter().map(|category| category.slug.clone()).collect()
}

async fn register(
    running: &Running,
    key: Option<Secret>,
    contenders: &[Contender],
    categories: &[String],
) -> Result<Roster, Failure> {
    become_developer(running, key).await?;
    let mut roster = Roster::new(client(running, Scope::AgentManager).await?);
    for contender in contenders {
        let card = Card {
            name: &contender.name,
            slug: &contender.slug,
            description: "",
            capabilities: categories,
            url: &contender.url,
        };
        let agent = developer::register_agent(roster.client(), card).await?;
        roster.add(&contender.slug, &agent);
    }
    Ok(roster)
}

/// Written straight into the store: the API makes every developer a key of its own, and here it may be given.
async fn become_developer(running: &Running, key: Option<Secret>) -> Result<(), Failure> {
    let (chance, now) = (&*running.chance, running.clock.now());
    let (_, access) = create_key(&running.store, &*running.clock, chance, wish(Scope::AgentManager)).await?;
    let developer = Developer {
        id: DeveloperId::new(now, chance),
        account: access.account,
        name: ACCOUNT.to_owned(),
        created_at: now,
    };
    let key = key.unwrap_or_else(|| new_developer_key(chance));
    let sealed = running.vault.seal(key.expose(), &developer_key_context(developer.id), chance);
    running.store.add_developer(&developer, &sealed).await?;
    Ok(())
}

async fn client(running: &Running, scope: Scope) -> Result<Client, Failure> {
    let key = running.create_key(wish(scope)).await?;
    Ok(Client::new(&running.base_url, key.expose()))
}

const fn wish(scope: Scope) -> KeyWish<'static> {
    KeyWish { account: ACCOUNT, scope, read_only: false, test: false }
}

/// A key that can be sent in a header and is none of the REST API's: those are nobody's to see.
fn agents_key(text: &str) -> Result<Secret, Failure> {
    if text.starts_with("aitk_") {
        let sentence =
            "--key: this is a key of the REST API and no agent may see it; agents are shown an ait_ key";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::Usage("--key: it must be printable ASCII without spaces".to_owned()));
    }
    Ok(Secret::new(text))
}
