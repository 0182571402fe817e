//! What holds for every brief and every work, however odd.

use gavel_domain::invitation::{Artifact, ArtifactKind};
use gavel_domain::task::Brief;
use gavel_judge::{Rubrics, Verdict, Work, compile, judge};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Pieces that have a meaning to the judge, among characters that have none.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => "[a-z]{1,9} ",
        2 => Just("the cat of a bridge, with its lamps. ".to_owned()),
        1 => ".{0,12}",
        1 => "\\PC{0,6}",
        4 => prop::sample::select(PIECES.as_slice()).prop_map(str::to_owned),
    ];
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

const PIECES: [&str; 44] = [
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\u{0}",
    "# ",
    "- ",
    "12. ",
    "| a | b |\n",
    "```\n",
    "~~~",
    "**",
    "<!--",
    "-->",
    "<b hidden>",
    "</b>",
    "<script>",
    "[//]: # (",
    ")",
    "[",
    "{{content}}",
    "TODO ",
    "[Insert details here]",
    "e\u{301}",
    "cafe\u{301}-bar ",
    "\u{200B}",
    "\u{E0041}",
    "\u{202E}",
    "\u{1F468}\u{200D}\u{1F469}",
    "\u{0130}",
    "\u{DF}",
    "\u{65E5}\u{672C}\u{8A9E}",
    "2 + 2 = 5. ",
    "1,000 x 1,000 = 1. ",
    "I'm sorry, but I cannot help. ",
    "Once selected I will write the article. ",
    "a,b\n\"1",
    "{\"a\": [1",
    "\u{FB01}",
    "\u{1100}\u{1161}",
    "\u{AD}",
    "\u{3002}",
    "...",
    "\u{10FFFF}",
];

fn requirements() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        any::<bool>().prop_map(|b| json!(b)),
        text().prop_map(|t| json!(t)),
        "[0-9]{1,30}[-+ ][0-9kK,.]{0,9} words".prop_map(|t| json!(t)),
        prop::collection::vec(text(), 0..4).prop_map(|t| json!(t)),
        (any::<u64>(), any::<u64>()).prop_map(|(min, max)| json!({"min": min, "max": max})),
        Just(json!([[[[{"name": ["deep"]}]]]])),
        Just(Value::Null),
    ];
    let key = prop::sample::select(KEYS.as_slice()).prop_map(str::to_owned);
    prop::collection::btree_map(key, value, 0..6).prop_map(|fields| fields.into_iter().collect())
}

const KEYS: [&str; 16] = [
    "word_count",
    "length",
    "min_words",
    "max_words",
    "seo_keywords",
    "must_include",
    "forbidden_words",
    "sections",
    "format",
    "language",
    "items",
    "paragraphs",
    "sentences",
    "tone",
    "audience",
    "\u{130}\u{DF}",
];

fn brief() -> impl Strategy<Value = Brief> {
    (text(), text(), requirements(), prop::option::of(requirements()), any::<bool>()).prop_map(
        |(title, description, requirements, output_spec, rule)| {
            let rules = ["no_placeholder_content", "complete_deliverable", "match_requested_format"];
            Brief {
                title,
                description,
                requirements,
                output_spec: output_spec.map(Value::Object),
                quality_rules: rules.map(|name| (name.to_owned(), json!(rule))).into_iter().collect(),
                ..Brief::default()
            }
        },
    )
}

fn work() -> impl Strategy<Value = Work> {
    let kinds = [ArtifactKind::Markdown, ArtifactKind::Csv, ArtifactKind::Html, ArtifactKind::Json];
    let artifact = (prop::sample::select(kinds.to_vec()), text(), text())
        .prop_map(|(kind, filename, content)| Artifact { kind, filename, content });
    (text(), prop::collection::vec(artifact, 0..3))
        .prop_map(|(full_text, artifacts)| Work { full_text, artifacts })
}

fn judged(brief: &Brief, work: &Work) -> Verdict {
    judge(&compile(brief), work, &Rubrics::default().for_category("content-writing"))
}

fn spans(verdict: &Verdict) -> Vec<std::ops::Range<usize>> {
    let evidence = verdict.dimensions.values().flat_map(|d| &d.evidence).filter_map(|e| e.span.clone());
    let items = verdict.checklist.iter().filter_map(|item| item.span.clone());
    let gates = verdict.gates.iter().flat_map(|gate| gate.spans.clone());
    let flags = verdict.flags.iter().flat_map(|flag| flag.spans.clone());
    evidence.chain(items).chain(gates).chain(flags).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_same_input_gives_the_same_bytes(brief in brief(), work in work()) {
        let bytes = || serde_json::to_vec(&judged(&brief, &work)).unwrap();
        prop_assert_eq!(bytes(), bytes());
    }

    #[test]
    fn a_verdict_reads_back(brief in brief(), work in work()) {
        let verdict = judged(&brief, &work);
        let stored = serde_json::to_string(&verdict).unwrap();
        prop_assert_eq!(serde_json::from_str::<Verdict>(&stored).unwrap(), verdict);
    }

    #[test]
    fn scores_are_shares_and_gates_only_lower(brief in brief(), work in work()) {
        let verdict = judged(&brief, &work);
        let scores = verdict.dimensions.values().flat_map(|d| [d.value, d.coverage]);
        let scores = scores.chain([verdict.composite, verdict.ungated, verdict.confidence]);
        scores.chain(verdict.checklist.iter().map(|item| item.value)).for_each(|s| assert!(s.get() <= 1_000_000));
        prop_assert!(verdict.composite <= verdict.ungated);
        prop_assert!(verdict.gates.iter().all(|gate| verdict.composite <= gate.cap));
        prop_assert!(!verdict.gates.is_empty() || verdict.composite == verdict.ungated);
    }

    #[test]
    fn spans_lie_in_the_text_as_it_was_sent(brief in brief(), work in work()) {
        for span in spans(&judged(&brief, &work)) {
            prop_assert!(work.full_text.get(span.clone()).is_some(), "{:?} of {:?}", span, work.full_text);
        }
    }

    #[test]
    fn bids_of_one_task_are_comparable(brief in brief(), one in work(), other in work()) {
        let (one, other) = (judged(&brief, &one), judged(&brief, &other));
        let shape = |v: &Verdict| v.dimensions.iter().map(|(d, s)| (d.clone(), s.coverage, s.weight)).collect::<Vec<_>>();
        prop_assert_eq!(shape(&one), shape(&other));
        prop_assert_eq!(one.confidence, other.confidence);
        prop_assert_eq!(one.cannot_measure, other.cannot_measure);
        prop_assert_eq!(one.checklist.len(), compile(&brief).checklist().len());
    }

    #[test]
    fn the_effects_of_the_evidence_are_the_value(brief in brief(), work in work()) {
        for (name, dimension) in judged(&brief, &work).dimensions {
            let sum: u32 = dimension.evidence.iter().map(|e| e.effect.get()).sum();
            let rounded_off = dimension.value.get().checked_sub(sum);
            prop_assert!(rounded_off.is_some_and(|n| n as usize <= dimension.evidence.len()), "{} {} {}", name, sum, dimension.value);
            prop_assert!(dimension.evidence.iter().all(|e| e.effect <= e.possible));
        }
    }
}
