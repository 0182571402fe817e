//! Each check on works that meet it, half meet it and miss it.

use super::*;
use gavel_domain::invitation::{Artifact, ArtifactKind};

const TEXT: &str = "# Keeping bees\n\nCity bees live on roofs. The roof garden feeds them.\n\nCosts:\n- a hive\n- a \
    smoker\n- a suit\n\nThey sting, at times.";

fn met(check: Check, full_text: &str) -> u32 {
    met_by(check, &Work { full_text: full_text.into(), artifacts: vec![] })
}

fn met_by(check: Check, work: &Work) -> u32 {
    let text = Text::read(&work.full_text);
    let item = ChecklistItem {
        id: "c01".into(),
        text: check.to_string(),
        check,
        weight_milli: 1000,
        source: "requirements".into(),
    };
    let met = Subject::new(work, &text, &[]).check(&item.check, std::slice::from_ref(&item));
    assert!(met.span.is_none_or(|span| work.full_text.get(span).is_some_and(|quote| !quote.is_empty())));
    met.value.get()
}

fn q(min: u64, max: Option<u64>) -> Quantity {
    Quantity { min, max }
}

#[test]
fn counts() {
    let check = |check: Check, expected: u32| assert_eq!(met(check.clone(), TEXT), expected, "{check}");
    check(Check::WordCount { count: q(20, Some(30)) }, 1_000_000);
    check(Check::WordCount { count: q(46, None) }, 500_000);
    check(Check::WordCount { count: q(0, Some(10)) }, 434_782);
    check(Check::SectionCount { count: q(1, None) }, 1_000_000);
    check(Check::SectionCount { count: q(4, None) }, 250_000);
    check(Check::Items { count: q(3, None) }, 1_000_000);
    check(Check::Items { count: q(6, None) }, 500_000);
    check(Check::Paragraphs { count: q(2, Some(5)) }, 1_000_000);
    check(Check::Sentences { count: q(0, Some(4)) }, 571_428);
    assert_eq!(met(Check::SectionCount { count: q(2, None) }, "Costs:\nHigh.\nRisks:\nLow."), 1_000_000);
    assert_eq!(met(Check::Items { count: q(2, None) }, "- a hive\n- a hive"), 500_000, "the same item again");
    assert_eq!(met(Check::Items { count: q(2, None) }, "|a|b|\n|-|-|\n|1|2|\n|3|4|"), 1_000_000);
}

#[test]
fn terms() {
    let keyword = |term: &str, expected| {
        assert_eq!(met(Check::Keyword { term: term.into() }, TEXT), expected, "{term}")
    };
    keyword("roof garden", 1_000_000);
    keyword("Roof Gardens", 1_000_000);
    keyword("garden bees", 500_000);
    keyword("harbour", 0);
    keyword("roof harbour", 0);
    let include = |term: &str, expected| {
        assert_eq!(met(Check::Include { term: term.into() }, TEXT), expected, "{term}")
    };
    include("the bees in the garden", 1_000_000);
    include("garden of bees", 1_000_000);
    include("bees and harbour", 500_000);
    include("a lighthouse", 0);
    let forbidden = |term: &str, expected| {
        assert_eq!(met(Check::Forbidden { term: term.into() }, TEXT), expected, "{term}")
    };
    forbidden("sting", 0);
    forbidden("garden bees", 1_000_000);
    forbidden("cheap", 1_000_000);
}

#[test]
fn sections() {
    let section = |name: &str, expected| {
        assert_eq!(met(Check::Section { name: name.into() }, TEXT), expected, "{name}")
    };
    section("Keeping bees", 1_000_000);
    section("Costs", 1_000_000);
    section("The cost", 1_000_000);
    section("roofs", 400_000);
    section("Risks", 0);
    assert_eq!(
        met(Check::Section { name: "Why us".into() }, "## Why us\n\nWe try."),
        1_000_000,
        "small words"
    );
    let long = "This is about all the costs that we have seen in the years of our work.";
    assert_eq!(met(Check::Section { name: "Costs".into() }, long), 400_000, "only spoken of");
}

#[test]
fn formats_and_language() {
    let format = |format, text: &str, expected| {
        assert_eq!(met(Check::Format { format }, text), expected, "{format:?} {text:?}")
    };
    format(TextFormat::Markdown, TEXT, 1_000_000);
    format(TextFormat::Plain, TEXT, 0);
    format(TextFormat::List, TEXT, 1_000_000);
    format(TextFormat::Table, TEXT, 0);
    format(TextFormat::Json, "{\"bees\": 3}", 1_000_000);
    format(TextFormat::Json, "Here: {\"bees\": 3}", 0);
    format(TextFormat::Csv, "bees,roofs\n1,2", 1_000_000);
    format(TextFormat::Html, "<p>a</p><p>b</p>", 1_000_000);
    let file = Artifact { kind: ArtifactKind::Json, filename: "bees.json".into(), content: "[1]".into() };
    let work = Work { full_text: "See the file.".into(), artifacts: vec![file] };
    assert_eq!(met_by(Check::Format { format: TextFormat::Json }, &work), 1_000_000, "in a file");
    let language = |code: &str, expected| {
        assert_eq!(met(Check::Language { code: code.into() }, TEXT), expected, "{code}")
    };
    language("en", 1_000_000);
    language("ru", 0);
    assert_eq!(
        met(Check::Language { code: "de".into() }, "Bienen, D\u{e4}cher"),
        1_000_000,
        "too short to tell"
    );
}

#[test]
fn faults_found_elsewhere() {
    let brief = crate::compile(&gavel_domain::task::Brief::default());
    let check = |check: Check, full_text: &str, expected: u32| {
        let (work, text) = (Work { full_text: full_text.into(), artifacts: vec![] }, Text::read(full_text));
        let gates = crate::gates::gates(&brief, &text, Ppm::ZERO);
        let item = ChecklistItem {
            id: String::new(),
            text: String::new(),
            check,
            weight_milli: 1,
            source: String::new(),
        };
        let met = Subject::new(&work, &text, &gates).check(&item.check, &[]);
        assert_eq!(met.value.get(), expected, "{full_text:?}");
    };
    check(Check::NoPlaceholders, TEXT, 1_000_000);
    check(Check::NoPlaceholders, "Bees. TODO: more.", 0);
    check(Check::Complete, TEXT, 1_000_000);
    check(Check::Complete, "", 0);
    check(Check::Complete, "I'm sorry, but I cannot write this.", 0);
    check(Check::RequestedFormat, TEXT, 1_000_000);
}

#[test]
fn formats_by_name() {
    let check = |name: &str, expected| assert_eq!(TextFormat::named(name), expected, "{name:?}");
    check("Markdown", Some(TextFormat::Markdown));
    check(".md", Some(TextFormat::Markdown));
    check("a JSON array", Some(TextFormat::Json));
    check("bullet points", Some(TextFormat::List));
    check("json, csv", None);
    check("text and images", None);
    check("docx", None);
    check("", None);
}

#[test]
fn items_are_stored_as_kind_and_params() {
    let item = ChecklistItem {
        id: "c01".into(),
        text: "has 5 words".into(),
        check: Check::WordCount { count: q(5, Some(5)) },
        weight_milli: 2000,
        source: "requirements.word_count".into(),
    };
    let stored = serde_json::to_value(&item).unwrap();
    assert_eq!(stored["kind"], "word_count");
    assert_eq!(stored["params"]["count"]["min"], 5);
    assert_eq!(serde_json::from_value::<ChecklistItem>(stored).unwrap(), item);
}
