use super::*;
use chrono::TimeDelta;
use gavel_domain::agent::ExecutionMode;
use gavel_domain::benchmark::Activation;
use gavel_domain::invitation::Mode;
use gavel_domain::policy::{MoneyMode, Silence};
use gavel_domain::score::Dimension;
use gavel_domain::{BasisPoints, Money, Ppm};
use gavel_outbound::ExtraRoots;

fn with_env(pairs: &[(&str, &str)]) -> Result<AppConfig, SettingsError> {
    let environment = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Merged::new(Sources { environment, ..Sources::default() })?.convert()
}

fn with_file(text: &str) -> Result<AppConfig, SettingsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    std::fs::write(&path, text).unwrap();
    Merged::new(Sources { file: Some(&path), ..Sources::default() })?.convert()
}

#[test]
fn the_defaults_are_what_the_documentation_says() {
    let config = defaults().unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database_url, "sqlite:gavel.db");
    assert_eq!(config.key_file.unwrap().to_str().unwrap(), "gavel.key");
    assert_eq!((config.money.mode, config.money.fee), (MoneyMode::Off, BasisPoints(1500)));
    assert_eq!(config.money.budget_max, Money::from_minor(50_000));
    let limit = |mode, category| config.timers.call_limit(ExecutionMode::Sync, mode, category).num_seconds();
    assert_eq!(limit(Mode::Prototype, "content-writing"), 120);
    assert_eq!(limit(Mode::Prototype, "research-analysis"), 180);
    assert_eq!(limit(Mode::Prototype, "data-spreadsheets"), 180);
    assert_eq!(limit(Mode::Final, "data-spreadsheets"), 300);
    assert_eq!(config.timers.review_window, TimeDelta::days(7));
    assert_eq!(config.timers.answer_window, TimeDelta::days(14));
    assert_eq!(config.guard.ports, [443, 8443]);
    assert_eq!(config.health, gavel_orchestrator::probes::Settings::default());
    assert_eq!(config.webhooks, gavel_orchestrator::webhooks::Settings::default());
    assert_eq!((config.forced_seed, config.agents_min), (None, 1));
}

#[test]
fn every_key_of_the_defaults_has_a_comment() {
    let bare = DEFAULTS.lines().filter(|line| line.contains(" = ") && !line.contains(" # "));
    assert_eq!(bare.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn the_shipped_parameters_are_the_crates_own() {
    assert_eq!(defaults().unwrap().triage.policy(), &gavel_triage::Policy::default());
    assert_eq!(defaults().unwrap().serve, gavel_api::ServeLimits::default());
    let (shipped, own) = (defaults().unwrap().opening, gavel_store::Opening::default());
    assert_eq!(
        (shipped.connections, shipped.acquire, shipped.statement, shipped.migrate),
        (own.connections, own.acquire, own.statement, own.migrate)
    );
    assert_eq!(shipped.rules.values_policy(), Some(&gavel_triage::thompson::Policy::default()));
    assert!(shipped.rules.by_value().is_empty());
    assert_eq!(defaults().unwrap().requests, gavel_api::RequestLimits::default());
}

#[test]
fn the_command_line_names_another_database() {
    let environment = vec![("GAVEL__DATABASE__URL".to_owned(), "sqlite:other.db".to_owned())];
    let with = |database| Sources { environment: environment.clone(), database: Some(database), file: None };
    let config = Merged::new(with("sqlite:/d/mine.db")).unwrap().convert().unwrap();
    assert_eq!(config.database_url, "sqlite:/d/mine.db");
    assert_eq!(config.key_file.as_deref(), Some(Path::new("/d/gavel.key")), "the key stands beside it");
    for wrong in ["mysql://h/n", "gavel.db", "sqlite:", ""] {
        let error = Merged::new(with(wrong)).unwrap().convert().err().expect(wrong).to_string();
        assert!(error.contains("database.url") && error.contains("--database"), "{wrong:?} gives {error}");
    }
}

#[test]
fn all_that_is_in_force_is_told_but_no_password() {
    let environment = vec![
        ("GAVEL__DATABASE__URL".to_owned(), "postgres://g:s3cret@h/n".to_owned()),
        ("GAVEL__TIMERS__PHASE_SECONDS".to_owned(), "20".to_owned()),
    ];
    let merged = Merged::new(Sources { environment, ..Sources::default() }).unwrap();
    let told = summary::summary(&merged.all);
    assert_eq!(told.keys().cloned().collect::<std::collections::BTreeSet<_>>(), keys_of_the_defaults());
    assert_eq!(told["timers.phase_seconds"], 20);
    assert_eq!(told["network.ports"], serde_json::json!([443, 8443]));
    assert_eq!(told["database.url"], "postgres://g:***@h/n");
}

/// Every key of the defaults can be set in the environment, and is then what is used.
#[test]
fn each_setting_can_be_set_in_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("triage.toml");
    std::fs::write(&policy, "newcomer_boost = 5").unwrap();
    let policy = policy.to_str().unwrap();
    let thompson = dir.path().join("thompson.toml");
    std::fs::write(&thompson, "floor_share = 0.25").unwrap();
    let thompson = thompson.to_str().unwrap();
    let rubrics = dir.path().join("judge.toml");
    std::fs::write(&rubrics, ONE_RUBRIC).unwrap();
    let rubrics = rubrics.to_str().unwrap();
    let folder = one_category(dir.path());
    let folder = folder.to_str().unwrap();
    let authority = dir.path().join("ca.pem");
    std::fs::write(&authority, ONE_AUTHORITY).unwrap();
    let authority = authority.to_str().unwrap();
    let mut untested: std::collections::BTreeSet<String> = keys_of_the_defaults();
    let mut check = |key: &str, value: &str, holds: fn(AppConfig) -> bool| {
        let name = format!("GAVEL__{}", key.to_uppercase().replace('.', "__"));
        let config = with_env(&[(&name, value)]).unwrap_or_else(|e| panic!("{name}={value}: {e}"));
        assert!(holds(config), "{name}={value} has no effect");
        assert!(untested.remove(key) || key.contains("_by_category"), "{key} is no key of the defaults");
    };
    check("server.listen", "0.0.0.0:9", |c| c.listen.port() == 9);
    check("server.roles", "all", |c| c.roles == crate::roles::Roles::ALL);
    check("server.leave_seconds", "0", |c| c.leave.is_zero());
    check("server.public_url", "https://g.example/", |c| {
        c.public_url.as_deref() == Some("https://g.example")
    });
    check("server.connections_max", "9", |c| c.serve.connections == 9);
    check("server.connections_per_address_max", "9", |c| c.serve.connections_per_address == 9);
    check("server.header_seconds", "9", |c| c.serve.header_timeout.as_secs() == 9);
    check("server.body_seconds", "9", |c| {
        c.requests.body.as_secs() == 9 && c.serve.farewell.as_secs() == 159
    });
    check("server.idle_seconds", "9", |c| c.serve.idle.as_secs() == 9);
    check("server.stall_seconds", "9", |c| c.serve.stall.as_secs() == 9);
    check("server.lifetime_seconds", "9", |c| c.serve.lifetime.as_secs() == 9);
    check("server.drain_seconds", "9", |c| c.serve.drain.as_secs() == 9);
    check("server.requests_max", "9", |c| c.requests.requests == 9);
    check("server.callbacks_max", "9", |c| c.requests.callbacks == 9);
    check("server.long_polls_max", "9", |c| c.requests.long_polls == 9);
    check("server.streams_max", "9", |c| c.requests.streams == 9);
    check("database.url", "postgres://u:p@h/n", |c| c.database_url == "postgres://u:p@h/n");
    check("database.migrate", "never", |c| c.opening.migrate == gavel_store::Migrate::Never);
    check("database.connections_max", "9", |c| c.opening.connections == 9);
    check("database.acquire_seconds", "9", |c| c.opening.acquire.as_secs() == 9);
    check("platform.currency", "AUD", |c| c.currency.suffix() == "aud");
    check("platform.user_agent", "Gavel/2", |c| c.user_agent == "Gavel/2");
    check("catalog.folder", folder, |c| c.catalog.slugs() == ["poems"]);
    check("budget.min", "4.50", |c| c.money.budget_min == Money::from_minor(450));
    check("budget.max", "4", |c| c.money.budget_max == Money::from_minor(400));
    check("money.mode", "ledger", |c| c.money.mode == MoneyMode::Ledger);
    check("money.fee_basis_points", "0", |c| c.money.fee == BasisPoints(0));
    check("money.settlement_days", "0", |c| c.money.settlement == TimeDelta::zero());
    check("timers.phase_seconds", "8", |c| c.timers.phase == TimeDelta::seconds(8));
    check("timers.prototype_call_seconds", "5", |c| c.timers.prototype_call == TimeDelta::seconds(5));
    check("timers.final_call_seconds", "6", |c| c.timers.final_call == TimeDelta::seconds(6));
    check("timers.async_call_seconds", "7", |c| c.timers.async_call == TimeDelta::seconds(7));
    check("timers.acknowledge_seconds", "2", |c| c.timers.acknowledge == TimeDelta::seconds(2));
    check("timers.pull_lease_seconds", "3", |c| c.timers.pull_lease == TimeDelta::seconds(3));
    check("dispatch.developer_max", "5", |c| c.caps.developer == 5);
    check("dispatch.host_max", "6", |c| c.caps.host == 6);
    check("dispatch.global_max", "7", |c| c.caps.global == 7);
    check("timers.review_window_minutes", "1", |c| c.timers.review_window == TimeDelta::minutes(1));
    check("timers.answer_window_minutes", "2", |c| c.timers.answer_window == TimeDelta::minutes(2));
    check("timers.on_silence", "expire", |c| c.timers.on_silence == Silence::Expire);
    check("timers.revisions_max", "0", |c| c.timers.revisions_max == 0);
    check("timers.prototype_call_seconds_by_category.research-analysis", "9", |c| {
        c.timers.call_limit(ExecutionMode::Sync, Mode::Prototype, "research-analysis")
            == TimeDelta::seconds(9)
    });
    check("timers.prototype_call_seconds_by_category.data-spreadsheets", "9", |c| {
        c.timers.call_limit(ExecutionMode::Sync, Mode::Prototype, "data-spreadsheets")
            == TimeDelta::seconds(9)
    });
    check("timers.final_call_seconds_by_category.translation", "9", |c| {
        c.timers.call_limit(ExecutionMode::Sync, Mode::Final, "translation") == TimeDelta::seconds(9)
    });
    check("network.allow", "127.0.0.0/8,a.internal:90", |c| c.guard.check_url("http://127.0.0.1:7/").is_ok());
    check("network.ports", "443,9443", |c| c.guard.ports == [443, 9443]);
    check("network.own_hosts", "a.example, b.example", |c| c.guard.own_hosts == ["a.example", "b.example"]);
    check("network.ca_file", authority, |c| c.roots != ExtraRoots::default());
    check("secrets.key_file", "/k/key", |c| c.key_file.unwrap().to_str() == Some("/k/key"));
    check("secrets.overlap_hours", "1", |c| c.secret_overlap == TimeDelta::hours(1));
    check("agents.activation", "benchmark", |c| c.activation == Activation::Benchmark);
    check("benchmark.pass_mean_ppm", "700000", |c| c.benchmark.pass_mean == Ppm::new(700_000));
    check("benchmark.pass_each_ppm", "300000", |c| c.benchmark.pass_each == Ppm::new(300_000));
    check("benchmark.second_look_ppm", "0", |c| c.benchmark.second_look == Ppm::ZERO);
    check("benchmark.cooldown_minutes", "0", |c| c.benchmark.cooldown == TimeDelta::zero());
    check("benchmark.runs_per_hour", "9", |c| c.benchmark.runs_per_hour == 9);
    check("benchmark.auto_live", "false", |c| !c.benchmark.auto_live);
    check("health.interval_seconds", "9", |c| c.health.rules.every == TimeDelta::seconds(9));
    check("health.recovery_interval_seconds", "8", |c| {
        c.health.rules.every_while_out == TimeDelta::seconds(8)
    });
    check("health.timeout_seconds", "2", |c| c.health.limit.as_secs() == 2);
    check("health.hide_after_hours", "0", |c| c.health.rules.hide_after.is_none());
    check("health.probes_at_once", "3", |c| c.health.at_once == 3);
    check("webhooks.timeout_seconds", "9", |c| c.webhooks.limit.as_secs() == 9);
    check("webhooks.disable_after_days", "2", |c| c.webhooks.rules.disable_after == TimeDelta::days(2));
    check("webhooks.at_once_max", "30", |c| c.webhooks.caps.at_once == 30);
    check("webhooks.host_max", "4", |c| c.webhooks.caps.host == 4);
    check("webhooks.subscription_max", "2", |c| c.webhooks.caps.subscription == 2);
    check("triage.agents_min", "3", |c| c.agents_min == 3);
    check("triage.busy_wait_seconds", "5", |c| c.busy_wait == TimeDelta::seconds(5));
    check("triage.forced_seed", "18446744073709551615", |c| c.forced_seed == Some(u64::MAX));
    check("triage.alarm_top_share_low_milli", "5", |c| c.alarms.top_share_low_milli == 5);
    check("triage.alarm_top_share_high_milli", "90", |c| c.alarms.top_share_high_milli == 90);
    check("triage.alarm_agents_min", "7", |c| c.alarms.agents_min == 7);
    check("triage.thompson_categories", "translation", |c| c.triage.thompson("translation").is_some());
    check("triage.thompson_file", thompson, |c| {
        c.triage.values_policy().is_some_and(|policy| policy.floor_share == 0.25)
    });
    check("triage.min_bids", "3", |c| c.min_bids == Some(3));
    check("triage.policy_file", policy, |c| c.triage.policy().newcomer_boost == 5);
    check("retention.bodies_days", "0", |c| c.retention.bodies.is_none());
    check("retention.idempotency_hours", "24", |c| c.retention.idempotency == TimeDelta::hours(24));
    check("retention.webhook_log_days", "7", |c| c.retention.told == Some(TimeDelta::days(7)));
    check("work.lease_seconds", "2", |c| c.lease == TimeDelta::seconds(2));
    check("work.drain_seconds", "0", |c| c.drain.is_zero());
    check("work.tasks_at_once", "7", |c| c.tasks_at_once == 7);
    check("log.format", "json", |c| c.log_json);
    check("log.level", "warn,gavel=debug", |c| c.log_level == "warn,gavel=debug");
    check("judge.policy_file", rubrics, |c| {
        c.rubrics.for_category("translation").weights.of(Dimension::Originality) == 10_000
    });
    assert_eq!(untested, std::collections::BTreeSet::new(), "settings without a line here");
}

/// An authority, made for this test; nobody has its key.
const ONE_AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\n\
    MIIBbjCCARWgAwIBAgIUdzj4Ha5U3LOE9GiNDRdtwg9zjWswCgYIKoZIzj0EAwIw\n\
    DDEKMAgGA1UEAwwBVDAgFw0yNjExMjUwNDU0NTVaGA8yMTI2MTEwMTA0NTQ1NVow\n\
    DDEKMAgGA1UEAwwBVDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGrOgRJtgvIW\n\
    gMBHvIgijtu8dZme1OSldDE6EAa+5kQh511q+67/72/8lZerNWdQxQ2gHwTsUrnG\n\
    CEslQ6X+jvqjUzBRMB0GA1UdDgQWBBTvVsScP0NdzJbfbgaqwq5blmcsYTAfBgNV\n\
    HSMEGDAWgBTvVsScP0NdzJbfbgaqwq5blmcsYTAPBgNVHRMBAf8EBTADAQH/MAoG\n\
    CCqGSM49BAMCA0cAMEQCIBBGeYLJjfQ3MgC68EugA+O/X8//9MQNbU5MKjpLmvNE\n\
    AiBGK7F7QOZQ5+/tAEoi9ehV9K1T2TyZFe5b3dNZ+AijrA==\n\
    -----END CERTIFICATE-----\n";

/// A table in which originality is everything.
const ONE_RUBRIC: &str = "[default]\norigin = \"ours\"\ntask_completion = 0\nfactual_accuracy = 0\n\
    output_quality = 0\nformat_compliance = 0\noriginality = 10000";

/// A catalogue in which there is little to ask for.
fn one_category(dir: &Path) -> std::path::PathBuf {
    let folder = dir.join("catalog");
    std::fs::create_dir_all(folder.join("poems")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("catalog.json", r#"{ "categories": ["poems"] }"#);
    write(
        "poems/category.json",
        r#"{ "slug": "poems", "name": "Poems", "description": "Verse.", "task_types": ["haiku"],
             "timeouts": { "prototype_call_seconds": 45 } }"#,
    );
    write("poems/haiku.json", r#"{ "slug": "haiku", "name": "Haiku", "description": "Three lines." }"#);
    folder
}

#[test]
fn the_catalogue_gives_weights_and_times_unless_the_settings_do() {
    let dir = tempfile::tempdir().unwrap();
    let folder = one_category(dir.path());
    let row = |originality: u16| {
        format!("{}\noriginality = {originality}", ONE_RUBRIC.rsplit_once('\n').unwrap().0)
            .replace("task_completion = 0", &format!("task_completion = {}", 10_000 - originality))
    };
    let path = dir.path().join("judge.toml");
    let path_text = path.to_str().unwrap().to_owned();
    let check = |policy: &str, expected: [u16; 3]| {
        std::fs::write(&path, policy).unwrap();
        let named = if policy.is_empty() { "" } else { &path_text };
        let config = with_env(&[("GAVEL__JUDGE__POLICY_FILE", named)]).unwrap();
        let of = |slug: &str| config.rubrics.for_category(slug).weights.of(Dimension::Originality);
        assert_eq!(["content-writing", "translation", "data-spreadsheets"].map(of), expected, "{policy}");
        let shown = |slug: &str| config.catalog.category(slug).unwrap().rubric.unwrap();
        assert_eq!(
            shown("translation"),
            config.rubrics.for_category("translation"),
            "the catalogue shows it too"
        );
    };
    check("", [1500, 1000, 500]);
    let default = row(7);
    let of_one = row(8).replace("[default]", "[category.translation]");
    check(&of_one, [1500, 8, 500]);
    check(&default, [7, 7, 7]);
    check(&format!("{default}\n{of_one}"), [7, 8, 7]);
    let limit = |more: &[(&str, &str)]| {
        let all: Vec<_> = [("GAVEL__CATALOG__FOLDER", folder.to_str().unwrap())]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        with_env(&all).unwrap().timers.call_limit(ExecutionMode::Sync, Mode::Prototype, "poems").num_seconds()
    };
    assert_eq!(limit(&[]), 45);
    assert_eq!(limit(&[("GAVEL__TIMERS__PROTOTYPE_CALL_SECONDS", "9")]), 45);
    assert_eq!(limit(&[("GAVEL__TIMERS__PROTOTYPE_CALL_SECONDS_BY_CATEGORY__POEMS", "8")]), 8);
}

#[test]
fn a_catalogue_that_cannot_be_used_is_told_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let folder = one_category(dir.path());
    std::fs::write(folder.join("poems/haiku.json"), "{\n\"slug\": \"haiku\",\n\"nmae\": 1 }").unwrap();
    let error = with_env(&[("GAVEL__CATALOG__FOLDER", folder.to_str().unwrap())]).err().unwrap().to_string();
    assert!(error.contains("poems/haiku.json:3: unknown field `nmae`"), "{error}");
    let error = with_env(&[("GAVEL__CATALOG__FOLDER", "/no/such/folder")]).err().unwrap().to_string();
    assert!(error.contains("/no/such/folder (catalog.folder) cannot be read"), "{error}");
}

fn keys_of_the_defaults() -> std::collections::BTreeSet<String> {
    let mut section = String::new();
    let mut keys = std::collections::BTreeSet::new();
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    std::fs::write(&path, "[timers]\nphase_seconds = 10\nfinal_call_seconds = 11").unwrap();
    let environment = vec![("GAVEL__TIMERS__PHASE_SECONDS".to_owned(), "20".to_owned())];
    let sources = Sources { file: Some(&path), environment, database: None };
    let timers = Merged::new(sources).unwrap().convert().unwrap().timers;
    let seconds = [timers.phase, timers.final_call, timers.prototype_call].map(|t| t.num_seconds());
    assert_eq!(seconds, [20, 11, 120]);
}

#[test]
fn mistakes_name_the_setting_and_the_place() {
    let check = |text: &str, words: &[&str]| {
        let error = with_file(text).err().expect(text).to_string();
        for word in words.iter().chain(&["mine.toml"]) {
            assert!(error.contains(word), "{text:?} gives {error:?}, without {word:?}");
        }
    };
    check("[timers]\nphse_seconds = 1", &["timers.phse_seconds", "did you mean timers.phase_seconds?"]);
    check("[colours]\nsky = 1", &["colours.sky", "check-config --defaults"]);
    check("[timers]\nphase_seconds = \"soon\"", &["timers.phase_seconds", "whole number"]);
    check("[timers]\nphase_seconds = 2.5", &["timers.phase_seconds", "whole number"]);
    check("[timers]\nphase_seconds = 0", &["timers.phase_seconds", "from 1 to 4294967295"]);
    check("[timers]\nphase_seconds = -1", &["timers.phase_seconds", "-1 is out of range"]);
    check("[timers]\nphase_seconds = 86401", &["timers.phase_seconds", "at most a day"]);
    check("[secrets]\noverlap_hours = 8785", &["secrets.overlap_hours", "a year"]);
    check("[secrets]\noverlap_hours = 0", &["secrets.overlap_hours", "from 1 to 65535"]);
    check("[timers]\nreview_window_minutes = 99999999", &["review_window_minutes", "ten years"]);
    check("[timers.prototype_call_seconds_by_category]\nmagic = 3", &["by_category.magic", "no category"]);
    check("[timers.prototype_call_seconds_by_category]\nmarketing = true", &["marketing", "whole number"]);
    check("[timers]\non_silence = \"maybe\"", &["timers.on_silence", "maybe", "approve, expire"]);
    check("[money]\nmode = \"on\"", &["money.mode", "\"on\" is none of off, ledger"]);
    check("[money]\nmode = true", &["money.mode", "off, ledger"]);
    check("[log]\nformat = \"xml\"", &["log.format", "text, json"]);
    check("[log]\nlevel = \"loud\"", &["log.level", "\"loud\" is none of trace"]);
    check("[agents]\nactivation = \"now\"", &["agents.activation", "none of auto, immediate, benchmark"]);
    check("[benchmark]\npass_mean_ppm = 1000001", &["benchmark.pass_mean_ppm", "at most 1000000"]);
    check("[benchmark]\nauto_live = \"perhaps\"", &["benchmark.auto_live", "none of true, false"]);
    check("[benchmark]\nruns_per_hour = 0", &["benchmark.runs_per_hour"]);
    check("[health]\nhide_after_hours = 70000", &["health.hide_after_hours", "from 0 to 65535"]);
    check("[triage]\nagents_min = 300", &["triage.agents_min", "from 0 to 255"]);
    check("[health]\nprobes_at_once = 0", &["health.probes_at_once"]);
    check("[webhooks]\nat_once_max = 0", &["webhooks.at_once_max"]);
    check("[health]\ntimeout_seconds = 90000", &["health.timeout_seconds", "at most a day"]);
    check("[server]\nlisten = \"8080\"", &["server.listen", "127.0.0.1:8080"]);
    check("[server]\nlisten = { port = 3 }", &["server.listen.port"]);
    check("[network]\nports = 443", &["network.ports", "list"]);
    check("[network]\nports = [70000]", &["network.ports"]);
    check("[network]\nallow = \"what is this\"", &["network.allow", "what is this"]);
    check("[money]\nfee_basis_points = 10001", &["money.fee_basis_points", "10000"]);
    check("[budget]\nmin = 501", &["budget.max", "budget.min"]);
    check("[budget]\nmin = \"3.001\"", &["budget.min", "decimals"]);
    check("[budget]\nmin = 0", &["budget.min", "above 0"]);
    check("[platform]\ncurrency = \"usd\"", &["platform.currency", "three capital letters"]);
    check("[platform]\nuser_agent = \"a\\nb\"", &["platform.user_agent"]);
    check("[server]\nroles = \"api, wrok\"", &["server.roles", "wrok", "some of api, work, probe"]);
    check(
        "[server]\nroles = \"api\"",
        &["server.roles", "database.url", "on SQLite all parts run in one process"],
    );
    check("[database]\nmigrate = \"later\"", &["database.migrate", "later", "auto, never"]);
    check("[database]\nurl = \"mysql://x\"", &["database.url", "sqlite:FILE"]);
    check("[database]\nurl = \"sqlite:g.db?mode=rwc\"", &["database.url", "write sqlite:g.db"]);
    check("[database]\nurl = \"sqlite:///srv/g.db#x\"", &["database.url", "write sqlite:/srv/g.db"]);
    check("[budget]\nmax = \"10000000000.01\"", &["budget.max", "at most 10000000000.00"]);
    check("[platform]\ncurrency = \"JPY\"\n[budget]\nmax = \"1000000000001\"", &["at most 1000000000000"]);
    check(
        "[triage]\nalarm_top_share_low_milli = 70",
        &["triage.alarm_top_share_low_milli", "above the highest share, 60"],
    );
    check("[triage]\nalarm_top_share_high_milli = 1001", &["at most 1000"]);
    check("[triage]\nforced_seed = -1", &["triage.forced_seed"]);
    check("[log]\nlevel = \"gavel=loud\"", &["log.level"]);
    check("[timers\n", &["is not TOML"]);
}

#[test]
fn a_file_that_cannot_be_used_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    let told = || {
        let merged = Merged::new(Sources { file: Some(&path), ..Sources::default() });
        crate::Failure::Settings(merged.err().unwrap()).told()
    };
    let missing = told();
    assert_eq!(
        (missing.matches("mine.toml").count(), missing.matches("No such file").count()),
        (1, 1),
        "{missing}"
    );
    std::fs::write(&path, "[timers\n").unwrap();
    let broken = told();
    assert_eq!(
        (broken.matches("mine.toml").count(), broken.matches("TOML parse error").count()),
        (1, 1),
        "{broken}"
    );
}

#[test]
fn mistakes_in_the_environment_are_told_as_such() {
    let check = |name: &str, value: &str, words: &[&str]| {
        let error = with_env(&[(name, value)]).err().expect(name).to_string();
        for word in words {
            assert!(error.contains(word), "{name}={value} gives {error:?}, without {word:?}");
        }
    };
    check("GAVEL__TIMERS__PHSE_SECONDS", "1", &["timers.phse_seconds", "environment", "phase_seconds?"]);
    check("GAVEL__TIMERS__PHASE_SECONDS", "soon", &["timers.phase_seconds", "environment", "whole number"]);
    check("GAVEL__MONEY__MODE", "on", &["money.mode", "environment", "off, ledger"]);
    check("GAVEL__NETWORK__ALLOW", "a b", &["network.allow", "environment"]);
    check("GAVEL__TRIAGE__POLICY_FILE", "/no/such/file", &["triage.policy_file", "/no/such/file"]);
    check("GAVEL__JUDGE__POLICY_FILE", "/no/such/file", &["judge.policy_file", "/no/such/file"]);
    check("GAVEL__NETWORK__CA_FILE", "/no/such/file", &["network.ca_file", "/no/such/file"]);
    let no_pem = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    check("GAVEL__NETWORK__CA_FILE", no_pem, &["network.ca_file", "no certificate"]);
    assert!(with_env(&[("GAVEL_OTHER", "x"), ("HOME", "/")]).is_ok(), "other variables are not ours");
}

#[test]
fn policies_that_cannot_be_followed_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let check = |key: &str, text: &str, words: &[&str]| {
        let path = dir.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        let name = format!("GAVEL__{key}_FILE");
        let error = with_env(&[(&name, path.to_str().unwrap())]).err().expect(text);
        let told = crate::Failure::Settings(error).told();
        for word in words.iter().chain(&["policy.toml"]) {
            assert!(told.contains(word), "{text:?} gives {told:?}, without {word:?}");
        }
    };
    check("TRIAGE__POLICY", "rolling_percent = 41", &["triage.policy_file", "100"]);
    check("TRIAGE__THOMPSON", "floor_share = 2", &["triage.thompson_file", "floor_share"]);
    check("TRIAGE__POLICY", "luck_percent = 1", &["triage.policy_file", "luck_percent"]);
    check("JUDGE__POLICY", &ONE_RUBRIC.replace("10000", "9999"), &["judge.policy_file", "9999"]);
    check("JUDGE__POLICY", "[default]\nstyle = 1", &["judge.policy_file", "style"]);
}

#[test]
fn where_money_moves_agents_have_to_pass_first() {
    let check = |text: &str, expected| assert_eq!(with_file(text).unwrap().activation, expected, "{text}");
    check("", Activation::Immediate);
    check("[money]\nmode = \"ledger\"", Activation::Benchmark);
    check("[money]\nmode = \"ledger\"\n[agents]\nactivation = \"immediate\"", Activation::Immediate);
    check("[agents]\nactivation = \"benchmark\"", Activation::Benchmark);
}

#[test]
fn the_shipped_rules_of_benchmarks_are_those_of_the_code() {
    assert_eq!(defaults().unwrap().benchmark, gavel_domain::benchmark::Rules::default());
}

#[test]
fn the_key_stands_beside_the_database() {
    let check = |named: &str, url: &str, expected: Option<&str>| {
        assert_eq!(convert::key_file(named, url).as_deref(), expected.map(Path::new), "{named:?} {url:?}");
    };
    check("", "sqlite:gavel.db", Some("gavel.key"));
    check("", "sqlite:/var/lib/gavel/my.db", Some("/var/lib/gavel/gavel.key"));
    check("", "sqlite:///var/lib/my.db", Some("/var/lib/gavel.key"));
    check("", "sqlite::memory:", None);
    check("", "postgres://h/n", Some("gavel.key"));
    check("/k", "sqlite::memory:", Some("/k"));
}
