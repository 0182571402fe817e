//! The orderly one: numbered steps, each with a test of success.

use super::{Draft, changes, greeting, title};
use crate::brief::Brief;
use crate::writers::prose::{capital, fill, listed};

/// Steps in a prototype and in a final version; more would not be followed.
const STEPS_MAX: [usize; 2] = [5, 7];

pub(super) fn write(brief: &Brief) -> Draft {
    let steps = &brief.points[..brief.points.len().min(STEPS_MAX[usize::from(brief.is_final)])];
    let mut text = format!(
        "# {}, step by step\n\nThese instructions are for {} and need no earlier experience. Follow the steps in \
         order, and do not start a step before the one above it has passed its test.\n\n## Before you start\n\n- Keep \
         a page free for notes about {}.\n- Set aside {} minutes, about 15 for each step.",
        title(brief),
        brief.readers(),
        brief.subject,
        steps.len() * 15
    );
    for (number, point) in steps.iter().enumerate() {
        text.push_str(&step(brief, number, point));
    }
    text.push_str(&format!(
        "\n\n## You are done when\n\n- Every step has passed its test.\n- You can explain {} to somebody else in one \
         minute.",
        steps.last().map_or(brief.subject.as_str(), String::as_str)
    ));
    text.push_str(&changes(brief, "## Changes since the last version"));
    Draft {
        summary: format!("{} numbered steps on {}, each with a test of success.", steps.len(), listed(steps)),
        message: format!("{}follow it from the top; each step says when it is done.", greeting(brief)),
        artifact: None,
        full_text: text,
    }
}

fn step(brief: &Brief, number: usize, point: &str) -> String {
    let places = [('p', point)];
    let at = number + brief.seed();
    let action = fill(ACTIONS[at % ACTIONS.len()], &places);
    let test = fill(TESTS[at % TESTS.len()], &places);
    let mut text = format!("\n\n## Step {}: {}\n\n{action}\n\n**Test:** {test}", number + 1, capital(point));
    if let Some(fact) = brief.facts.get(number) {
        text.push_str(&format!("\n\n**Keep in mind:** {fact}"));
    }
    if brief.is_final {
        text.push_str(&format!("\n\n**If it fails:** {}", fill(REMEDIES[at % REMEDIES.len()], &places)));
    }
    text
}

const ACTIONS: [&str; 7] = [
    "Look at {p} as it is today and write down what you find in three short lines. Do not repair anything yet.",
    "Choose one small case of {p} and work on it until nothing is left to do. Ignore all the others for now.",
    "Write a rule for {p} that fits on one line. Show it to one other person and ask for an example that breaks it.",
    "Remove whatever around {p} has no use any more. What remains is easier to see and quicker to change.",
    "Agree on who decides about {p}. Two people may advise, but only one decides.",
    "Try out {p} under ordinary conditions, on an ordinary day. Note the time when you start and when you finish.",
    "Compare what you have for {p} with what you wanted at the start. Mark each difference as wanted or unwanted.",
];
const TESTS: [&str; 5] = [
    "somebody who was not there can repeat what you did about {p} from your notes.",
    "you can say in one sentence what is different now.",
    "the result is still the same when you look at it again the next morning.",
    "no question about {p} is left that would stop the next step.",
    "at least one thing has become simpler, and you can name it.",
];
const REMEDIES: [&str; 4] = [
    "Make the step smaller. Half of {p} done well is a better base than all of it done in a hurry.",
    "Go back one step and check its test again; it was most likely passed too early.",
    "Ask somebody to watch you do it. They will see in a minute what you no longer notice.",
    "Leave it for a day. If it still fails tomorrow, change the order of this step and the next one.",
];
