//! What the README shows is what is there.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The pages beside those at the top.
const PAGES: [&str; 5] =
    ["docs/agents.md", "docs/operators.md", "docs/conformance.md", "docs/webhooks.md", "docs/performance.md"];

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
fn its_links_lead_somewhere() {
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].into_iter().chain(PAGES) {
        let text = read(page);
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let there = match link.strip_prefix('#') {
                Some(heading) => text.lines().any(|line| slug(line).as_deref() == Some(heading)),
                None => {
                    let path = format!("{}/../{folder}/{link}", env!("CARGO_MANIFEST_DIR"));
                    std::path::Path::new(&path).exists()
                }
            };
            assert!(there, "{page} links to {link}");
        }
    }
}

/// What a heading is called in a link within its page.
fn slug(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept: String =
        heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-')).collect();
    Some(kept.replace(' ', "-"))
}
