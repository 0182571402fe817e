//! A whole Gavel in this process: store, vault, outbound client, loop and API, wired here and nowhere else.
//! `serve`, `demo`, `run`, the end-to-end tests and the benchmarks all start it this way.

use crate::access::{KeyWish, create_key};
use crate::loops::Loops;
use crate::roles::Role;
use crate::settings::{self, AppConfig};
use crate::shared::{self, Time};
use crate::{Failure, agreed, suite};
use anyhow::{Context as _, anyhow};
use gavel_api::{ApiSettings, AppState, Benchmarks};
use gavel_candidates::Candidates;
use gavel_dispatcher::{Lanes, transport::Transport};
use gavel_domain::policy::MoneyMode;
use gavel_domain::recovery::Recovery;
use gavel_domain::{Chance, Clock};
use gavel_orchestrator::{Context, Settings};
use gavel_outbound::{Limits, Outbound, Surroundings};
use gavel_store::Store;
use gavel_vault::{OsChance, Secret, Vault};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A Gavel that runs. Dropping it stops it without waiting; [`Running::stop`] waits.
pub struct Running {
    /// Where the API answers, such as `http://127.0.0.1:8080`.
    pub base_url: String,
    /// What it remembers.
    pub store: Store,
    /// What seals its secrets.
    pub vault: Arc<Vault>,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// Its chance.
    pub chance: Arc<dyn Chance>,
    /// How long the API goes on taking connections at the end.
    leave: Duration,
    stops: Stops,
    server: JoinHandle<bool>,
    /// What works, by the roles of this process.
    parts: Loops,
    /// What goes on beside that where others share the database.
    ties: Loops,
}

/// The end comes in this order.
#[derive(Default)]
struct Stops {
    /// Nothing new is begun, and we say that we are not ready.
    leaving: CancellationToken,
    /// No connection is taken any more.
    serving: CancellationToken,
    /// All work is done: the last hints are told.
    ties: CancellationToken,
}

/// Starts everything; when this returns, the API answers and tasks are taken up.
///
/// # Errors
/// What cannot be opened or bound, as a sentence.
pub async fn start(config: AppConfig) -> Result<Running, Failure> {
    let chance: Arc<dyn Chance> = Arc::new(OsChance);
    let (store, vault) = open(&config, &*chance).await?;
    agreed::on_money(&store, &config).await?;
    let (time, vault) = (Time::of(&store).await?, Arc::new(vault));
    let clock = Arc::clone(&time.clock);
    let surroundings = Surroundings { roots: config.roots.clone(), ..Surroundings::default() };
    let outbound: Arc<dyn Transport> = Arc::new(
        Outbound::within(surroundings, config.guard.clone(), Limits::default())
            .context("the client towards agents cannot be set up")?,
    );
    let listener = gavel_api::listen(config.listen)
        .with_context(|| format!("{} cannot be listened on; choose another with --listen", config.listen))?;
    let address = listener.local_addr().context("the listening address cannot be read")?;

    let (stops, roles, limits, leave) = (Stops::default(), config.roles, config.serve, config.leave);
    let money_on = config.money.mode != MoneyMode::Off;
    let candidates = Arc::new(Candidates::new(store.clone(), Arc::clone(&config.triage), money_on));
    let state = AppState {
        candidates: Arc::clone(&candidates),
        store: store.clone(),
        settings: Arc::new(api_settings(&config, address)),
        vault: Arc::clone(&vault),
        transport: Arc::clone(&outbound),
        clock: Arc::clone(&clock),
        chance: Arc::clone(&chance),
        leaving: stops.leaving.clone(),
        stop: stops.serving.clone(),
    };
    let context = Arc::new(Context {
        candidates,
        store: store.clone(),
        clock: Arc::clone(&clock),
        chance: Arc::clone(&chance),
        vault: Arc::clone(&vault),
        transport: outbound,
        lanes: Lanes::new(config.caps),
        judges: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, NonZeroUsize::get))),
        suite: Arc::clone(&config.suite),
        wanted: Arc::default(),
        outage: Arc::default(),
        settings: loop_settings(config, address, &*chance),
    });

    let ties = shared::start(&store, &time, &chance, context.settings.owner.clone(), &stops.ties);
    let mut parts = Loops::default();
    let (context, leaving) = (|| Arc::clone(&context), || stops.leaving.clone());
    let work = gavel_orchestrator::run(context(), leaving());
    parts.add_when(roles.has(Role::Work), "the loop that works on tasks", work);
    let benchmarks = gavel_orchestrator::benchmarks::run(context(), leaving());
    parts.add_when(roles.has(Role::Work), "the loop that lets benchmarks go on", benchmarks);
    let probes = gavel_orchestrator::probes::run(context(), leaving());
    parts.add_when(roles.has(Role::Probe), "the loop that probes agents", probes);
    let webhooks = gavel_orchestrator::webhooks::run(context(), leaving());
    parts.add_when(roles.has(Role::Hooks), "the loop that tells buyers by webhook", webhooks);
    let unheard = gavel_orchestrator::webhooks::unheard::run(context(), leaving());
    parts.add_when(!roles.has(Role::Hooks), "the loop that sees whether webhooks are told", unheard);
    let retention = gavel_orchestrator::retention::run(context(), leaving());
    parts.add_when(roles.has(Role::Work), "the loop that removes what is too old", retention);
    // Whoever watches over us is answered by every process.
    let router =
        if roles.has(Role::Api) { gavel_api::router(state) } else { gavel_api::health_router(state) };
    let server = tokio::spawn(gavel_api::serve(listener, router, stops.serving.clone(), limits));
    Ok(Running {
        base_url: base_url(address),
        store,
        vault,
        clock,
        chance,
        leave,
        stops,
        server,
        parts,
        ties,
    })
}

impl Running {
    /// Makes a key for its REST API.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_key(&self, wish: KeyWish<'_>) -> Result<Secret, gavel_store::Error> {
        let (secret, _) = create_key(&self.store, &*self.clock, &*self.chance, wish).await?;
        Ok(secret)
    }

    /// Returns when it ends by itself, which only a fault of ours can cause.
    pub async fn failed(&mut self) -> Failure {
        let what = tokio::select! {
            _ = &mut self.server => "the API server",
            name = self.parts.one_ended() => name,
            name = self.ties.one_ended() => name,
        };
        anyhow!("{what} ended by itself; the log says why").into()
    }

    /// Stops: nothing new is begun and we are not ready any more, but connections are taken for a little while, until
    /// that was noticed; requests and calls under way may end; what is left is let go; the database closes.
    pub async fn stop(mut self) {
        self.stops.leaving.cancel();
        tokio::time::sleep(self.leave).await;
        self.stops.serving.cancel();
        match (&mut self.server).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!("some requests did not end in time and were cut"),
            Err(error) => tracing::error!(%error, "the API server failed"),
        }
        self.parts.all_ended().await;
        self.stops.ties.cancel();
        self.ties.all_ended().await;
        self.store.close().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Stops { leaving, serving, ties } = &self.stops;
        for stop in [leaving, serving, ties] {
            stop.cancel();
        }
    }
}

/// Opens the database and the vault, and makes sure that they belong together.
///
/// # Errors
/// What cannot be opened; [`Failure::WrongKeyFile`] when the key is not the database's.
pub async fn open(config: &AppConfig, chance: &dyn Chance) -> Result<(Store, Vault), Failure> {
    let store = Store::open_as(&config.database_url, &config.opening).await;
    matched(config, reached(&config.database_url, store)?, chance).await
}

/// The same beside a server that may be at work, for a single look or write.
///
/// # Errors
/// As [`open`].
pub async fn open_beside(config: &AppConfig, chance: &dyn Chance) -> Result<(Store, Vault), Failure> {
    let store = Store::open_beside(&config.database_url, &config.opening).await;
    matched(config, reached(&config.database_url, store)?, chance).await
}

/// A server that cannot be reached is told with its place: whoever starts us may have named the wrong one.
pub(crate) fn reached(database_url: &str, store: gavel_store::Result<Store>) -> Result<Store, Failure> {
    match (store, settings::place_of(database_url)) {
        (Err(error @ gavel_store::Error::Busy(_)), Some(place)) => {
            Err(anyhow!(error).context(format!("{place}, cannot be reached (database.url)")).into())
        }
        (store, _) => Ok(store?),
    }
}

async fn matched(config: &AppConfig, store: Store, chance: &dyn Chance) -> Result<(Store, Vault), Failure> {
    let sealed_before = store.remembered(VAULT_CHECK).await?.is_some();
    let vault = match &config.key_file {
        // A new key would open nothing of what is there.
        Some(path) if sealed_before => Vault::of_file(path)?,
        Some(path) => Vault::open_or_create(path, chance)?,
        None => in_memory(chance),
    };
    let check = vault.check_value();
    if store.remember_once(VAULT_CHECK, &check).await? != check {
        let path = config.key_file.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        return Err(Failure::WrongKeyFile { path });
    }
    Ok((store, vault))
}

/// How the key file stands to a database, for whoever only looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFile {
    /// It opens what is sealed there.
    Fits,
    /// It is not where it is looked for.
    Missing,
    /// It is no key, or another's.
    Another,
    /// The database has not been given a key yet, or is in memory.
    None,
}

/// Looks whether a server would find the key of this database. Nothing is made.
///
/// # Errors
/// When the database fails.
pub async fn key_file_of(store: &Store, config: &AppConfig) -> Result<KeyFile, Failure> {
    let Some(path) = &config.key_file else { return Ok(KeyFile::None) };
    let Some(check) = store.remembered(VAULT_CHECK).await? else { return Ok(KeyFile::None) };
    if !path.exists() {
        return Ok(KeyFile::Missing);
    }
    match Vault::of_file(path) {
        Ok(vault) if vault.check_value() == check => Ok(KeyFile::Fits),
        Ok(_) | Err(_) => Ok(KeyFile::Another),
    }
}

/// Under this name the database remembers which key it belongs to.
const VAULT_CHECK: &str = "vault_check";

fn in_memory(chance: &dyn Chance) -> Vault {
    let mut key = [0; 32];
    chance.fill(&mut key);
    Vault::from_key(key)
}

fn api_settings(config: &AppConfig, address: SocketAddr) -> ApiSettings {
    ApiSettings {
        currency: config.currency.clone(),
        money: config.money.clone(),
        timers: config.timers.clone(),
        min_bids: config.min_bids,
        catalog: Arc::new(config.catalog.clone()),
        guard: config.guard.clone(),
        user_agent: config.user_agent.clone(),
        public_url: config.public_url.clone().unwrap_or_else(|| base_url(address)),
        newcomer_tasks: config.triage.policy().newcomer_tasks,
        alarms: config.alarms,
        secret_overlap: config.secret_overlap,
        benchmark: benchmarks(config),
        limits: config.requests,
    }
}

fn benchmarks(config: &AppConfig) -> Benchmarks {
    let slugs = config.catalog.categories.iter().map(|category| category.slug.clone());
    Benchmarks {
        activation: config.activation,
        rules: config.benchmark,
        suites: slugs.filter(|slug| suite::is_whole(&config.suite, slug)).collect(),
    }
}

fn loop_settings(config: AppConfig, address: SocketAddr, chance: &dyn Chance) -> Settings {
    let mut name = [0; 8];
    chance.fill(&mut name);
    Settings {
        owner: format!("gavel-{:016x}", u64::from_be_bytes(name)),
        lease: config.lease,
        drain: config.drain,
        tasks_at_once: config.tasks_at_once,
        recovery: Recovery::default(),
        timers: config.timers,
        money: config.money,
        currency: config.currency,
        agents_min: config.agents_min,
        alarms: config.alarms,
        busy_wait: config.busy_wait,
        forced_seed: config.forced_seed,
        rubrics: config.rubrics,
        benchmark: config.benchmark,
        user_agent: config.user_agent,
        health: config.health,
        webhooks: config.webhooks,
        retention: config.retention,
        public_url: config.public_url.unwrap_or_else(|| base_url(address)),
    }
}

/// The address as a URL that can be called from here: "all addresses" is no address to call.
fn base_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}
