//! Everything a step needs, built whole by the binary.

use crate::patience::Outage;
use crate::probes::{self, Wanted};
use crate::retention;
use crate::webhooks;
use chrono::TimeDelta;
use gavel_candidates::Candidates;
use gavel_dispatcher::{Lanes, transport::Transport};
use gavel_domain::benchmark;
use gavel_domain::policy::{MoneyMode, MoneyPolicy, Timers};
use gavel_domain::recovery::Recovery;
use gavel_domain::{Chance, Clock, Currency, TransferId};
use gavel_judge::benchmark::Suite;
use gavel_store::{Store, ledger::Settlement};
use gavel_triage::AlarmRules;
use gavel_vault::Vault;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Everything a step needs.
pub struct Context {
    /// What is remembered.
    pub store: Store,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub chance: Arc<dyn Chance>,
    /// Who could be asked.
    pub candidates: Arc<Candidates>,
    /// What opens sealed secrets and seeds the draws.
    pub vault: Arc<Vault>,
    /// What carries requests to agents.
    pub transport: Arc<dyn Transport>,
    /// The calls under way, and who waits for a turn.
    pub lanes: Lanes,
    /// How many bids may be judged side by side.
    pub judges: Arc<Semaphore>,
    /// The tasks that agents are tried with.
    pub suite: Arc<Suite>,
    /// Whose health must be looked at beside a dispatch.
    pub wanted: Arc<Wanted>,
    /// A database that is away, as far as it was told.
    pub outage: Arc<Outage>,
    /// How things are to be done.
    pub settings: Settings,
}

/// How things are to be done; filled from configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Names this process on its leases.
    pub owner: String,
    /// How long a claim holds without a renewal.
    pub lease: TimeDelta,
    /// How long calls under way may go on when this process leaves.
    pub drain: Duration,
    /// Steps that may run side by side.
    pub tasks_at_once: usize,
    /// How a task is tried again whose step failed.
    pub recovery: Recovery,
    /// How long things may take.
    pub timers: Timers,
    /// Whether and how money moves.
    pub money: MoneyPolicy,
    /// The one currency of this deployment.
    pub currency: Currency,
    /// Fewest agents a task is started with.
    pub agents_min: usize,
    /// Which share of Top Performers is as it should be.
    pub alarms: AlarmRules,
    /// How long a task waits for agents that are only busy.
    pub busy_wait: TimeDelta,
    /// Forces the draw's seed (tests and an operator's experiment).
    pub forced_seed: Option<u64>,
    /// What counts how much when a bid is judged.
    pub rubrics: gavel_judge::Rubrics,
    /// When a benchmark is passed.
    pub benchmark: benchmark::Rules,
    /// The `User-Agent` of requests to agents.
    pub user_agent: String,
    /// How agents are probed.
    pub health: probes::Settings,
    /// How buyers are told by webhook.
    pub webhooks: webhooks::Settings,
    /// How long things are kept.
    pub retention: retention::Settings,
    /// Where agents reach us, such as `https://gavel.example.com`: callbacks come there.
    pub public_url: String,
}

impl Context {
    /// What the hold of a price needs; `None` while money is off or the task was made with a test key.
    pub(crate) fn hold(&self, test: bool) -> Option<Settlement> {
        match self.settings.money.mode {
            MoneyMode::Off => None,
            MoneyMode::Ledger => self.settlement(test),
        }
    }

    /// What it takes to settle what is held, also when money has been switched off since; `None` for a task that was made
    /// with a test key.
    pub(crate) fn settlement(&self, test: bool) -> Option<Settlement> {
        (!test).then(|| Settlement {
            currency: self.settings.currency.code().to_owned(),
            fee: self.settings.money.fee,
            id: TransferId::new(self.clock.now(), &*self.chance),
        })
    }
}
