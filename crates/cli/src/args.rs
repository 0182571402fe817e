//! The command line: what can be asked, in the order a newcomer asks it.

mod triage;

pub use triage::*;

use crate::roles::Roles;
#[cfg(feature = "bench")]
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
#[cfg(feature = "bench")]
use gavel_bench::Workload;
use gavel_domain::account::Scope;
use gavel_domain::agent::Visibility;
use gavel_domain::lifecycle::TaskState;
use gavel_domain::{KeyId, TaskId};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Exit codes, told in `--help`.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 no valid bid.";

/// Send one task to several competing agents, judge what they return, pick one, have it finish the work.
#[derive(Debug, Parser)]
#[command(name = "gavel", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Everything that can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a whole task with eight built-in agents, from the brief to the payment
    #[command(after_help = EXIT_CODES)]
    Demo(DemoArgs),
    /// Send one task to your own agents, without a server
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Test whether an agent keeps the contract, and hear how to mend what it does not
    #[command(after_help = EXIT_CODES)]
    Conformance(Box<ConformanceArgs>),
    /// Run the server
    #[command(after_help = EXIT_CODES)]
    Serve(ServeArgs),
    /// Make, list and revoke keys for the REST API
    #[command(subcommand, after_help = EXIT_CODES)]
    Keys(KeysCommand),
    /// See agents of all developers, and say who may be asked
    #[command(subcommand, after_help = EXIT_CODES)]
    Agents(AgentsCommand),
    /// See tasks of all accounts, and take those up again that were set aside because nothing helped
    #[command(subcommand, after_help = EXIT_CODES)]
    Tasks(TasksCommand),
    /// See why agents were asked, make decisions again, and compare rules
    #[command(subcommand, after_help = EXIT_CODES)]
    Triage(TriageCommand),
    /// Check the ledger
    #[command(subcommand, after_help = EXIT_CODES)]
    Ledger(LedgerCommand),
    /// Look for everything that cannot be, in a database that may be in use
    #[command(after_help = EXIT_CODES)]
    Doctor(DoctorArgs),
    /// Copy a SQLite database that may be in use
    #[command(after_help = EXIT_CODES)]
    Backup(BackupArgs),
    /// Bring the database to this version
    #[command(after_help = EXIT_CODES)]
    Migrate(MigrateArgs),
    /// Check the settings (defaults, file if named, environment) and print them
    #[command(after_help = EXIT_CODES)]
    CheckConfig(CheckArgs),
    /// Measure one workload on this machine, beside the raw limits of the same run
    #[cfg(feature = "bench")]
    #[command(after_help = EXIT_CODES)]
    Bench(BenchArgs),
    /// The agents of `bench`: it starts them itself
    #[cfg(feature = "bench")]
    #[command(hide = true)]
    BenchAgents,
}

/// Where the settings and the database are.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaceArgs {
    /// Settings file; the environment (GAVEL__SECTION__KEY) wins over it
    #[arg(long, value_name = "FILE", env = "GAVEL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Database, instead of database.url: sqlite:FILE or postgres://...
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// `gavel demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End when the task has ended, instead of keeping the gallery up
    #[arg(long)]
    pub exit: bool,
    /// Print one JSON document at the end (implies --exit)
    #[arg(long)]
    pub json: bool,
}

/// `gavel run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The task: the body of POST /tasks as YAML
    #[arg(value_name = "TASK.YAML")]
    pub task: PathBuf,
    /// Comma-separated URLs where the agents take POSTs; exactly these hosts may be dialled
    #[arg(long, value_name = "URL,URL,...", value_delimiter = ',', required = true)]
    pub agents: Vec<String>,
    /// The ait_ key to show the agents, when they expect a certain one
    #[arg(long, value_name = "KEY", env = "GAVEL_AGENT_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// Select a bid, have it finished and approve it
    #[arg(long)]
    pub pick: Option<Pick>,
    /// Print one JSON document at the end
    #[arg(long)]
    pub json: bool,
    /// Settings file, for timers, currency and budgets
    #[arg(long, value_name = "FILE", env = "GAVEL_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Which bid is selected without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pick {
    /// The one with the highest score
    Best,
}

/// `gavel conformance`.
#[derive(Debug, Args)]
pub struct ConformanceArgs {
    /// Where the agent takes POSTs; exactly this host may be dialled (with --mode pull it can be left out)
    #[arg(value_name = "URL")]
    pub url: Option<String>,
    /// The ait_ key the agent expects
    #[arg(long, value_name = "KEY", env = "GAVEL_AGENT_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// The whsec_ secret the agent expects calls to be signed with
    #[arg(long, value_name = "SECRET", env = "GAVEL_AGENT_SECRET", hide_env_values = true)]
    pub secret: Option<String>,
    /// A second secret the agent accepts, as while secrets are changed
    #[arg(long, value_name = "SECRET", env = "GAVEL_AGENT_NEXT_SECRET", hide_env_values = true)]
    pub next_secret: Option<String>,
    /// How work reaches the agent
    #[arg(long, value_name = "MODE", default_value = "sync")]
    pub mode: TransportChoice,
    /// A category the agent works in
    #[arg(long, value_name = "SLUG", default_value = "content-writing")]
    pub category: String,
    /// A task type it does; the category's first when left out
    #[arg(long, value_name = "SLUG")]
    pub task_type: Option<String>,
    /// The platform's currency: it names the fields of money (AUD for agents of protocol version 1)
    #[arg(long, value_name = "CODE", default_value = "USD")]
    pub currency: String,
    /// Calls the agent takes at once
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub concurrency: u8,
    /// Only these cases, comma-separated
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Print one line per case and end
    #[arg(long)]
    pub list: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Write a JUnit report, too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// How long one call may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// How long a worker is waited for that fetches its work
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub wait: u64,
    /// Where callbacks and workers come in; a free port of this machine when left out
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// How the agent reaches that address, where it is told another way
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The key workers show; a random one when left out
    #[arg(long, value_name = "KEY", env = "GAVEL_WORKER_KEY", hide_env_values = true)]
    pub worker_key: Option<String>,
}

/// How work reaches an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TransportChoice {
    /// A POST, answered
    Sync,
    /// A POST, acknowledged; the answer comes by callback
    Async,
    /// The agent fetches
    Pull,
    /// One after the other
    All,
}

/// `gavel serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
    /// Where to listen, instead of server.listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Which parts run in this process, instead of server.roles: all, or some of api, work, probe, hooks; each must run somewhere
    #[arg(long, value_name = "ROLE,...")]
    pub roles: Option<Roles>,
}

/// `gavel keys ...`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key; it is shown once and stored only as a hash
    #[command(after_help = EXIT_CODES)]
    Create(CreateKeyArgs),
    /// List all keys, without what makes them keys
    #[command(after_help = EXIT_CODES)]
    List(ListKeysArgs),
    /// Take a key back at once and for good
    #[command(after_help = EXIT_CODES)]
    Revoke(RevokeKeyArgs),
}

/// `gavel keys list`.
#[derive(Debug, Args)]
pub struct ListKeysArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel keys revoke`.
#[derive(Debug, Args)]
pub struct RevokeKeyArgs {
    /// The key's id, as `keys create --json` and `keys list` tell it
    #[arg(value_name = "ID", value_parser = parse_key_id)]
    pub id: KeyId,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel agents ...`.
#[derive(Debug, Subcommand)]
pub enum AgentsCommand {
    /// List agents with their developers, whether they may be asked, and where they are
    #[command(after_help = EXIT_CODES)]
    List(ListAgentsArgs),
    /// Show an agent again that was hidden because its probes failed for long
    #[command(after_help = EXIT_CODES)]
    Unhide(UnhideArgs),
    /// Say who may see and ask an agent
    #[command(after_help = EXIT_CODES)]
    Visibility(VisibilityArgs),
}

/// `gavel agents list`.
#[derive(Debug, Args)]
pub struct ListAgentsArgs {
    /// Only the agents of this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel agents unhide`.
#[derive(Debug, Args)]
pub struct UnhideArgs {
    /// The agent's short name
    #[arg(value_name = "SLUG")]
    pub slug: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel agents visibility`.
#[derive(Debug, Args)]
pub struct VisibilityArgs {
    /// The agent's short name
    #[arg(value_name = "SLUG")]
    pub slug: String,
    /// live and beta are asked, coming_soon is only seen, draft is neither; hidden stays so until an operator moves it back
    #[arg(value_name = "live|beta|coming_soon|draft|hidden", value_parser = parse_visibility)]
    pub visibility: Visibility,
    /// Why; the developer of an agent that is hidden reads it
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel tasks ...`.
#[derive(Debug, Subcommand)]
pub enum TasksCommand {
    /// List tasks with their buyers, why they are where they are, and what became of their money; newest first
    #[command(after_help = EXIT_CODES)]
    List(ListTasksArgs),
    /// List the tasks that are set aside: their steps failed again and again, and they could not be given up
    #[command(after_help = EXIT_CODES)]
    Dead(DeadTasksArgs),
    /// Take one of them up again, once its cause is mended
    #[command(after_help = EXIT_CODES)]
    Retry(RetryTaskArgs),
}

/// `gavel tasks list`.
#[derive(Debug, Args)]
pub struct ListTasksArgs {
    /// Only tasks in this state
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    pub state: Option<TaskState>,
    /// Only the tasks of this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Only tasks that are older than this one, to read on
    #[arg(long, value_name = "ID", value_parser = parse_task_id)]
    pub before: Option<TaskId>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel tasks dead`.
#[derive(Debug, Args)]
pub struct DeadTasksArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel tasks retry`.
#[derive(Debug, Args)]
pub struct RetryTaskArgs {
    /// The task's id
    #[arg(value_name = "ID", value_parser = parse_task_id)]
    pub id: TaskId,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel keys create`.
#[derive(Debug, Args)]
pub struct CreateKeyArgs {
    /// What the key is for: task_poster, agent_manager or admin; with :read it may look, not change
    #[arg(long, value_name = "SCOPE[:read]", value_parser = parse_scope)]
    pub scope: KeyScope,
    /// Whose it is; the account is made when there is none of that name
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub account: String,
    /// A test key: separate data, no money
    #[arg(long)]
    pub test: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// What a key is for and whether it may only look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyScope {
    /// What it is for.
    pub scope: Scope,
    /// It may look, not change.
    pub read_only: bool,
}

/// `gavel ledger ...`.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Check the chain, every transfer's balance, and that tasks and money agree
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyArgs),
}

/// `gavel ledger verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where the copy goes; a file that is there already is not overwritten
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub place: PlaceArgs,
}

/// `gavel check-config`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Settings file to check, with the environment
    #[arg(long, value_name = "FILE", env = "GAVEL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print every setting with its default instead
    #[arg(long)]
    pub defaults: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `gavel bench`.
#[cfg(feature = "bench")]
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What is measured
    #[arg(value_name = "WORKLOAD", value_parser = workload())]
    pub workload: Workload,
    /// Print one JSON document at the end
    #[arg(long)]
    pub json: bool,
    /// A first look of a few seconds, whose figures say little
    #[arg(long)]
    pub quick: bool,
    /// Measure on this PostgreSQL server (postgres://...); databases of its own are made there, and dropped
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Where throw-away databases are made, on the disk that is to be measured; this folder when absent
    #[arg(long, value_name = "FOLDER")]
    pub disk: Option<PathBuf>,
    /// Stored tasks of the larger database in `growth`; the smaller has a hundredth
    #[arg(long, value_name = "TASKS", value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    pub scale: Option<u64>,
}

/// Every workload by its name, each with its line of help.
#[cfg(feature = "bench")]
fn workload() -> impl TypedValueParser<Value = Workload> {
    let named = |workload: Workload| PossibleValue::new(workload.name()).help(workload.about());
    PossibleValuesParser::new(Workload::ALL.map(named))
        .try_map(|name| Workload::named(&name).ok_or("there is no such workload"))
}

fn parse_key_id(text: &str) -> Result<KeyId, String> {
    text.parse().map_err(|_| "it is no key's id; `gavel keys list` shows them".to_owned())
}

pub(crate) fn parse_task_id(text: &str) -> Result<TaskId, String> {
    text.parse().map_err(|_| "it is no task's id; `gavel tasks list` shows them".to_owned())
}

fn parse_visibility(text: &str) -> Result<Visibility, String> {
    text.parse().map_err(|_| format!("use one of {}", Visibility::ALL.map(Visibility::name).join(", ")))
}

fn parse_state(text: &str) -> Result<TaskState, String> {
    text.parse().map_err(|_| format!("use one of {}", TaskState::ALL.map(TaskState::name).join(", ")))
}

fn parse_scope(text: &str) -> Result<KeyScope, String> {
    let (name, read_only) = match text.split_once(':') {
        None => (text, false),
        Some((name, "read")) => (name, true),
        Some(_) => return Err("after the colon only \"read\" can stand".to_owned()),
    };
    let scope = name.parse().map_err(|_| "use task_poster, agent_manager or admin".to_owned())?;
    Ok(KeyScope { scope, read_only })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn scopes_of_keys() {
        let check = |text: &str, expected: Option<(Scope, bool)>| {
            assert_eq!(parse_scope(text).ok().map(|s| (s.scope, s.read_only)), expected, "{text}");
        };
        check("task_poster", Some((Scope::TaskPoster, false)));
        check("agent_manager:read", Some((Scope::AgentManager, true)));
        check("admin:read", Some((Scope::Admin, true)));
        check("admin:write", None);
        check("root", None);
        check("", None);
    }

    #[test]
    fn agents_are_a_comma_list() {
        let cli = Cli::try_parse_from(["gavel", "run", "t.yaml", "--agents", "http://a:1/x,http://b:2/x"]);
        let Command::Run(run) = cli.unwrap().command else { panic!("no run") };
        assert_eq!(run.agents, ["http://a:1/x", "http://b:2/x"]);
        assert!(Cli::try_parse_from(["gavel", "run", "t.yaml"]).is_err(), "agents are required");
    }
}
