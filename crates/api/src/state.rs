//! What every handler may use; filled by the binary.

use crate::RequestLimits;
use chrono::TimeDelta;
use gavel_candidates::Candidates;
use gavel_dispatcher::transport::Transport;
use gavel_domain::benchmark::{Activation, Rules};
use gavel_domain::catalog::Catalog;
use gavel_domain::network::Guard;
use gavel_domain::policy::{MoneyPolicy, Timers};
use gavel_domain::task::Task;
use gavel_domain::{Chance, Clock, Currency, Timestamp, TransferId};
use gavel_store::{Store, ledger::Settlement};
use gavel_triage::AlarmRules;
use gavel_vault::Vault;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// Everything Gavel remembers.
    pub store: Store,
    /// Who could be asked.
    pub candidates: Arc<Candidates>,
    /// What the operator configured.
    pub settings: Arc<ApiSettings>,
    /// Seals what must be recovered.
    pub vault: Arc<Vault>,
    /// What carries a replayed request to where its developer wants it.
    pub transport: Arc<dyn Transport>,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where ids and secrets come from.
    pub chance: Arc<dyn Chance>,
    /// Cancelled when the process is asked to end: it says that it is not ready, and still answers.
    pub leaving: CancellationToken,
    /// Cancelled when it takes no more connections: streams end.
    pub stop: CancellationToken,
}

/// What the operator configured, as far as the API cares.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The platform's one currency; names of amounts follow it.
    pub currency: Currency,
    /// Whether money moves, the fee, and the range of budgets.
    pub money: MoneyPolicy,
    /// Windows and limits of a task.
    pub timers: Timers,
    /// Bids that every task wants at least, unless it says so itself.
    pub min_bids: Option<u8>,
    /// What may be asked for.
    pub catalog: Arc<Catalog>,
    /// Which endpoints may be registered.
    pub guard: Guard,
    /// The `User-Agent` of requests to agents.
    pub user_agent: String,
    /// Where agents reach us, such as `https://gavel.example.com`: callbacks come there.
    pub public_url: String,
    /// Real tasks after which an agent is no newcomer any more.
    pub newcomer_tasks: u32,
    /// Which share of Top Performers is as it should be.
    pub alarms: AlarmRules,
    /// How long a new signing secret is pending beside the current one.
    pub secret_overlap: TimeDelta,
    /// What agents have to show.
    pub benchmark: Benchmarks,
    /// How many requests are carried at once.
    pub limits: RequestLimits,
}

/// What agents have to show before they are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Benchmarks {
    /// Whether they have to show anything.
    pub activation: Activation,
    /// When they have, and how often they may try.
    pub rules: Rules,
    /// Categories for which there are tasks to try agents with, in the catalogue's order.
    pub suites: Vec<String>,
}

impl AppState {
    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How what is held for a task is settled, also when money has been switched off since; `None` for a task that was
    /// made with a test key.
    pub(crate) fn settlement(&self, task: &Task, now: Timestamp) -> Option<Settlement> {
        (!task.test).then(|| Settlement {
            currency: self.settings.currency.code().to_owned(),
            fee: self.settings.money.fee,
            id: TransferId::new(now, self.chance.as_ref()),
        })
    }
}
