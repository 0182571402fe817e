//! What the README shows is what is there.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

use gavel_domain::bid::BidStatus;
use gavel_domain::delivery::DeliveryStatus;
use gavel_domain::event::EventKind;
use gavel_domain::invitation::Outcome;
use gavel_domain::lifecycle::TaskState;
use std::collections::BTreeSet;

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The pages beside those at the top.
const PAGES: [&str; 7] = [
    "docs/agents.md",
    "docs/buyers.md",
    "docs/operators.md",
    "docs/conformance.md",
    "docs/webhooks.md",
    "docs/performance.md",
    "docs/triage.md",
];

/// The code blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    text.split(&open).skip(1).map(|rest| rest.split("```").next().unwrap().trim_end().to_owned()).collect()
}

#[test]
fn its_agents_are_those_of_the_examples_and_short() {
    let readme = read("README.md");
    let agents = [
        ("python", "examples/agent.py"),
        ("javascript", "examples/agent.mjs"),
        ("rust", "examples/agent.rs"),
    ];
    for (language, file) in agents {
        let agent = read(file);
        assert!(agent.lines().count() < 60, "{file} is not short any more");
        assert_eq!(blocks(&readme, language), [agent.trim_end()], "{file}");
    }
}

#[test]
fn the_page_on_conformance_names_every_case_and_no_other() {
    let page = read("docs/conformance.md");
    let table = page.split("## The cases").nth(1).unwrap();
    let named = table.lines().filter(|line| line.starts_with("| `"));
    let mut named: Vec<&str> = named.filter_map(|line| line.split('`').nth(1)).collect();
    let mut cases: Vec<&str> = gavel_conformance::cases::all().map(|case| case.name).collect();
    named.sort_unstable();
    cases.sort_unstable();
    assert_eq!(named, cases);
}

#[test]
fn the_page_on_performance_names_every_workload_and_no_other() {
    let page = read("docs/performance.md");
    let named: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(named, gavel_bench::Workload::ALL.map(gavel_bench::Workload::name));
}

#[test]
fn the_page_for_buyers_names_every_word_they_meet() {
    let page = read("docs/buyers.md");
    let words = TaskState::ALL.map(TaskState::name).into_iter();
    let words = words.chain(Outcome::ALL.map(Outcome::name)).chain(EventKind::ALL.map(EventKind::name));
    let words =
        words.chain(BidStatus::ALL.map(BidStatus::name)).chain(DeliveryStatus::ALL.map(DeliveryStatus::name));
    let missing: Vec<&str> = words.filter(|word| !page.contains(&format!("`{word}`"))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_code_of_an_error_stands_on_a_page() {
    let made = r#"(?:Problem|Self)::(?:conflict|too_many|new)\(\s*(?:StatusCode::[A-Z_]+,\s*)?"([a-z_]+)""#;
    let made = regex::Regex::new(made).unwrap();
    let pages: String = PAGES.map(read).concat();
    let codes: BTreeSet<String> = sources("crates/api/src")
        .iter()
        .flat_map(|text| made.captures_iter(text).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect();
    assert!(codes.len() > 25, "{codes:?}");
    let untold: Vec<&String> = codes.iter().filter(|code| !pages.contains(&format!("`{code}`"))).collect();
    assert_eq!(untold, Vec::<&String>::new());
}

/// Every source file below a folder.
fn sources(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(sources(&path)),
            false => found.push(read(&path)),
        }
    }
    found
}

#[test]
fn its_links_lead_somewhere() {
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].into_iter().chain(PAGES) {
        let text = read(page);
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').map_or((link, None), |(path, at)| (path, Some(at)));
            let file = format!("{}/../{folder}/{path}", env!("CARGO_MANIFEST_DIR"));
            let there = match heading {
                None => std::path::Path::new(&file).exists(),
                Some(heading) => {
                    let other = std::fs::read_to_string(&file).ok();
                    let text = if path.is_empty() { Some(&text) } else { other.as_ref() };
                    text.is_some_and(|text| text.lines().any(|line| slug(line).as_deref() == Some(heading)))
                }
            };
            assert!(there, "{page} links to {link}");
        }
    }
}

/// What a heading is called in a link.
fn slug(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept: String =
        heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-')).collect();
    Some(kept.replace(' ', "-"))
}
