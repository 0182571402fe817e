//! `gavel conformance`: does an agent keep the contract? Nothing is stored, nobody is dialled but the agent.

use super::{QUIET, asked_to_end, interrupted, log};
use crate::args::{ConformanceArgs, TransportChoice};
use crate::{Failure, catalog, contenders, output};
use anyhow::{Context as _, anyhow};
use gavel_conformance::desk::Desk;
use gavel_conformance::judge::counted;
use gavel_conformance::report::{self, Mark, Outcome};
use gavel_conformance::{Given, Kit, Report, Stage, Via, cases, junit, run};
use gavel_dispatcher::transport::Transport;
use gavel_domain::clock::SystemClock;
use gavel_domain::money::{Currency, Money};
use gavel_domain::network::{Allow, Guard};
use gavel_outbound::{Limits, Outbound};
use gavel_vault::{OsChance, new_api_key};
use serde_json::json;
use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Units of the currency that an ordinary task offers.
const BUDGET: i64 = 25;
/// The least a task may offer by default (`limits.budget_min`).
const BUDGET_MIN: i64 = 3;

pub(super) async fn conformance(args: ConformanceArgs) -> Result<(), Failure> {
    check_names(&args.only)?;
    if args.list {
        list(&args);
        return Ok(());
    }
    log(QUIET, false);
    let bench = Bench::set(&args).await?;
    let played = tokio::select! {
        report = bench.play(&args) => report,
        () = asked_to_end() => return Err(interrupted()),
    };
    if played.silences.is_empty() {
        bench.tell_random_ones(&args);
    }
    tell(&played, &args)?;
    ended(&played)
}

/// Everything that a run over any transport shares.
struct Bench {
    kit: Kit,
    transport: Arc<dyn Transport>,
    desk: Arc<Desk>,
}

impl Bench {
    async fn set(args: &ConformanceArgs) -> Result<Bench, Failure> {
        let transport = Arc::new(outbound(args)?);
        let kit = Kit::new(given(args)?, &OsChance).map_err(Failure::Usage)?;
        let workers_key = match &args.worker_key {
            Some(key) => key.clone(),
            None => new_api_key(&OsChance, true).expose().to_owned(),
        };
        let address = args.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let desk = Desk::open(address, args.public_url.as_deref(), &workers_key, Arc::new(SystemClock)).await;
        let desk = desk.with_context(|| format!("--listen {address}: the desk cannot be opened"))?;
        invite(&desk, &workers_key, args);
        Ok(Bench { kit, transport, desk: Arc::new(desk) })
    }

    async fn play(&self, args: &ConformanceArgs) -> Report {
        let (mut outcomes, mut silences) = (Vec::new(), Vec::new());
        for via in transports(args.mode) {
            let stage = self.stage(*via, args);
            outcomes.extend(run::run(&stage, &cases::of(*via, &args.only), progress).await);
            silences.extend(stage.silence());
        }
        Report { url: self.kit.given.url.clone(), outcomes, silences }
    }

    fn stage(&self, via: Via, args: &ConformanceArgs) -> Stage {
        let (transport, desk) = (Arc::clone(&self.transport), Arc::clone(&self.desk));
        let wait = Duration::from_secs(args.wait);
        Stage::new(self.kit.clone(), via, transport, desk, Arc::new(SystemClock), Arc::new(OsChance), wait)
    }

    /// How the agent has to be set up for all cases to be judged.
    fn tell_random_ones(&self, args: &ConformanceArgs) {
        let kit = &self.kit;
        let all = [
            (kit.key_known, "--key", "AGENT_KEY", &kit.key),
            (kit.secret_known, "--secret", "AGENT_SECRET", &kit.secret),
        ];
        let missing = || all.iter().filter(|(known, ..)| !known);
        if args.mode == TransportChoice::Pull || missing().next().is_none() {
            return;
        }
        let names: Vec<&str> = missing().map(|(_, name, ..)| *name).collect();
        let values: Vec<String> =
            missing().map(|(_, _, variable, value)| format!("{variable}={value}")).collect();
        output::note(&format!(
            "Without {} much cannot be judged, and what cannot be is skipped. This run used random ones: start the \
             agent with them (the examples take {}) and name them in the next run.",
            names.join(" and "),
            values.join(" ")
        ));
    }
}

const fn transports(choice: TransportChoice) -> &'static [Via] {
    match choice {
        TransportChoice::Sync => &[Via::Sync],
        TransportChoice::Async => &[Via::Async],
        TransportChoice::Pull => &[Via::Pull],
        TransportChoice::All => &[Via::Sync, Via::Async, Via::Pull],
    }
}

/// The guard opens exactly the host that was named.
fn outbound(args: &ConformanceArgs) -> Result<Outbound, Failure> {
    let guard = match &args.url {
        Some(url) => {
            let named = contenders::read_one("URL", url)?;
            let allow = named.host.parse().map_err(|error| Failure::Usage(format!("URL: {error}")))?;
            let guard = Guard { allow, ports: Vec::new(), own_hosts: Vec::new() };
            guard.check_url(url).map_err(|refused| Failure::Usage(format!("URL {url}: {refused}")))?;
            guard
        }
        None if args.mode == TransportChoice::Pull => {
            // Workers come to us: nothing is dialled.
            let allow: Allow = "127.0.0.1:1".parse().context("it is a host")?;
            Guard { allow, ports: Vec::new(), own_hosts: Vec::new() }
        }
        None => {
            let sentence =
                "name the agent's URL, such as http://127.0.0.1:9001/execute (only --mode pull needs none)";
            return Err(Failure::Usage(sentence.to_owned()));
        }
    };
    Outbound::new(guard, Limits::default()).map_err(|error| anyhow!(error).into())
}

fn given(args: &ConformanceArgs) -> Result<Given, Failure> {
    let currency =
        Currency::new(&args.currency).map_err(|error| Failure::Usage(format!("--currency: {error}")))?;
    let units = |units: i64| Money::from_minor(units * 10_i64.pow(u32::from(currency.exponent())));
    if args.key.as_deref().is_some_and(|key| key.starts_with("aitk_")) {
        let sentence =
            "--key: this is a key of the REST API and no agent may see it; agents are shown an ait_ key";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    Ok(Given {
        url: args.url.clone().unwrap_or_default(),
        key: args.key.clone(),
        secret: args.secret.clone(),
        next_secret: args.next_secret.clone(),
        task_type: task_type(args)?,
        category: args.category.clone(),
        budget: units(BUDGET),
        budget_min: units(BUDGET_MIN),
        currency,
        timeout: Duration::from_secs(args.timeout),
        at_once: usize::from(args.concurrency),
    })
}

/// The type that was named, or the first of its category.
fn task_type(args: &ConformanceArgs) -> Result<String, Failure> {
    if let Some(named) = &args.task_type {
        return Ok(named.clone());
    }
    let catalog = catalog::shipped().context("the shipped catalogue cannot be read")?;
    let first = catalog.category(&args.category).and_then(|category| category.task_types.first());
    first.map(|first| first.slug.clone()).ok_or_else(|| {
        let all: Vec<&str> = catalog.categories.iter().map(|category| category.slug.as_str()).collect();
        let sentence =
            "is not in the shipped catalogue; name one of it, or the type of the tasks with --task-type";
        Failure::Usage(format!("--category: {:?} {sentence} ({})", args.category, all.join(", ")))
    })
}

fn check_names(only: &[String]) -> Result<(), Failure> {
    match only.iter().find(|name| !cases::all().any(|case| case.name == *name)) {
        Some(name) => Err(Failure::Usage(format!("--only: there is no case {name:?}; --list shows all"))),
        None => Ok(()),
    }
}

fn list(args: &ConformanceArgs) {
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let cases = cases::all().filter(|case| wanted(case.name));
    if args.json {
        output::json(&json!({ "cases": cases.map(report::described_case).collect::<Vec<_>>() }));
    } else {
        cases.for_each(|case| output::line(&report::listed(case)));
    }
}

/// How a worker finds its work.
fn invite(desk: &Desk, workers_key: &str, args: &ConformanceArgs) {
    if matches!(args.mode, TransportChoice::Pull | TransportChoice::All) {
        let base = desk.base_url();
        output::note(&format!(
            "The worker is awaited for {} s at {base}; start it with GAVEL_URL={base} GAVEL_KEY={workers_key}",
            args.wait
        ));
    }
}

/// What is going on, for whoever watches.
fn progress(outcome: &Outcome) {
    if std::io::stderr().is_terminal() {
        let (name, took) = (outcome.case.name, outcome.took.as_secs_f64());
        output::note(&format!("{:<8} {} {name} ({took:.1} s)", outcome.mark().name(), outcome.via.name()));
    }
}

fn tell(report: &Report, args: &ConformanceArgs) -> Result<(), Failure> {
    if let Some(file) = &args.junit {
        let written = std::fs::write(file, junit::document(report));
        written.with_context(|| format!("--junit: {} cannot be written", file.display()))?;
    }
    if args.json {
        output::json(&report.document());
    } else {
        report.lines().iter().for_each(|line| output::line(line));
    }
    Ok(())
}

fn ended(report: &Report) -> Result<(), Failure> {
    if let Some(silence) = report.silences.first() {
        return Err(anyhow!("nothing answered at {}: {}", report.url, silence.why).into());
    }
    match report.count(Mark::Failed) {
        0 if report.is_judged() => Ok(()),
        0 => Err(anyhow!("nothing could be judged; the skipped cases say why").into()),
        failed => Err(anyhow!("{} that must pass failed", counted(failed, "case")).into()),
    }
}
