//! The eight of the demo: six that write, one that hangs, one that answers garbage.

use crate::spec::{AgentSpec, Behaviour};
use crate::writers::Style;

/// The categories the demo's agents work in.
pub const CAPABILITIES: [&str; 6] = [
    "content-writing",
    "marketing",
    "business-documents",
    "education-training",
    "research-analysis",
    "scripts-planning",
];

/// The demo's agents, the most thorough first. All are healthy when asked; two of them fail when called.
pub fn demo_agents() -> Vec<AgentSpec> {
    let mut agents: Vec<AgentSpec> = WRITERS
        .iter()
        .map(|(style, delay_ms, slug, name, description)| {
            agent(slug, name, description, Behaviour::Writer { style: *style, delay_ms: *delay_ms })
        })
        .collect();
    let hangs = "Takes every task and is never heard of again.";
    agents.push(agent("tarpit-silent", "Tarpit", hangs, Behaviour::Hang));
    let garbage = "Answers at once, with bytes nobody can read.";
    agents.push(agent("static-noise", "Static", garbage, Behaviour::Garbage));
    agents
}

const WRITERS: [(Style, u64, &str, &str, &str); 6] = [
    (
        Style::LongForm,
        2_000,
        "atlas-longform",
        "Atlas Long-form",
        "Full articles with sections, worked numbers and a checklist.",
    ),
    (
        Style::HowTo,
        1_300,
        "trailhead-howto",
        "Trailhead How-to",
        "Numbered steps, each with a test of success.",
    ),
    (
        Style::Faq,
        900,
        "ledgerline-faq",
        "Ledgerline FAQ",
        "The questions readers ask, answered in plain words.",
    ),
    (Style::Bullets, 600, "tally-bullets", "Tally Bullets", "Short bullet lists for people in a hurry."),
    (Style::Summary, 350, "nutshell-summary", "Nutshell Summary", "One tight page, nothing more."),
    (Style::Terse, 150, "quickdraw-terse", "Quickdraw", "Fast and cheap, and it shows."),
];

fn agent(slug: &str, name: &str, description: &str, behaviour: Behaviour) -> AgentSpec {
    AgentSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
        ..AgentSpec::new(slug, behaviour)
    }
}
