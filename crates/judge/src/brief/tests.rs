//! What becomes of the fields of a brief, and what is read between them.

use super::*;
use serde_json::json;

fn with(requirements: Value, output_spec: Value, rules: Value) -> CompiledBrief {
    let map = |value: Value| value.as_object().cloned().unwrap_or_default();
    compile(&Brief {
        title: "Urban beekeeping".into(),
        description: "An article about keeping bees on roofs.".into(),
        requirements: map(requirements),
        output_spec: Some(output_spec),
        quality_rules: map(rules),
        ..Brief::default()
    })
}

#[test]
fn structured_requirements_become_items() {
    let check = |requirements: Value, expected: &[&str]| {
        let compiled = with(requirements.clone(), Value::Null, json!({}));
        let texts: Vec<_> = compiled.checklist().iter().map(|item| item.text.as_str()).collect();
        assert_eq!(texts, expected, "{requirements}");
    };
    check(json!({}), &[]);
    check(json!({"mood": "cheerful", "deadline": 5}), &[]);
    check(json!({"word_count": "1200-1800 words"}), &["has 1200 to 1800 words"]);
    check(json!({"wordCount": 800}), &["has 720 to 880 words"]);
    check(json!({"word_count": "2 pages"}), &[]);
    check(json!({"word_count": true}), &[]);
    check(json!({"word_count": {"min": 500}}), &["has at least 500 words"]);
    check(json!({"target_word_count": "up to 500"}), &["has at most 500 words"]);
    check(json!({"word_count": 700, "max_words": 800}), &["has 630 to 770 words"]);
    check(json!({"length": "short"}), &[]);
    check(json!({"length": 2}), &[]);
    check(json!({"length": 500}), &["has 450 to 550 words"]);
    check(json!({"tone": "friendly, 500 words", "audience": ["parents"]}), &[]);
    check(json!({"length": "300 words"}), &["has 270 to 330 words"]);
    check(json!({"max_words": 500, "min_words": 300}), &["has 300 to 500 words"]);
    check(json!({"seo_keywords": "bees, roof garden"}), &["mentions \"bees\"", "mentions \"roof garden\""]);
    check(json!({"keywords": ["bees", "Bees", "", 7]}), &["mentions \"bees\""]);
    check(
        json!({"seo_keywords": {"primary": "bees", "secondary": ["roof garden"]}}),
        &["mentions \"bees\"", "mentions \"roof garden\""],
    );
    check(json!({"seo_keywords": null}), &[]);
    check(json!({"must_include": ["a price"]}), &["covers \"a price\""]);
    check(json!({"forbidden_words": ["cheap"]}), &["avoids \"cheap\""]);
    check(
        json!({"sections": [{"name": "Costs"}, "Risks"]}),
        &["has a section \"Costs\"", "has a section \"Risks\""],
    );
    check(json!({"sections": 4}), &["has at least 4 sections"]);
    check(json!({"format": "Markdown"}), &["is markdown"]);
    check(json!({"format": "one CSV file"}), &["is csv"]);
    check(json!({"format": "JSON or CSV"}), &[]);
    check(json!({"format": ["html"]}), &["is html"]);
    check(json!({"outputFormat": {"type": "table"}}), &["is a table"]);
    check(json!({"format": "a poem on vellum"}), &[]);
    check(json!({"language": "Spanish"}), &["is written in es"]);
    check(json!({"target_language": "German"}), &["is written in de"]);
    check(json!({"language": ["French"]}), &[]);
    check(json!({"items": 5}), &["has at least 5 items"]);
    check(
        json!({"paragraphs": "3-5", "sentences": {"max": 9}}),
        &["has 3 to 5 paragraphs", "has at most 9 sentences"],
    );
}

#[test]
fn output_spec_and_rules_become_items() {
    let rules = json!({"no_placeholder_content": true, "complete_deliverable": false, "match_requested_format": true});
    let compiled = with(json!({}), json!({"format": "json", "count": 3}), rules);
    let sources: Vec<_> = compiled.checklist().iter().map(|item| item.source.as_str()).collect();
    let expected = [
        "output_spec.count",
        "output_spec.format",
        "quality_rules.match_requested_format",
        "quality_rules.no_placeholder_content",
    ];
    assert_eq!(sources, expected);
}

#[test]
fn the_language_of_the_brief_is_wanted_where_it_is_clear() {
    let check = |description: &str, expected: Option<&str>| {
        let brief = compile(&Brief { description: description.into(), ..Brief::default() });
        assert_eq!(brief.language.map(|l| l.code), expected, "{description:?}");
    };
    check("Write a short article about the bees that live on our roofs.", Some("en"));
    check("Bees, roofs, cities: 500 words", None);
    check("Write a short article about the bees on our roofs in French.", None);
    check("Translate this article about the bees on our roofs, please, and keep the tone.", None);
    check("Escribe un art\u{ed}culo sobre las abejas que viven en los tejados de la ciudad.", Some("es"));
    // Two languages: either may be wanted.
    check(
        "The bees on our roofs are a gift to the city.\nBitte fassen Sie den Text in drei S\u{e4}tzen auf der Seite zusammen.",
        None,
    );
}

#[test]
fn what_is_implied() {
    let article = with(json!({}), Value::Null, json!({}));
    assert_eq!(article.language.map(|l| l.code), Some("en"));
    assert!(article.wants_prose);
    assert!(!with(json!({"items": 5}), Value::Null, json!({})).wants_prose);
    assert!(with(json!({"word_count": 300}), Value::Null, json!({})).wants_prose);
    assert_eq!(with(json!({"language": "de"}), Value::Null, json!({})).language.map(|l| l.code), Some("de"));
}
