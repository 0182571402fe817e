//! What the README shows is what is there.

#![allow(clippy::unwrap_used, reason = "a test may stop here")]

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The code blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    text.split(&open).skip(1).map(|rest| rest.split("```").next().unwrap().trim_end().to_owned()).collect()
}

#[test]
fn its_agents_are_those_of_the_examples_and_short() {
    let readme = read("README.md");
    for (language, file) in [("python", "examples/agent.py"), ("rust", "examples/agent.rs")] {
        let agent = read(file);
        assert!(agent.lines().count() < 30, "{file} is not short any more");
        assert_eq!(blocks(&readme, language), [agent.trim_end()], "{file}");
    }
}

#[test]
fn its_links_lead_somewhere() {
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/agents.md"] {
        let text = read(page);
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let path = format!("{}/../{folder}/{link}", env!("CARGO_MANIFEST_DIR"));
            assert!(std::path::Path::new(&path).exists(), "{page} links to {link}");
        }
    }
}
