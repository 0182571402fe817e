//! What moves each dimension, what does not, and how much of each can be measured.

use crate::{CompiledBrief, Rubrics, Verdict, Work, compile, judge};
use gavel_domain::invitation::{Artifact, ArtifactKind};
use gavel_domain::task::Brief;
use serde_json::{Value, json};

const GOOD: &str = "City bees live on roofs, and the gardens below feed them from March to October.\n\nA keeper in \
    Lisbon counts 40 hives; each gives 12 kilos of honey in a dry summer.\n\nNeighbours worry about stings, but few \
    were ever reported to the town hall.";

fn brief(requirements: Value) -> CompiledBrief {
    let requirements = requirements.as_object().cloned().unwrap_or_default();
    compile(&Brief {
        description: "Write a note about bees in the city.".into(),
        requirements,
        ..Brief::default()
    })
}

fn verdict(requirements: Value, full_text: &str, artifacts: Vec<Artifact>) -> Verdict {
    let work = Work { full_text: full_text.into(), artifacts };
    judge(&brief(requirements), &work, &Rubrics::default().for_category("content-writing"))
}

/// The value of one dimension.
fn value(dimension: &str, requirements: Value, full_text: &str) -> f64 {
    verdict(requirements, full_text, vec![]).dimensions[dimension].value.as_f64()
}

#[test]
fn completion_follows_substance_and_checklist() {
    let of = |requirements: Value, text: &str| value("task_completion", requirements, text);
    assert!(of(json!({}), GOOD) > of(json!({}), "Bees are nice."));
    assert!(of(json!({}), GOOD) > of(json!({}), &GOOD.replace("bees", "trams").replace("City", "Old")));
    assert!(of(json!({"seo_keywords": ["hives"]}), GOOD) > of(json!({"seo_keywords": ["trams"]}), GOOD));
}

#[test]
fn accuracy_is_the_same_for_all_but_for_wrong_sums() {
    let of = |text: &str| value("factual_accuracy", json!({}), text);
    assert_eq!(of(GOOD), of("Bees are fish."));
    assert_eq!(of("In all 2 + 2 = 4."), of(GOOD));
    assert!(of("In all 2 + 2 = 5.") < of(GOOD));
}

#[test]
fn quality_suffers_from_slips_and_repetition() {
    let of = |text: &str| value("output_quality", json!({}), text);
    assert!(
        of(GOOD) > of(&GOOD.replace("gardens", "gradens").replace("summer", "sumemr").replace(", ", " , "))
    );
    assert!(of(GOOD) > of(&format!("{GOOD}\n\n{GOOD}\n\n{GOOD}")));
}

#[test]
fn format_follows_the_format_asked_for_and_the_files() {
    let of = |requirements: Value, text: &str| value("format_compliance", requirements, text);
    assert!(
        of(json!({"format": "markdown"}), &format!("# Bees\n\n{GOOD}"))
            > of(json!({"format": "markdown"}), GOOD)
    );
    let file = |content: &str| Artifact {
        kind: ArtifactKind::Csv,
        filename: "a.csv".into(),
        content: content.into(),
    };
    let with =
        |content: &str| verdict(json!({}), GOOD, vec![file(content)]).dimensions["format_compliance"].value;
    assert!(with("a,b\n1,2") > with("a,b\n1"));
}

#[test]
fn originality_suffers_from_copying_and_stock_phrases() {
    let of = |text: &str| value("originality", json!({}), text);
    assert!(of(GOOD) > of("Write a note about bees in the city."));
    let stock = "In today's fast-paced world bees play a pivotal role. It is important to note that they are a game-changer.";
    assert!(of(GOOD) > of(&format!("{stock} {GOOD}")));
}

#[test]
fn other_languages_are_not_held_against_the_english_list() {
    let finnish = "Mehil\u{e4}iset asuvat kaupungin katoilla ja tuottavat hunajaa kaikille naapureille. Puutarhat \
        ruokkivat niit\u{e4} kev\u{e4}\u{e4}st\u{e4} syksyyn asti.";
    let verdict = verdict(json!({}), finnish, vec![]);
    let spelling =
        verdict.dimensions["output_quality"].evidence.iter().find(|e| e.check_id == "spelling").unwrap();
    assert_eq!(spelling.effect, spelling.possible);
    let chinese =
        "\u{57CE}\u{5E02}\u{7684}\u{871C}\u{8702}\u{4F4F}\u{5728}\u{5C4B}\u{9876}\u{4E0A}\u{3002}".repeat(3);
    let quality = &self::verdict(json!({}), &chinese, vec![]).dimensions["output_quality"];
    assert!(quality.evidence.iter().filter(|e| e.check_id == "sentences").all(|e| e.effect == e.possible));
}

#[test]
fn coverage_says_how_much_could_be_measured() {
    let coverage = |requirements: Value, dimension: &str| {
        verdict(requirements, GOOD, vec![]).dimensions[dimension].coverage.get()
    };
    assert_eq!(coverage(json!({}), "task_completion"), 600_000);
    assert_eq!(coverage(json!({"word_count": 50}), "task_completion"), 800_000);
    assert_eq!(coverage(json!({}), "factual_accuracy"), 200_000);
    assert_eq!(coverage(json!({}), "output_quality"), 600_000);
    assert_eq!(coverage(json!({}), "format_compliance"), 200_000);
    assert_eq!(coverage(json!({"format": "csv"}), "format_compliance"), 800_000);
    assert_eq!(coverage(json!({}), "originality"), 300_000);
}

#[test]
fn a_verdict_says_what_it_cannot_measure() {
    let verdict = verdict(json!({}), GOOD, vec![]);
    assert_eq!(verdict.cannot_measure, crate::CANNOT_MEASURE);
    assert!(verdict.cannot_measure.iter().any(|said| said.contains("true")));
    let stored = serde_json::to_value(&verdict).unwrap();
    assert!(stored["cannot_measure"].as_array().is_some_and(|said| !said.is_empty()));
    assert!(
        stored["dimensions"]
            .as_object()
            .unwrap()
            .values()
            .all(|d| d["coverage"].as_f64().is_some_and(|c| c > 0.0))
    );
}

#[test]
fn of_two_works_with_one_fault_the_better_stays_ahead() {
    let composite = |text: &str| verdict(json!({}), text, vec![]).composite;
    let (better, worse) = (format!("{GOOD} TODO: more."), "Bees are nice. TODO: more.".to_owned());
    assert!(composite(&better) > composite(&worse));
    assert!(composite(&better) <= crate::GateKind::Placeholder.cap());
}
