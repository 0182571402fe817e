//! From what is written to what is used.

use super::categories::{by_category, catalog};
use super::file::{Health, LogFormat, MoneyMode, Network, Retention, Silence, Timers, Webhooks, Written};
use super::known::Places;
use super::triage;
use super::values::wrong_level;
use super::{SettingsError, file};
use crate::roles::Roles;
use crate::suite;
use ::config::{Config, File, FileFormat};
use chrono::TimeDelta;
use gavel_api::{RequestLimits, ServeLimits};
use gavel_dispatcher::Caps;
use gavel_domain::benchmark::{self, Activation};
use gavel_domain::catalog::{Catalog, Timeouts};
use gavel_domain::health::Rules;
use gavel_domain::limits::BUDGET_MINOR_MAX;
use gavel_domain::network::Guard;
use gavel_domain::policy::{self, MoneyPolicy};
use gavel_domain::webhook;
use gavel_domain::{BasisPoints, Currency, Money, Ppm};
use gavel_judge::Rubrics;
use gavel_judge::benchmark::Suite;
use gavel_orchestrator::{probes, retention, webhooks};
use gavel_outbound::ExtraRoots;
use gavel_store::{Migrate, Opening, path_of};
use gavel_triage::AlarmRules;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything a running Gavel is told, as plain values. It does not print: the database's URL may hold a password.
#[derive(Clone)]
pub struct AppConfig {
    /// Where the API listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Which parts run in this process.
    pub roles: Roles,
    /// How long the API goes on taking connections once the process was asked to end.
    pub leave: Duration,
    /// What connections may cost.
    pub serve: ServeLimits,
    /// How many requests are carried at once.
    pub requests: RequestLimits,
    /// The address others know us by; the listening address when absent.
    pub public_url: Option<String>,
    /// The database's URL.
    pub database_url: String,
    /// How it is opened.
    pub opening: Opening,
    /// The file whose key seals secrets; in memory alone when absent (a database in memory has no use for a file).
    pub key_file: Option<PathBuf>,
    /// How long requests carry the signatures of an agent's old and new secret.
    pub secret_overlap: TimeDelta,
    /// The one currency.
    pub currency: Currency,
    /// The caller's name in requests to agents.
    pub user_agent: String,
    /// Whether and how money moves.
    pub money: MoneyPolicy,
    /// How long things may take.
    pub timers: policy::Timers,
    /// The most calls at once.
    pub caps: Caps,
    /// Which addresses may be dialled.
    pub guard: Guard,
    /// Who may vouch for agents beside the machine's own authorities.
    pub roots: ExtraRoots,
    /// What may be asked for, with the weights and the times that are in force.
    pub catalog: Catalog,
    /// What an agent must have shown before it is asked.
    pub activation: Activation,
    /// When a benchmark is passed, and how often one may be tried.
    pub benchmark: benchmark::Rules,
    /// The tasks that agents are tried with.
    pub suite: Arc<Suite>,
    /// How agents are probed.
    pub health: probes::Settings,
    /// How buyers are told by webhook.
    pub webhooks: webhooks::Settings,
    /// Whom to ask.
    pub triage: Arc<gavel_triage::Rules>,
    /// What counts how much when a bid is judged.
    pub rubrics: Rubrics,
    /// Bids that every task wants at least, unless it says so itself.
    pub min_bids: Option<u8>,
    /// Fewest agents a task is started with.
    pub agents_min: usize,
    /// Which share of Top Performers is as it should be.
    pub alarms: AlarmRules,
    /// How long a task waits for agents that are only busy.
    pub busy_wait: TimeDelta,
    /// Forces every draw.
    pub forced_seed: Option<u64>,
    /// How long a claim holds without renewal.
    pub lease: TimeDelta,
    /// How long calls under way may go on once the process was asked to end.
    pub drain: Duration,
    /// Steps side by side.
    pub tasks_at_once: usize,
    /// How long things are kept.
    pub retention: retention::Settings,
    /// Log lines as JSON.
    pub log_json: bool,
    /// What is logged, as directives.
    pub log_level: String,
}

impl AppConfig {
    /// Keeps everything in memory: no database file, no key file. Nobody goes on when this process ends, so it ends
    /// without waiting.
    pub fn in_memory(&mut self) {
        self.database_url = "sqlite::memory:".to_owned();
        self.key_file = None;
        self.roles = Roles::ALL;
        (self.leave, self.drain) = (Duration::ZERO, Duration::ZERO);
    }
}

/// What a header may say: visible ASCII and spaces, so that every request can carry it.
const USER_AGENT_BYTES: usize = 200;
/// The longest window a buyer's timer may have, ten years: beyond it a date is more likely a mistake.
const WINDOW_MINUTES_MAX: u32 = 10 * 366 * 24 * 60;
/// The longest overlap of two signing secrets, a year: a secret that is not revoked by then was not meant to be.
const OVERLAP_HOURS_MAX: u16 = 366 * 24;
/// The longest call or phase, a day: every call holds a connection and memory.
const CALL_SECONDS_MAX: u32 = 24 * 60 * 60;

pub(super) fn convert(written: Written, places: &Places) -> Result<AppConfig, SettingsError> {
    let currency =
        Currency::new(&written.platform.currency).map_err(|e| places.value("platform.currency", e))?;
    let (catalog, rubrics) = catalog(&written.catalog.folder, &written.judge.policy_file)?;
    let rules = triage::rules(&written.triage, &catalog, places)?;
    let requests = request_limits(&written.server);
    Ok(AppConfig {
        listen: listen(&written.server.listen, places)?,
        roles: roles(&written.server.roles, &written.database.url, places)?,
        leave: Duration::from_secs(written.server.leave_seconds.into()),
        opening: opening(&written.database, &rules),
        serve: serve_limits(&written.server, &requests),
        requests,
        public_url: public_url(written.server.public_url, places)?,
        key_file: key_file(&written.secrets.key_file, &written.database.url),
        secret_overlap: secret_overlap(written.secrets.overlap_hours, places)?,
        database_url: database_url(written.database.url, places)?,
        user_agent: user_agent(written.platform.user_agent, places)?,
        activation: activation(written.agents.activation, written.money.mode),
        benchmark: benchmark(&written.benchmark, places)?,
        suite: Arc::new(suite::shipped()?),
        money: money(&written.money, &written.budget, &currency, places)?,
        timers: timers(written.timers, &catalog, places)?,
        caps: Caps {
            developer: written.dispatch.developer_max.get(),
            host: written.dispatch.host_max.get(),
            global: written.dispatch.global_max.get(),
        },
        guard: guard(&written.network, places)?,
        roots: roots(&written.network.ca_file)?,
        health: health(&written.health, rules.policy().health_fails_max, places)?,
        webhooks: told(&written.webhooks),
        triage: rules,
        rubrics,
        min_bids: triage::min_bids(written.triage.min_bids, places)?,
        agents_min: usize::from(written.triage.agents_min),
        alarms: triage::alarms(&written.triage, places)?,
        busy_wait: TimeDelta::seconds(written.triage.busy_wait_seconds.into()),
        forced_seed: triage::forced_seed(&written.triage.forced_seed, places)?,
        lease: TimeDelta::seconds(written.work.lease_seconds.get().into()),
        drain: Duration::from_secs(written.work.drain_seconds.into()),
        tasks_at_once: written.work.tasks_at_once.get().into(),
        retention: kept(&written.retention),
        log_json: matches!(written.log.format, LogFormat::Json),
        log_level: log_level(written.log.level, places)?,
        currency,
        catalog,
    })
}

/// Where money moves, nobody is paid for work that nobody has looked at.
fn activation(written: file::Activation, money: file::MoneyMode) -> Activation {
    match (written, money) {
        (file::Activation::Immediate, _) | (file::Activation::Auto, MoneyMode::Off) => Activation::Immediate,
        (file::Activation::Benchmark, _) | (file::Activation::Auto, MoneyMode::Ledger) => {
            Activation::Benchmark
        }
    }
}

fn benchmark(written: &file::Benchmark, places: &Places) -> Result<benchmark::Rules, SettingsError> {
    let share = |key, ppm: u32| match Ppm::new(ppm) {
        share if share.get() == ppm => Ok(share),
        _ => Err(places.value(key, "it must be at most 1000000, which is a perfect score")),
    };
    Ok(benchmark::Rules {
        pass_mean: share("benchmark.pass_mean_ppm", written.pass_mean_ppm)?,
        pass_each: share("benchmark.pass_each_ppm", written.pass_each_ppm)?,
        second_look: share("benchmark.second_look_ppm", written.second_look_ppm)?,
        cooldown: TimeDelta::minutes(written.cooldown_minutes.into()),
        runs_per_hour: u32::from(written.runs_per_hour.get()),
        auto_live: written.auto_live,
    })
}

fn listen(text: &str, places: &Places) -> Result<SocketAddr, SettingsError> {
    let wrong = |_| places.value("server.listen", "it must be ADDRESS:PORT, such as 127.0.0.1:8080");
    text.parse().map_err(wrong)
}

fn roles(text: &str, database_url: &str, places: &Places) -> Result<Roles, SettingsError> {
    let roles: Roles = text.parse().map_err(|e| places.value("server.roles", e))?;
    roles.check(database_url).map_err(|e| places.pair("server.roles", "database.url", &e))?;
    Ok(roles)
}

fn opening(database: &file::Database, rules: &Arc<gavel_triage::Rules>) -> Opening {
    Opening {
        connections: database.connections_max.get().into(),
        acquire: span(database.acquire_seconds),
        migrate: match database.migrate {
            file::Migrate::Auto => Migrate::Auto,
            file::Migrate::Never => Migrate::Never,
        },
        rules: Arc::clone(rules),
        ..Opening::default()
    }
}

fn serve_limits(server: &file::Server, requests: &RequestLimits) -> ServeLimits {
    ServeLimits {
        connections: many(server.connections_max),
        connections_per_address: many(server.connections_per_address_max),
        header_timeout: span(server.header_seconds),
        idle: span(server.idle_seconds),
        stall: span(server.stall_seconds),
        lifetime: span(server.lifetime_seconds),
        farewell: requests.longest(),
        drain: span(server.drain_seconds),
        ..ServeLimits::default()
    }
}

fn request_limits(server: &file::Server) -> RequestLimits {
    RequestLimits {
        requests: many(server.requests_max),
        callbacks: many(server.callbacks_max),
        long_polls: many(server.long_polls_max),
        streams: many(server.streams_max),
        body: span(server.body_seconds),
    }
}

fn many(count: NonZeroU32) -> usize {
    usize::try_from(count.get()).unwrap_or(usize::MAX)
}

fn span(seconds: impl Into<NonZeroU32>) -> Duration {
    Duration::from_secs(seconds.into().get().into())
}

fn public_url(text: String, places: &Places) -> Result<Option<String>, SettingsError> {
    if text.is_empty() {
        return Ok(None);
    }
    match url::Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(Some(text.trim_end_matches('/').to_owned()))
        }
        _ => {
            Err(places.value("server.public_url", "it must be an address such as https://gavel.example.com"))
        }
    }
}

fn database_url(url: String, places: &Places) -> Result<String, SettingsError> {
    let file = url.starts_with("sqlite:").then(|| path_of(&url));
    // SQLite takes no parameters here: they would be part of the file's name.
    if let Some((path, _)) = file.and_then(|path| path.split_once(['?', '#'])) {
        let problem =
            format!("a SQLite file is named by its path alone, without ? and #: write sqlite:{path}");
        return Err(places.value("database.url", problem));
    }
    let server = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    if server || file.is_some_and(|path| !path.is_empty()) {
        return Ok(url);
    }
    Err(places.value("database.url", "use sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME"))
}

/// The key stands beside a SQLite file; PostgreSQL's stands in the working folder.
pub(crate) fn key_file(named: &str, database_url: &str) -> Option<PathBuf> {
    const NAME: &str = "gavel.key";
    if !named.is_empty() {
        return Some(PathBuf::from(named));
    }
    if !database_url.starts_with("sqlite:") {
        return Some(PathBuf::from(NAME));
    }
    let path = path_of(database_url);
    (path != ":memory:").then(|| PathBuf::from(path).with_file_name(NAME))
}

fn secret_overlap(hours: NonZeroU16, places: &Places) -> Result<TimeDelta, SettingsError> {
    if hours.get() > OVERLAP_HOURS_MAX {
        return Err(places.value("secrets.overlap_hours", "it must be at most 8784 (a year)"));
    }
    Ok(TimeDelta::hours(hours.get().into()))
}

fn user_agent(text: String, places: &Places) -> Result<String, SettingsError> {
    let sendable = !text.trim().is_empty()
        && text.len() <= USER_AGENT_BYTES
        && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if sendable {
        return Ok(text);
    }
    Err(places.value("platform.user_agent", "it must be 1 to 200 printable ASCII characters"))
}

fn money(
    money: &file::Money,
    budget: &file::Budget,
    currency: &Currency,
    places: &Places,
) -> Result<MoneyPolicy, SettingsError> {
    let amount = |key, text: &str| {
        let amount = Money::parse_exact(text, currency).map_err(|e| places.value(key, format!("it {e}")))?;
        if amount > Money::ZERO { Ok(amount) } else { Err(places.value(key, "it must be above 0")) }
    };
    let (min, max) = (amount("budget.min", &budget.min)?, amount("budget.max", &budget.max)?);
    let most = Money::from_minor(BUDGET_MINOR_MAX);
    if max > most {
        let problem = format!("it must be at most {}", most.to_decimal_string(currency));
        return Err(places.value("budget.max", problem));
    }
    if min > max {
        return Err(places.pair("budget.max", "budget.min", "the smallest budget is above the largest"));
    }
    let fee = BasisPoints(money.fee_basis_points);
    if fee > BasisPoints::WHOLE {
        return Err(places.value("money.fee_basis_points", "it must be at most 10000 (100 %)"));
    }
    Ok(MoneyPolicy {
        mode: match money.mode {
            MoneyMode::Off => policy::MoneyMode::Off,
            MoneyMode::Ledger => policy::MoneyMode::Ledger,
        },
        fee,
        settlement: TimeDelta::days(money.settlement_days.into()),
        budget_min: min,
        budget_max: max,
    })
}

fn timers(timers: Timers, catalog: &Catalog, places: &Places) -> Result<policy::Timers, SettingsError> {
    let call = |key: &str, value| seconds(key, value, places);
    let window = |key: &str, value: NonZeroU32| match value.get() {
        minutes if minutes <= WINDOW_MINUTES_MAX => Ok(TimeDelta::minutes(minutes.into())),
        _ => Err(places.value(key, "it must be at most ten years")),
    };
    let per_category = |table: &str, entries, of: fn(&Timeouts) -> Option<TimeDelta>| {
        by_category(table, entries, of, catalog, places)
    };
    Ok(policy::Timers {
        phase: call("timers.phase_seconds", timers.phase_seconds)?,
        prototype_call: call("timers.prototype_call_seconds", timers.prototype_call_seconds)?,
        final_call: call("timers.final_call_seconds", timers.final_call_seconds)?,
        prototype_call_by_category: per_category(
            "timers.prototype_call_seconds_by_category",
            timers.prototype_call_seconds_by_category,
            |timeouts| timeouts.prototype_call,
        )?,
        final_call_by_category: per_category(
            "timers.final_call_seconds_by_category",
            timers.final_call_seconds_by_category,
            |timeouts| timeouts.final_call,
        )?,
        async_call: call("timers.async_call_seconds", timers.async_call_seconds)?,
        acknowledge: call("timers.acknowledge_seconds", timers.acknowledge_seconds)?,
        pull_lease: call("timers.pull_lease_seconds", timers.pull_lease_seconds)?,
        review_window: window("timers.review_window_minutes", timers.review_window_minutes)?,
        answer_window: window("timers.answer_window_minutes", timers.answer_window_minutes)?,
        on_silence: match timers.on_silence {
            Silence::Approve => policy::Silence::Approve,
            Silence::Expire => policy::Silence::Expire,
        },
        revisions_max: timers.revisions_max,
    })
}

pub(super) fn seconds(key: &str, value: NonZeroU32, places: &Places) -> Result<TimeDelta, SettingsError> {
    if value.get() > CALL_SECONDS_MAX {
        return Err(places.value(key, "it must be at most a day (86400)"));
    }
    Ok(TimeDelta::seconds(value.get().into()))
}

fn guard(network: &Network, places: &Places) -> Result<Guard, SettingsError> {
    let own = network.own_hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
    Ok(Guard {
        allow: network.allow.parse().map_err(|e| places.value("network.allow", e))?,
        ports: network.ports.iter().map(|port| port.get()).collect(),
        own_hosts: own.map(str::to_owned).collect(),
    })
}

fn health(health: &Health, fails_max: u32, places: &Places) -> Result<probes::Settings, SettingsError> {
    let every_while_out =
        seconds("health.recovery_interval_seconds", health.recovery_interval_seconds, places)?;
    let limit = seconds("health.timeout_seconds", health.timeout_seconds, places)?;
    Ok(probes::Settings {
        rules: Rules {
            fails_max,
            every: seconds("health.interval_seconds", health.interval_seconds, places)?,
            every_while_out,
            hide_after: (health.hide_after_hours > 0)
                .then(|| TimeDelta::hours(health.hide_after_hours.into())),
        },
        limit: limit.to_std().unwrap_or(Duration::MAX), // it is above 0
        at_once: health.probes_at_once.get().into(),
    })
}

fn told(webhooks: &Webhooks) -> webhooks::Settings {
    webhooks::Settings {
        rules: webhook::Rules { disable_after: TimeDelta::days(webhooks.disable_after_days.get().into()) },
        limit: span(webhooks.timeout_seconds),
        caps: webhooks::Caps {
            at_once: webhooks.at_once_max.get(),
            host: webhooks.host_max.get(),
            subscription: webhooks.subscription_max.get(),
        },
        ..webhooks::Settings::default()
    }
}

fn kept(retention: &Retention) -> retention::Settings {
    let days = |days: u16| (days > 0).then(|| TimeDelta::days(days.into()));
    retention::Settings {
        bodies: days(retention.bodies_days),
        idempotency: TimeDelta::hours(retention.idempotency_hours.get().into()),
        told: days(retention.webhook_log_days),
    }
}

fn roots(path: &str) -> Result<ExtraRoots, SettingsError> {
    if path.is_empty() {
        return Ok(ExtraRoots::default());
    }
    let wrong = |problem: &dyn std::fmt::Display| named("network.ca_file", path, problem);
    let text = std::fs::read(path).map_err(|e| wrong(&e))?;
    ExtraRoots::from_pem(&text).map_err(|e| wrong(&e))
}

fn log_level(text: String, places: &Places) -> Result<String, SettingsError> {
    if let Some(problem) = wrong_level(&text) {
        return Err(places.value("log.level", problem));
    }
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text),
        Err(e) => Err(places.value("log.level", e)),
    }
}

pub(super) fn policy_file<T: serde::de::DeserializeOwned>(
    key: &'static str,
    path: &str,
    shipped: &str,
) -> Result<T, SettingsError> {
    let builder = Config::builder();
    let builder = match path {
        "" => builder.add_source(File::from_str(shipped, FileFormat::Toml)),
        path => builder.add_source(File::new(path, FileFormat::Toml)),
    };
    builder.build().and_then(Config::try_deserialize).map_err(|e| named(key, path, e))
}

pub(super) fn named(key: &'static str, path: &str, problem: impl ToString) -> SettingsError {
    SettingsError::Named { key, path: path.to_owned(), problem: problem.to_string() }
}
