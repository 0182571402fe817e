//! The house has rooms: who may use whom, and which technology lives where, read from the real dependency graph.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};

/// Which of our crates each of our crates may use, outside tests.
const ARROWS: &[(&str, &[&str])] = &[
    ("gavel-domain", &[]),
    ("gavel-contract", &["gavel-domain"]),
    ("gavel-triage", &["gavel-domain"]),
    ("gavel-market", &["gavel-triage"]), // the shipped policies, never a copy of them
    ("gavel-judge", &["gavel-domain"]),
    ("gavel-vault", &["gavel-domain"]),
    ("gavel-dispatcher", &["gavel-domain", "gavel-contract"]),
    ("gavel-outbound", &["gavel-domain", "gavel-dispatcher"]),
    ("gavel-conformance", &["gavel-domain", "gavel-contract", "gavel-dispatcher"]),
    ("gavel-store", &["gavel-domain", "gavel-triage"]),
    ("gavel-candidates", &["gavel-domain", "gavel-store", "gavel-triage"]),
    (
        "gavel-api",
        &[
            "gavel-domain",
            "gavel-contract",
            "gavel-dispatcher",
            "gavel-store",
            "gavel-triage",
            "gavel-candidates",
            "gavel-vault",
        ],
    ),
    (
        "gavel-orchestrator",
        &[
            "gavel-domain",
            "gavel-contract",
            "gavel-triage",
            "gavel-candidates",
            "gavel-judge",
            "gavel-vault",
            "gavel-dispatcher",
            "gavel-store",
        ],
    ),
    (
        "gavel-bench", // what it measures it meets as users do; the rest is for one call beside a bare one
        &[
            "gavel-domain",
            "gavel-contract",
            "gavel-dispatcher",
            "gavel-outbound",
            "gavel-vault",
            "gavel-store",
            "gavel-triage",
            "gavel-candidates",
            "gavel-agentfarm",
        ],
    ),
    (
        "gavel",
        &[
            "gavel-domain",
            "gavel-contract",
            "gavel-triage",
            "gavel-market",
            "gavel-candidates",
            "gavel-judge",
            "gavel-vault",
            "gavel-dispatcher",
            "gavel-outbound",
            "gavel-store",
            "gavel-api",
            "gavel-orchestrator",
            "gavel-conformance",
            "gavel-agentfarm",
            "gavel-bench",
        ],
    ),
];

/// Which technology lives in which crate, and nowhere else in the product.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["gavel-store"]),
    ("rusqlite", &["gavel-store"]),
    ("tokio-rustls", &["gavel-outbound"]),
    ("rustls-platform-verifier", &["gavel-outbound"]),
    ("axum", &["gavel-api"]),
    ("utoipa-axum", &["gavel-api"]),
    ("chacha20poly1305", &["gavel-vault"]),
    ("getrandom", &["gavel-vault"]),
    ("clap", &["gavel"]),
    ("config", &["gavel"]),
];

/// Crates that decide: nothing in them may wait, ask a database or talk to a network.
const PURE: &[&str] = &["gavel-domain", "gavel-contract", "gavel-triage", "gavel-market", "gavel-judge"];

/// Crates beside the product, free to use any technology; the benchmarks are in its binary all the same.
const BESIDE: &[&str] =
    &["gavel-agentfarm", "gavel-bench", "gavel-examples", "gavel-sim", "gavel-testkit", "gavel-tests"];

#[test]
fn arrows_point_only_where_the_plan_says() {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let drawn = |package: &Package| allowed.contains_key(package.name.as_str()) || is_product(package);
    for package in packages().into_iter().filter(drawn) {
        let name = package.name.as_str();
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} has no line in ARROWS"));
        for used in dependencies(&package).iter().filter(|d| d.starts_with("gavel")) {
            assert!(may.contains(&used.as_str()), "{name} uses {used}: a new arrow is a change of design");
        }
    }
}

#[test]
fn each_technology_has_one_home() {
    for package in product() {
        for used in dependencies(&package) {
            for (technology, homes) in HOMES {
                let at_home = homes.contains(&package.name.as_str());
                assert!(
                    used != *technology || at_home,
                    "{} uses {technology}, which lives in {homes:?}",
                    package.name
                );
            }
        }
    }
}

#[test]
fn deciding_crates_cannot_act() {
    for package in product().into_iter().filter(|p| PURE.contains(&p.name.as_str())) {
        for used in dependencies(&package) {
            let acts = ["tokio", "futures", "sqlx", "tokio-rustls", "hyper", "axum", "getrandom"]
                .contains(&used.as_str());
            assert!(!acts, "{} decides and must not list {used}", package.name);
        }
    }
}

#[test]
fn the_binary_makes_no_certificates() {
    let packages = product();
    let binary = packages.iter().find(|p| p.name.as_str() == "gavel").unwrap();
    let farm = binary.dependencies.iter().find(|d| d.name == "gavel-agentfarm").unwrap();
    let bare = !farm.uses_default_features && farm.features.is_empty();
    assert!(bare, "the demo's agents speak plain HTTP: what the farm has for tests stays out of the binary");
}

#[test]
fn faults_are_for_the_simulation_alone() {
    let packages =
        MetadataCommand::new().no_deps().other_options(vec!["--offline".into()]).exec().unwrap().packages;
    for package in &packages {
        let has = |features: &[String]| features.iter().any(|feature| feature.ends_with("faults"));
        assert!(
            !package.features.get("default").is_some_and(|on| has(on)),
            "{} has faults by default",
            package.name
        );
        let asking = package.dependencies.iter().filter(|d| has(&d.features));
        for dependency in asking {
            let in_tests =
                package.name.as_str() == "gavel-sim" && dependency.kind == DependencyKind::Development;
            assert!(in_tests, "{} asks for the faults of {}", package.name, dependency.name);
        }
    }
    let sim = packages.iter().find(|package| package.name.as_str() == "gavel-sim").unwrap();
    let asked = sim.dependencies.iter().filter(|d| d.features.iter().any(|feature| feature == "faults"));
    assert_eq!(asked.count(), 2, "the simulation asks for the store's and the loop's");
}

#[test]
fn migrations_of_both_engines_have_equal_versions() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let names = |engine: &str| -> BTreeSet<String> {
        let dir = std::fs::read_dir(format!("{root}/{engine}")).unwrap();
        dir.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let sqlite = names("sqlite");
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, names("postgres"));
}

#[test]
fn the_walkthrough_names_files_that_exist() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let text = std::fs::read_to_string(format!("{root}/ARCHITECTURE.md")).unwrap();
    let mut named = 0;
    for path in text.split('`').skip(1).step_by(2).filter(|p| is_path(p)) {
        named += 1;
        let there = [path.to_owned(), format!("crates/{path}")];
        assert!(
            there.iter().any(|p| std::path::Path::new(root).join(p).exists()),
            "ARCHITECTURE.md names {path}"
        );
    }
    assert!(named > 10, "the walkthrough names its files; found {named}");
}

fn is_path(text: &str) -> bool {
    text.contains('/')
        && [".rs", ".sql", ".toml", ".json", ".md"].iter().any(|end| text.ends_with(end))
        && !text.contains('*')
}

fn product() -> Vec<Package> {
    packages().into_iter().filter(is_product).collect()
}

fn is_product(package: &Package) -> bool {
    !BESIDE.contains(&package.name.as_str())
}

fn packages() -> Vec<Package> {
    MetadataCommand::new().no_deps().other_options(vec!["--offline".into()]).exec().unwrap().packages
}

fn dependencies(package: &Package) -> BTreeSet<String> {
    let normal = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
    normal.map(|d| d.name.clone()).collect()
}
