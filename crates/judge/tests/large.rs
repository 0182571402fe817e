//! The largest answer that is accepted (4 MiB) is judged in time linear in its size, whatever it is made of: a shape
//! for which it were quadratic would not come to an end here. The shapes are many, so most of them are smaller; that
//! is large enough for the same.

use gavel_domain::invitation::{Artifact, ArtifactKind};
use gavel_domain::task::Brief;
use gavel_judge::{HiddenCheck, HiddenKind, Quantity, Rubrics, Statement, Verdict, Work, compile, judge};
use serde_json::json;

const LARGEST: usize = 4 << 20;
const LARGE: usize = 1 << 18;

fn filled(bytes: usize, unit: &str) -> String {
    unit.repeat(bytes / unit.len())
}

fn brief() -> Brief {
    let requirements = json!({
        "word_count": "500-700",
        "seo_keywords": ["city bees", "roof", "a a a a b"],
        "must_include": ["a price", "opening hours"],
        "forbidden_words": ["cheap", "a a a c"],
        "sections": ["Costs of a a a", "Risks"],
        "format": "json",
        "language": "en",
        "items": 5,
    });
    Brief {
        title: "Bees on roofs".into(),
        description: "Write an article about the bees that live on our roofs, with a list of what they need."
            .into(),
        requirements: requirements.as_object().cloned().unwrap_or_default(),
        ..Brief::default()
    }
}

/// What the author of a task may know, asked of words and signs that the shapes are full of.
fn hidden() -> Vec<HiddenCheck> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let fact = |says: &str, near: &str, within: Option<&str>| {
        let within = within.map(str::to_owned);
        HiddenKind::Fact(Statement { says: texts(&[says, "a a a c"]), near: texts(&[near]), within })
    };
    let kinds = [
        fact("1", "c", None),
        fact("7", "a", Some("a")),
        fact("a b", "1", None),
        HiddenKind::Cell { row: texts(&["a", "1"]), column: "b".into(), value: texts(&["7"]) },
        HiddenKind::Rows { columns: texts(&["a"]), count: Quantity { min: 9, max: None } },
        HiddenKind::Cites { sources: texts(&["a1", "S1"]), least: 2 },
        HiddenKind::Order { sections: texts(&["a", "costs", "b"]) },
        HiddenKind::SectionWords { name: "costs".into(), count: Quantity { min: 9, max: None } },
        HiddenKind::Lines { begins: "a".into(), count: Quantity { min: 9, max: None }, chars: Some(3) },
        HiddenKind::Json { at: "/a/0".into(), value: texts(&["1"]), count: None },
        HiddenKind::ShortSentences { words: 9 },
    ];
    let check = |(number, kind): (usize, HiddenKind)| HiddenCheck {
        id: format!("k{number}"),
        dimension: kind.dimension(),
        weight_milli: 500,
        must: number == 0,
        text: kind.to_string(),
        kind,
    };
    kinds.into_iter().enumerate().map(check).collect()
}

fn judged(work: &Work) -> Verdict {
    judge(&compile(&brief()).with_hidden(hidden()), work, &Rubrics::default().for_category(""))
}

fn comes_to_an_end(name: &str, full_text: String) {
    let verdict = judged(&Work { full_text, artifacts: Vec::new() });
    assert!(verdict.composite <= verdict.ungated, "{name}");
}

#[test]
fn the_largest_texts_come_to_an_end() {
    comes_to_an_end("nothing", filled(LARGEST, " "));
    comes_to_an_end("one line", filled(LARGEST, "a b "));
    comes_to_an_end("line ends", filled(LARGEST, "\n"));
}

#[test]
fn the_largest_markup_comes_to_an_end() {
    comes_to_an_end("less than", filled(LARGEST, "<"));
    comes_to_an_end("brackets", filled(LARGEST, "["));
    comes_to_an_end("deep", format!("{}{}", "[".repeat(LARGEST / 2), "]".repeat(LARGEST / 2)));
}

#[test]
fn large_texts_of_every_shape_come_to_an_end() {
    const UNITS: [&str; 36] = [
        "1,",
        "1 7. ",
        "[a1] ",
        "|a|1|7|\n",
        "a",
        "A\u{e9}",
        "<a ",
        "<!",
        "<!--",
        "<b hidden>x",
        "<b hidden></b>",
        "<script",
        "\"",
        "[//]: # (\n",
        "```\n",
        "```\n[[\n```\n",
        "# a\n",
        "- a\n",
        "|a|b|\n",
        "a. ",
        " , ",
        "1 + 1 = 3 ",
        "[insert ",
        "[describe ",
        "we will write the very very very ",
        "sorry that we ",
        "in today's very ",
        "the of ",
        "a\u{200B}",
        "e\u{301}",
        "\u{301}",
        "\u{65E5}",
        "{{a}} ",
        "def a(b):\n",
        "a\n\n",
        "a,\n",
    ];
    for unit in UNITS {
        comes_to_an_end(unit, filled(LARGE, unit));
    }
    comes_to_an_end("one heading", format!("# {}", filled(LARGE, "costs of ")));
    comes_to_an_end("new words", (0..LARGE / 8).map(|i| format!("w{i:x} ")).collect());
    comes_to_an_end("sentences", (0..LARGE / 24).map(|i| format!("The bee {i:x} is here. ")).collect());
}

#[test]
fn large_files_come_to_an_end() {
    let kinds = [ArtifactKind::Markdown, ArtifactKind::Csv, ArtifactKind::Html, ArtifactKind::Json];
    for (kind, unit) in kinds.into_iter().zip(["a ", "a,\"b\"\n", "</", "[{\"a\":"]) {
        let artifact = Artifact { kind, filename: "large".into(), content: filled(LARGEST, unit) };
        let verdict = judged(&Work { full_text: "See the file.".into(), artifacts: vec![artifact] });
        assert!(verdict.composite <= verdict.ungated);
    }
}
