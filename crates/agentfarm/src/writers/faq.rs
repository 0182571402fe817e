//! The one that answers questions.

use super::{Draft, changes, greeting, title};
use crate::brief::Brief;
use crate::writers::prose::{fill, listed};

/// Questions in a prototype and in a final version.
const QUESTIONS_MAX: [usize; 2] = [5, 8];

pub(super) fn write(brief: &Brief) -> Draft {
    let wanted = QUESTIONS_MAX[usize::from(brief.is_final)];
    let points = &brief.points[..brief.points.len().min(wanted)];
    let mut text = format!(
        "# {}: questions and answers\n\nHere are the questions that {} ask most often about {}, with short answers.",
        title(brief),
        brief.readers(),
        brief.subject
    );
    for number in 0..wanted {
        // With few points, each is asked about more than once, and never twice the same.
        let (question, answer, more) = PAIRS[(number + brief.seed()) % PAIRS.len()];
        let places = [('p', points[number % points.len()].as_str()), ('a', brief.readers())];
        text.push_str(&format!("\n\n### {}\n\n{}", fill(question, &places), fill(answer, &places)));
        if brief.is_final {
            text.push_str(&format!(" {}", fill(more, &places)));
        }
    }
    if !brief.facts.is_empty() {
        text.push_str(&format!("\n\n### What is certain already?\n\n{}", brief.facts.join(" ")));
    }
    text.push_str(&changes(brief, "### What is new in this version?"));
    Draft {
        summary: format!("{wanted} questions and answers about {}.", listed(&points[..points.len().min(3)])),
        message: format!("{}your readers' questions are answered one by one.", greeting(brief)),
        artifact: None,
        full_text: text,
    }
}

/// Question, answer, and what the final version adds.
const PAIRS: [(&str, &str, &str); 8] = [
    (
        "Where should one begin with {p}?",
        "Begin with the part that can be finished today. A finished part gives you something to show and to correct.",
        "Once it stands, plan the next part with what you have learned.",
    ),
    (
        "How much time does one need for {p}?",
        "An hour is enough to see how things stand. Changing them takes longer, usually a few days spread over two weeks.",
        "It helps to put those days in the calendar at once.",
    ),
    (
        "What is the most frequent error with {p}?",
        "To wait for the perfect moment. Things rarely look better later, and the questions stay the same.",
        "A rough start on Monday is worth more than a fine plan on Friday.",
    ),
    (
        "Do {a} need help with {p}?",
        "Not at the start. Help is useful when the same difficulty has come back three times.",
        "Then bring the three cases along; they shorten the conversation.",
    ),
    (
        "How does one recognise good work on {p}?",
        "It can be explained in a minute and repeated by somebody else. If either is missing, something is still hidden.",
        "Try it on a colleague who has never heard of it.",
    ),
    (
        "What may be left out with {p}?",
        "Anything that nobody has asked for within a month. Put it aside rather than throwing it away.",
        "After another month of silence it can go for good.",
    ),
    (
        "Who should decide about {p}?",
        "One person, named in advance, after hearing the others. Shared decisions are slow to make and hard to correct.",
        "Write the name where everybody can see it.",
    ),
    (
        "When is it time to return to {p}?",
        "When the numbers or the people change, and at least every three months. The visit can be brief.",
        "Note the date of each visit, so that the next one can be compared with it.",
    ),
];
