//! One file per command; what they share stands here.

mod agents;
mod backup;
#[cfg(feature = "bench")]
mod bench;
mod check_config;
mod conformance;
mod demo;
mod doctor;
#[cfg(feature = "bench")]
mod ending;
mod keys;
mod ledger;
mod migrate;
mod run;
mod serve;
mod tasks;
mod triage;

use crate::args::{
    AgentsCommand, Command, KeysCommand, LedgerCommand, PlaceArgs, TasksCommand, TriageCommand,
};
use crate::settings::{self, AppConfig};
use crate::{Failure, app};
use anyhow::anyhow;
use gavel_store::Store;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Does what was asked.
///
/// # Errors
/// Why it was not done; [`Failure::exit_code`] is what the process should end with.
pub async fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::demo(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Conformance(args) => conformance::conformance(*args).await,
        Command::Serve(args) => serve::serve(args).await,
        Command::Keys(KeysCommand::Create(args)) => keys::create(args).await,
        Command::Keys(KeysCommand::List(args)) => keys::list(&args).await,
        Command::Keys(KeysCommand::Revoke(args)) => keys::revoke(&args).await,
        Command::Agents(AgentsCommand::List(args)) => agents::list(&args).await,
        Command::Agents(AgentsCommand::Unhide(args)) => agents::unhide(&args).await,
        Command::Agents(AgentsCommand::Visibility(args)) => agents::visibility(&args).await,
        Command::Tasks(TasksCommand::List(args)) => tasks::list(args).await,
        Command::Tasks(TasksCommand::Dead(args)) => tasks::dead(&args).await,
        Command::Tasks(TasksCommand::Retry(args)) => tasks::retry(&args).await,
        Command::Triage(TriageCommand::Explain(args)) => triage::explain(args).await,
        Command::Triage(TriageCommand::Replay(args)) => triage::replay(args).await,
        Command::Triage(TriageCommand::Export(args)) => triage::export(args).await,
        Command::Triage(TriageCommand::Diff(args)) => triage::diff(args).await,
        Command::Triage(TriageCommand::Simulate(args)) => triage::simulate(args).await,
        Command::Ledger(LedgerCommand::Verify(args)) => ledger::verify(args).await,
        Command::Doctor(args) => doctor::doctor(&args).await,
        Command::Backup(args) => backup::backup(&args).await,
        Command::Migrate(args) => migrate::migrate(&args).await,
        Command::CheckConfig(args) => check_config::check(&args),
        #[cfg(feature = "bench")]
        Command::Bench(args) => bench::bench(args).await,
        #[cfg(feature = "bench")]
        Command::BenchAgents => bench::agents().await,
    }
}

/// The settings with what the command line says of the database.
fn settings_of(place: &PlaceArgs) -> Result<AppConfig, Failure> {
    let file = place.config.as_deref();
    let config = match &place.database {
        Some(url) => settings::load_with_database(file, url),
        None => settings::load(file),
    };
    Ok(config?)
}

/// The database of commands that work on what is there, brought to this version when nobody else has it open.
async fn existing(place: &PlaceArgs) -> Result<(AppConfig, Store), Failure> {
    let config = there(place)?;
    let store = Store::open_beside(&config.database_url, &config.opening.clone().unhurried()).await;
    let store = app::reached(&config.database_url, store)?;
    Ok((config, store))
}

/// The database of commands that only look: it stays as it is, whatever its version.
async fn looked_at(place: &PlaceArgs) -> Result<(AppConfig, Store), Failure> {
    let config = there(place)?;
    let store = Store::open_to_look(&config.database_url, &config.opening.clone().unhurried()).await;
    let store = app::reached(&config.database_url, store)?;
    Ok((config, store))
}

/// A database that is not there is more likely a wrong folder than an empty one.
fn there(place: &PlaceArgs) -> Result<AppConfig, Failure> {
    let config = settings_of(place)?;
    match Store::missing_file(&config.database_url) {
        None => Ok(config),
        Some(file) => {
            Err(Failure::Usage(format!("there is no database {file} here; name it with --database")))
        }
    }
}

/// Log lines go to stderr, so that results stay alone on stdout.
fn log(level: &str, json: bool) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_ansi(std::io::stderr().is_terminal()) // colours in a file are noise
        .with_writer(std::io::stderr);
    // Fails when somebody set a logger up before us, as tests do: then that one serves.
    let _ = if json { lines.json().try_init() } else { lines.try_init() };
}

/// How a command ends that was asked to end before it was done.
fn interrupted() -> Failure {
    anyhow!("interrupted").into()
}

/// What commands with progress of their own log: only what went wrong.
const QUIET: &str = "warn";

/// Resolves when the process is asked to end. From this call on, and not only once it is awaited, a signal does not kill.
fn asked_to_end() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate())
            .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)))
    };
    async move {
        #[cfg(unix)]
        if let Ok((mut terminate, mut interrupt)) = signals {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        // Without signals the process can only be killed; a failed listener must not look like a request to end.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
