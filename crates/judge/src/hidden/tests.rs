//! Each kind of hidden check on works that meet it and works that do not.

use super::*;
use crate::brief::compile;
use crate::gates::GateKind;
use crate::rubric::Rubrics;
use crate::verdict::judge;
use crate::work::Work;
use gavel_domain::Ppm;
use gavel_domain::invitation::Artifact;
use gavel_domain::task::Brief;

const TEXT: &str = "# Report on May\n\nThe branch in Ash Hill sold 1,240 loaves, which is the total of all days [S1]. \
    The price rose by 12 % to EUR 3.50. Nine people work there [S2, S3].\n\n## Next steps\n\nOpen at 9:30 from 14 March. \
    Hire two bakers.\n\nHeadline 1: Fresh bread\nHeadline 2: Open early\n\n## Costs\n\n| Item | Cost |\n|---|---:|\n\
    | Flour | 400.00 |\n| Oven repair | 1,150.25 |\n| **Total** | **1,550.25** |\n";

fn work(full_text: &str) -> Work {
    Work { full_text: full_text.into(), artifacts: Vec::new() }
}

fn file(kind: ArtifactKind, content: &str) -> Work {
    let file = Artifact { kind, filename: "f".into(), content: content.into() };
    Work { full_text: "See the file.".into(), artifacts: vec![file] }
}

fn hidden(kind: HiddenKind, must: bool) -> HiddenCheck {
    HiddenCheck {
        id: "k01".into(),
        dimension: kind.dimension(),
        weight_milli: 500,
        must,
        text: kind.to_string(),
        kind,
    }
}

fn value(kind: &HiddenKind, work: &Work) -> u32 {
    let brief = compile(&Brief::default()).with_hidden(vec![hidden(kind.clone(), false)]);
    let verdict = judge(&brief, work, &Rubrics::default().for_category(""));
    let result = verdict.checklist.last().unwrap();
    assert!(
        result.span.clone().is_none_or(|span| work.full_text.get(span).is_some_and(|text| !text.is_empty()))
    );
    result.value.get()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn statement(says: &[&str], near: &[&str], within: Option<&str>) -> Statement {
    Statement { says: texts(says), near: texts(near), within: within.map(str::to_owned) }
}

fn q(min: u64, max: Option<u64>) -> Quantity {
    Quantity { min, max }
}

#[test]
fn facts() {
    let check = |says: &[&str], near: &[&str], within: Option<&str>, stated: bool| {
        let statement = statement(says, near, within);
        let (fact, no_fact) = (HiddenKind::Fact(statement.clone()), HiddenKind::NoFact(statement));
        let expected = if stated { 1_000_000 } else { 0 };
        assert_eq!(value(&fact, &work(TEXT)), expected, "{fact}");
        assert_eq!(value(&no_fact, &work(TEXT)), 1_000_000 - expected, "{no_fact}");
    };
    check(&["1240"], &[], None, true);
    check(&["1240.00"], &["total"], None, true);
    check(&["1241"], &[], None, false);
    check(&["124"], &[], None, false);
    check(&["1240"], &["baker"], None, false);
    check(&["12"], &["price"], None, true);
    check(&["12%"], &["price"], None, true);
    check(&["1240%"], &[], None, false);
    check(&["400%"], &[], None, true);
    check(&["9"], &["people"], None, true);
    check(&["2"], &["bakers"], Some("Next steps"), true);
    check(&["2"], &["bakers"], Some("Costs"), false);
    check(&["1240"], &[], Some("Report on May"), true);
    check(&["14 March", "March 14"], &[], None, true);
    check(&["March 14"], &[], None, false);
    check(&["9:30"], &["open"], None, true);
    check(&["1150.25"], &["oven"], None, true);
    check(&["1550.25"], &["cost"], None, true);
    check(&["Ash Hill"], &[], None, true);
    check(&["Hill Ash"], &[], None, false);
}

#[test]
fn facts_in_files() {
    let fact = HiddenKind::Fact(statement(&["12.50"], &["may"], None));
    let csv = "Month,Note,Amount\nApril,x,11.00\nMay,y,\"12.50\"\n";
    assert_eq!(value(&fact, &file(ArtifactKind::Csv, csv)), 1_000_000);
    assert_eq!(value(&fact, &file(ArtifactKind::Json, "{\"may\": 12.5}")), 1_000_000);
    assert_eq!(value(&fact, &file(ArtifactKind::Html, "<p>In <b>May</b>: &euro;12.50</p>")), 1_000_000);
    assert_eq!(value(&fact, &file(ArtifactKind::Markdown, "May: <!-- 12.50 -->")), 0);
}

#[test]
fn tables() {
    let cell = |row: &[&str], column: &str, says: &[&str]| HiddenKind::Cell {
        row: texts(row),
        column: column.into(),
        value: texts(says),
    };
    let check = |kind: HiddenKind, expected: u32| assert_eq!(value(&kind, &work(TEXT)), expected, "{kind}");
    check(cell(&["oven"], "cost", &["1150.25"]), 1_000_000);
    check(cell(&["oven"], "cost", &["115.25"]), 0);
    check(cell(&["oven"], "price", &["1150.25"]), 0);
    check(cell(&["total"], "Cost", &["1,550.25"]), 1_000_000);
    check(HiddenKind::Rows { columns: texts(&["item"]), count: q(3, Some(3)) }, 1_000_000);
    check(HiddenKind::Rows { columns: texts(&["item"]), count: q(6, None) }, 500_000);
    check(HiddenKind::Rows { columns: texts(&["month"]), count: q(3, None) }, 0);
    check(HiddenKind::Columns { names: texts(&["cost", "item"]) }, 1_000_000);
    check(HiddenKind::Columns { names: texts(&["cost", "month"]) }, 500_000);
    let csv = file(ArtifactKind::Csv, "Item;Cost\nFlour;400,00\nOven;1150,25\n");
    assert_eq!(value(&cell(&["oven"], "cost", &["1150.25"]), &csv), 1_000_000);
    assert_eq!(value(&HiddenKind::File { kind: ArtifactKind::Csv }, &csv), 1_000_000);
    assert_eq!(value(&HiddenKind::File { kind: ArtifactKind::Json }, &csv), 0);
}

#[test]
fn form() {
    let check = |kind: HiddenKind, expected: u32| assert_eq!(value(&kind, &work(TEXT)), expected, "{kind}");
    let cites = |sources: &[&str], least| HiddenKind::Cites { sources: texts(sources), least };
    check(cites(&["S1", "S2", "S3"], 3), 1_000_000);
    check(cites(&["S1", "S2", "S3", "S4"], 4), 750_000);
    check(cites(&["S1", "S2"], 2), 0);
    check(HiddenKind::Order { sections: texts(&["Report", "Next steps", "Costs"]) }, 1_000_000);
    check(HiddenKind::Order { sections: texts(&["Costs", "Next steps", "Report"]) }, 0);
    check(HiddenKind::Order { sections: texts(&["Report", "Costs", "Risks"]) }, 500_000);
    check(HiddenKind::SectionWords { name: "Next steps".into(), count: q(10, None) }, 1_000_000);
    check(HiddenKind::SectionWords { name: "Next steps".into(), count: q(400, None) }, 50_000);
    let lines = |count, chars| HiddenKind::Lines { begins: "Headline".into(), count, chars };
    check(lines(q(2, Some(2)), None), 1_000_000);
    check(lines(q(2, None), Some(11)), 1_000_000);
    check(lines(q(2, None), Some(10)), 500_000);
    check(lines(q(4, None), None), 500_000);
    check(HiddenKind::ShortSentences { words: 20 }, 1_000_000);
    check(HiddenKind::ShortSentences { words: 5 }, 625_000);
    check(HiddenKind::Listed(Check::Keyword { term: "loaf".into() }), 0);
    check(HiddenKind::Listed(Check::Section { name: "Costs".into() }), 1_000_000);
}

#[test]
fn json() {
    let json = |at: &str, says: &[&str], count| HiddenKind::Json { at: at.into(), value: texts(says), count };
    let document = "```json\n{\"title\": \"May\", \"rows\": [{\"sum\": 1240.5}, {\"sum\": 3}]}\n```";
    let check =
        |kind: HiddenKind, expected: u32| assert_eq!(value(&kind, &work(document)), expected, "{kind}");
    check(json("/title", &["may"], None), 1_000_000);
    check(json("/rows/0/sum", &["1,240.50"], None), 1_000_000);
    check(json("/rows/1/sum", &["4"], None), 0);
    check(json("/rows", &[], Some(q(2, Some(2)))), 1_000_000);
    check(json("/rows", &[], Some(q(4, None))), 500_000);
    check(json("/nothing", &[], None), 0);
}

#[test]
fn what_must_be_there_caps_and_accuracy_counts() {
    let fact = |says: &str| hidden(HiddenKind::Fact(statement(&[says], &[], None)), true);
    let judged = |says: &[&str]| {
        let mut checks: Vec<HiddenCheck> = says.iter().map(|says| fact(says)).collect();
        checks.iter_mut().for_each(|check| check.weight_milli = 1500);
        let brief = compile(&Brief::default()).with_hidden(checks);
        judge(&brief, &work(TEXT), &Rubrics::default().for_category(""))
    };
    let right = judged(&["1240", "3.50"]);
    assert!(right.gates.is_empty() && right.composite > Ppm::new(700_000), "{}", right.composite);
    assert_eq!(right.dimensions["factual_accuracy"].coverage, Ppm::new(800_000));
    let one = judged(&["1240", "3.60"]);
    let all = judged(&["1241", "3.60"]);
    assert!(one.composite < Ppm::new(480_000) && all.composite < one.composite);
    assert_eq!(one.gates.iter().map(|gate| gate.kind).collect::<Vec<_>>(), [GateKind::Essential]);
    assert!(
        one.gates[0].text.contains("3.60") && all.gates[0].text.contains("1 more such"),
        "{}",
        all.gates[0].text
    );
    let hash = |says: &[&str]| judged(says).input_hash;
    assert_ne!(hash(&["1240"]), hash(&["1241"]));
}
