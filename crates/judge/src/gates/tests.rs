//! Each gate: what it fires on, and its look-alikes, which it must spare.

use super::*;
use crate::checklist::Subject;
use crate::work::Work;
use gavel_domain::task::Brief;
use serde_json::{Value, json};

const PROSE: &str = "The committee met on Tuesday to discuss the budget. Most members wanted to spend less on travel, \
    while others asked for better training. After a long debate they agreed to cut one conference.";

fn brief(description: &str, requirements: Value) -> CompiledBrief {
    let requirements = requirements.as_object().cloned().unwrap_or_default();
    crate::compile(&Brief { description: description.into(), requirements, ..Brief::default() })
}

fn fired(brief: &CompiledBrief, full_text: &str) -> Vec<GateKind> {
    let text = Text::read(full_text);
    let found = gates(brief, &text, crate::substance::echo(brief, &text));
    for span in found.iter().flat_map(|gate| &gate.spans) {
        assert!(
            full_text.get(span.clone()).is_some_and(|quote| !quote.is_empty()),
            "{span:?} of {full_text:?}"
        );
    }
    found.into_iter().map(|gate| gate.kind).collect()
}

/// With the plain brief "Write an article about ...".
fn check(full_text: &str, expected: &[GateKind]) {
    let brief = brief("Write an article about the meeting of the committee.", json!({}));
    assert_eq!(fired(&brief, full_text), expected, "{full_text:?}");
}

#[test]
fn good_work_passes() {
    check(PROSE, &[]);
    check("42", &[]);
    check(&format!("# Meeting\n\n{PROSE}\n\n- One thing\n- Another thing"), &[]);
    check("Best regards,\nAnna", &[]);
}

#[test]
fn nothing_to_read() {
    check("", &[GateKind::Empty]);
    check(" \n ... \n", &[GateKind::Empty]);
    check("-1", &[]);
}

#[test]
fn refusals() {
    let refusal = &[GateKind::Refusal];
    check("I'm sorry, but I can't help with that request.", refusal);
    check("As an AI language model I am not able to complete this task.", refusal);
    check("Unfortunately, it is not possible to write this article for you.", refusal);
    check("I cannot provide the text you asked for.", refusal);
    check("Dear guest, we regret to inform you that we are unable to offer you a room.", &[]);
    check(&format!("{PROSE} I'm sorry to say that we can't meet again this year, she told them."), &[]);
    check("I can't help smiling when the lid comes off and the kitchen smells of mint and lemon.", &[]);
    check("I can't create silence, but I can throw a bowl that waits for it on your table.", &[]);
    let asks = brief("Tell a customer politely that we have to decline the order.", json!({}));
    assert_eq!(fired(&asks, "We are sorry, but we cannot take your order this week."), []);
}

#[test]
fn fields_and_masks_are_no_gaps() {
    let welcome = "Hi {{first_name}}, welcome to our newsletter about small gardens and large pots.";
    check(welcome, &[GateKind::Placeholder]);
    let template = brief("Write the welcome template of our newsletter with merge fields.", json!({}));
    assert_eq!(fired(&template, welcome), []);
    check("You paid the sum of forty pounds with the card XXXX XXXX XXXX 1234 on Monday.", &[]);
    check(
        "The committee met on XXXX and spoke of the roof, which is to be mended.",
        &[GateKind::Placeholder],
    );
}

#[test]
fn other_languages() {
    let spanish =
        "El informe trata de la primera mitad del a\u{f1}o y de lo que hemos aprendido en las reuniones.";
    check(spanish, &[GateKind::Language]);
    check("#include <map>\nint main() {\n  int x, y, de, la;\n  cin >> de >> la;\n  return 0;\n}", &[]);
    let asked = brief("Write an article about the meeting of the committee.", json!({"language": "es"}));
    assert_eq!(fired(&asked, spanish), []);
    assert_eq!(fired(&asked, PROSE), [GateKind::Language]);
    let unclear = brief("Informe: reuniones, Berlin", json!({}));
    assert_eq!(fired(&unclear, PROSE), []);
}

#[test]
fn the_brief_given_back() {
    let task = "Correct the mistakes in this note and keep its tone. We was very happy that the committee have met on \
        Tuesday and that it decide to spend less on travel. Send the note back within a day.";
    let brief = brief(task, json!({}));
    assert_eq!(fired(&brief, task), [GateKind::Echo]);
    assert_eq!(fired(&brief, &format!("{task}\n\n{task}")), [GateKind::Echo]);
    let corrected =
        "We were very happy that the committee met on Tuesday and that it decided to spend less on travel.";
    assert_eq!(fired(&brief, corrected), []);
}

#[test]
fn words_in_no_order() {
    check(
        "Committee the of budget on to met the discuss a Tuesday. The to wanted members the less on a and travel spend \
         most, the while better a for others the training asked. A they the long agreed conference the to after a one.",
        &[GateKind::Salad],
    );
    check(&PROSE.repeat(4), &[]);
    check("A minus is better than a B, and the A of the choir is an A.", &[]);
}

#[test]
fn promises_and_scraps() {
    check("I will write a complete article for you once selected.", &[GateKind::Stub]);
    check(
        "The final version will cover all points. Our full report will be delivered if chosen.",
        &[GateKind::Stub],
    );
    check(&format!("I will write a short article about it below.\n\n{PROSE}"), &[]);
    let long = brief("Write an article about the meeting.", json!({"word_count": 500}));
    assert_eq!(fired(&long, PROSE), [GateKind::Stub]);
    let short = brief("Write an article about the meeting.", json!({"word_count": 60}));
    assert_eq!(fired(&short, PROSE), []);
}

#[test]
fn the_same_again_and_again() {
    let block = format!("{PROSE}\n\n");
    check(&block.repeat(4), &[GateKind::Repeated]);
    check(&block.repeat(2), &[]);
    check(&format!("{PROSE}\n\n{}", "Oh, the budget, oh, the budget!\n\n".repeat(20)), &[]);
    let asked = brief("Write the note and repeat it four times.", json!({}));
    assert_eq!(fired(&asked, &block.repeat(4)), []);
}

#[test]
fn passages_left_open() {
    let open = |passage: &str| check(&format!("{PROSE} {passage} {PROSE}"), &[GateKind::Placeholder]);
    let closed = |passage: &str| check(&format!("{PROSE} {passage} {PROSE}"), &[]);
    open("TODO: the numbers.");
    open("Lorem ipsum dolor sit amet.");
    open("[Insert details here]");
    open("[describe the product]");
    open("{{content}}");
    open("The date is (TBD).");
    open("This section will be completed later.");
    open("Your text goes here.");
    closed("Dear [Name],");
    closed("[Signature of Party A]");
    closed("Insert the key and turn it.");
    closed("A placeholder keeps the seat.");
    closed("Her to-do list was long.");
    let template = brief("Fill the template {{content}} of our mailer.", json!({}));
    assert_eq!(fired(&template, &format!("{PROSE} {{{{content}}}} is filled by the mailer.")), []);
    check(&format!("{PROSE}\n```\n# TODO: more cases\n```\n{PROSE}"), &[]);
}

#[test]
fn catchwords_for_prose() {
    let outline = "# Meeting\n- Budget\n- Travel costs\n- Training\n- Next steps";
    check(outline, &[GateKind::Outline]);
    check(
        "- They met on Tuesday and spoke about money.\n- They cut one conference.\n- They hired a teacher.\n- All went home.",
        &[],
    );
    let list = brief("Write a list of topics for the meeting of the committee.", json!({}));
    assert_eq!(fired(&list, outline), []);
    let counted = brief("Write an article about the meeting.", json!({"items": 4}));
    assert_eq!(fired(&counted, outline), []);
}

#[test]
fn texts_that_break_off() {
    let cut = |end: &str| check(&format!("{PROSE} {PROSE}\n\n{end}"), &[GateKind::Truncated]);
    let whole = |end: &str| check(&format!("{PROSE} {PROSE}\n\n{end}"), &[]);
    cut("The second point was the");
    cut("They spoke of the price. It was high. Then they went on to consider the rent");
    cut("In the end all of them wanted bread, wine,");
    whole("See you soon,");
    whole("I have been here for years. So here I am");
    whole("Anna Smith, Chair of the Committee");
    whole("So the final answer is B");
    whole("- Secretary of the committee, 2004 - 2008");
    whole("More at https://example.org/budget");
    whole("#budget #travel");
    whole("```\nfor a in the\n```");
    check("Three words of the", &[]);
}

#[test]
fn demands_not_met_at_all() {
    let check = |requirements: Value, full_text: &str, expected: bool| {
        let brief = brief("Write an article about the meeting of the committee.", requirements.clone());
        let (work, text) = (Work { full_text: full_text.into(), artifacts: vec![] }, Text::read(full_text));
        let subject = Subject::new(&work, &text, &[]);
        let results = crate::verdict::checklist(&brief, &subject);
        assert_eq!(unmet(&brief, &text, &results).is_some(), expected, "{requirements} {full_text:?}");
    };
    check(json!({}), PROSE, false);
    check(json!({"word_count": {"min": 70}}), PROSE, true);
    check(json!({"word_count": {"min": 60}}), PROSE, false);
    check(json!({"max_words": 3}), PROSE, false);
    check(json!({"seo_keywords": ["harbour", "lighthouse"]}), PROSE, true);
    check(json!({"seo_keywords": ["harbour", "budget"]}), PROSE, false);
    check(json!({"seo_keywords": ["harbour"]}), PROSE, false);
    check(json!({"sections": ["Costs", "Risks"]}), PROSE, true);
    check(json!({"format": "json"}), PROSE, true);
    check(json!({"format": "json"}), "{\"met\": true}", false);
    check(json!({"format": "markdown"}), PROSE, false);
    check(json!({"forbidden_words": ["budget", "travel"]}), PROSE, false);
    check(json!({"tone": "warm", "audience": "harbour pilots"}), PROSE, false);
}

#[test]
fn caps_follow_the_order_of_the_kinds() {
    assert!(GateKind::ALL.is_sorted(), "listed in the order of the type");
    assert!(GateKind::ALL.map(GateKind::cap).is_sorted(), "the gravest first");
    assert!(GateKind::ALL.iter().all(|kind| kind.cap() < Ppm::new(600_000)), "below the line for passing");
}
