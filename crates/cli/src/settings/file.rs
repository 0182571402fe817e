//! The shape of the settings as they are written: one struct per section of `config/default.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) server: Server,
    pub(super) database: Database,
    pub(super) platform: Platform,
    pub(super) catalog: Catalog,
    pub(super) budget: Budget,
    pub(super) money: Money,
    pub(super) timers: Timers,
    pub(super) dispatch: Dispatch,
    pub(super) network: Network,
    pub(super) secrets: Secrets,
    pub(super) agents: Agents,
    pub(super) benchmark: Benchmark,
    pub(super) health: Health,
    pub(super) webhooks: Webhooks,
    pub(super) triage: Triage,
    pub(super) judge: Judge,
    pub(super) work: Work,
    pub(super) retention: Retention,
    pub(super) log: Log,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) listen: String,
    pub(super) roles: String,
    pub(super) public_url: String,
    pub(super) connections_max: NonZeroU32,
    pub(super) connections_per_address_max: NonZeroU32,
    pub(super) header_seconds: NonZeroU16,
    pub(super) body_seconds: NonZeroU16,
    pub(super) idle_seconds: NonZeroU16,
    pub(super) stall_seconds: NonZeroU16,
    pub(super) lifetime_seconds: NonZeroU32,
    pub(super) leave_seconds: u16,
    pub(super) drain_seconds: NonZeroU16,
    pub(super) requests_max: NonZeroU32,
    pub(super) callbacks_max: NonZeroU32,
    pub(super) long_polls_max: NonZeroU32,
    pub(super) streams_max: NonZeroU32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Database {
    pub(super) url: String,
    pub(super) migrate: Migrate,
    pub(super) connections_max: NonZeroU16,
    pub(super) acquire_seconds: NonZeroU16,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Migrate {
    Auto,
    Never,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Platform {
    pub(super) currency: String,
    pub(super) user_agent: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalog {
    pub(super) folder: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    pub(super) min: String,
    pub(super) max: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Money {
    pub(super) mode: MoneyMode,
    pub(super) fee_basis_points: u16,
    pub(super) settlement_days: u16,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MoneyMode {
    Off,
    Ledger,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Timers {
    pub(super) phase_seconds: NonZeroU32,
    pub(super) prototype_call_seconds: NonZeroU32,
    pub(super) final_call_seconds: NonZeroU32,
    pub(super) async_call_seconds: NonZeroU32,
    pub(super) acknowledge_seconds: NonZeroU32,
    pub(super) pull_lease_seconds: NonZeroU32,
    pub(super) review_window_minutes: NonZeroU32,
    pub(super) answer_window_minutes: NonZeroU32,
    pub(super) on_silence: Silence,
    pub(super) revisions_max: u32,
    pub(super) prototype_call_seconds_by_category: BTreeMap<String, NonZeroU32>,
    pub(super) final_call_seconds_by_category: BTreeMap<String, NonZeroU32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Silence {
    Approve,
    Expire,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dispatch {
    pub(super) developer_max: NonZeroU32,
    pub(super) host_max: NonZeroU32,
    pub(super) global_max: NonZeroU32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    pub(super) allow: String,
    pub(super) ports: Vec<NonZeroU16>,
    pub(super) own_hosts: String,
    pub(super) ca_file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secrets {
    pub(super) key_file: String,
    pub(super) overlap_hours: NonZeroU16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agents {
    pub(super) activation: Activation,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Activation {
    Auto,
    Immediate,
    Benchmark,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Benchmark {
    pub(super) pass_mean_ppm: u32,
    pub(super) pass_each_ppm: u32,
    pub(super) second_look_ppm: u32,
    pub(super) cooldown_minutes: u16,
    pub(super) runs_per_hour: NonZeroU16,
    pub(super) auto_live: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Health {
    pub(super) interval_seconds: NonZeroU32,
    pub(super) recovery_interval_seconds: NonZeroU32,
    pub(super) timeout_seconds: NonZeroU32,
    pub(super) hide_after_hours: u16,
    pub(super) probes_at_once: NonZeroU16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhooks {
    pub(super) timeout_seconds: NonZeroU16,
    pub(super) disable_after_days: NonZeroU16,
    pub(super) at_once_max: NonZeroU32,
    pub(super) host_max: NonZeroU32,
    pub(super) subscription_max: NonZeroU32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Triage {
    pub(super) agents_min: u8,
    pub(super) busy_wait_seconds: u16,
    pub(super) forced_seed: String,
    pub(super) policy_file: String,
    pub(super) alarm_top_share_low_milli: u16,
    pub(super) alarm_top_share_high_milli: u16,
    pub(super) alarm_agents_min: u32,
    pub(super) thompson_categories: String,
    pub(super) thompson_file: String,
    pub(super) min_bids: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judge {
    pub(super) policy_file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Work {
    pub(super) lease_seconds: NonZeroU16,
    pub(super) drain_seconds: u16,
    pub(super) tasks_at_once: NonZeroU16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retention {
    pub(super) bodies_days: u16,
    pub(super) idempotency_hours: NonZeroU16,
    pub(super) webhook_log_days: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) format: LogFormat,
    pub(super) level: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LogFormat {
    Text,
    Json,
}
