//! The thorough one: an article that keeps to its length.

use super::{Draft, changes, greeting, title};
use crate::brief::Brief;
use crate::writers::prose::{capital, count, fill, listed};

/// Lengths this writer can keep to.
const WORDS: std::ops::RangeInclusive<usize> = 80..=2_400;
/// Length of a prototype and of a final version when the buyer names none.
const OWN_WORDS: [usize; 2] = [560, 850];
/// Words a point needs before it deserves a heading of its own.
const SECTION_WORDS: usize = 85;
/// Below this length there is no room for numbers and a checklist.
const FULL_PLAN_WORDS: usize = 320;
/// Minutes for a first pass over one point; the numbers section reckons with it.
const MINUTES_PER_POINT: usize = 20;

pub(super) fn write(brief: &Brief) -> Draft {
    let text = article(brief);
    let covered = listed(&brief.points[..brief.points.len().min(3)]);
    Draft {
        summary: format!(
            "A complete article about {} for {}, with sections on {covered}.",
            brief.subject,
            brief.readers()
        ),
        message: format!(
            "{}this article has {} words{} and can be read section by section.",
            greeting(brief),
            count(&text),
            if brief.word_count.is_some_and(|asked| asked > *WORDS.end()) {
                ", the most I write,"
            } else {
                ""
            }
        ),
        artifact: brief.is_final.then(|| ("markdown", "article.md", text.clone())),
        full_text: text,
    }
}

fn article(brief: &Brief) -> String {
    let wanted =
        brief.words_wanted(OWN_WORDS[usize::from(brief.is_final)]).clamp(*WORDS.start(), *WORDS.end());
    // A prototype leaves a little room for what the final version adds.
    let wanted = if brief.is_final || brief.word_count.is_none() { wanted } else { wanted * 92 / 100 };
    let with_plan = wanted >= FULL_PLAN_WORDS;
    let front = format!("# {}\n\n{}", title(brief), opening(brief, wanted));
    let mut back = if with_plan { plan(brief) } else { String::new() };
    back.push_str(&closing(brief, wanted));
    back.push_str(&changes(brief, "## What changed in this version"));
    let room = wanted.saturating_sub(count(&front) + count(&back));
    format!("{front}{}{back}", sections(brief, room))
}

fn opening(brief: &Brief, wanted: usize) -> String {
    let covered = listed(&brief.points[..brief.points.len().min(4)]);
    let places = [('s', brief.subject.as_str()), ('a', brief.readers()), ('c', &covered)];
    let tone = brief.tone.as_deref().unwrap_or_default();
    let relaxed =
        ["friendly", "casual", "conversational", "warm", "playful"].iter().any(|t| tone.contains(t));
    let first = if relaxed { RELAXED_OPENING } else { SOBER_OPENING };
    let mut sentences: Vec<String> = first.iter().map(|sentence| fill(sentence, &places)).collect();
    if wanted < 200 {
        sentences.truncate(1);
    }
    let facts = brief.facts.iter().take(wanted / 150).cloned();
    sentences.extend(facts);
    sentences.join(" ")
}

/// Sections that together have about `room` words; each point has its share.
fn sections(brief: &Brief, room: usize) -> String {
    let parts = (room / SECTION_WORDS).clamp(1, brief.points.len());
    let mut text = String::new();
    for (number, point) in brief.points.iter().take(parts).enumerate() {
        let until = room * (number + 1) / parts;
        text.push_str(&format!("\n\n## {}", capital(point)));
        for paragraph in paragraphs(brief, point, number) {
            let left = until.saturating_sub(count(&text));
            let kept = as_far_as_fits(&paragraph, left);
            text.extend((!kept.is_empty()).then(|| format!("\n\n{}", kept.join(" "))));
            if kept.len() < paragraph.len() {
                break;
            }
        }
    }
    text
}

/// Its first sentences, to within half a sentence of the mark; a lone sentence is no paragraph.
fn as_far_as_fits(paragraph: &[String], words: usize) -> &[String] {
    let mut so_far = 0;
    let fit = paragraph.iter().take_while(|sentence| {
        let own = count(sentence);
        so_far += own;
        so_far <= words + own / 2
    });
    match fit.count() {
        1 => &[],
        sentences => &paragraph[..sentences],
    }
}

/// All this writer can say about a point, beginning elsewhere for each point.
fn paragraphs(brief: &Brief, point: &str, number: usize) -> Vec<Vec<String>> {
    let places = [('p', point), ('s', brief.subject.as_str()), ('a', brief.readers())];
    let variants = ANGLES[0].len();
    let order = (0..variants).flat_map(|round| (0..ANGLES.len()).map(move |step| (round, step)));
    order
        .map(|(round, step)| {
            let angle = ANGLES[(number + step) % ANGLES.len()];
            let sentences = angle[(brief.seed() + number + round) % variants];
            sentences.iter().map(|sentence| fill(sentence, &places)).collect()
        })
        .collect()
}

/// Numbers that add up, and a checklist.
fn plan(brief: &Brief) -> String {
    let parts = brief.points.len();
    let (first, again) = (parts * MINUTES_PER_POINT, parts * MINUTES_PER_POINT / 2);
    let mut text = format!(
        "\n\n## The effort in numbers\n\nPlan {MINUTES_PER_POINT} minutes for each of the {parts} points of this \
         article, which makes {first} minutes for the first pass. A second pass two weeks later takes half of that, \
         {again} minutes. Both together come to {} minutes.\n\n## Checklist\n",
        first + again
    );
    for (number, point) in brief.points.iter().enumerate() {
        let item = CHECKS[(number + brief.seed()) % CHECKS.len()];
        text.push_str(&format!("\n- {}", fill(item, &[('p', point)])));
    }
    text
}

fn closing(brief: &Brief, wanted: usize) -> String {
    let places = [('s', brief.subject.as_str()), ('a', brief.readers()), ('p', brief.points[0].as_str())];
    let kept = if wanted < 200 { 1 } else { CLOSING.len() };
    let sentences: Vec<String> = CLOSING.iter().take(kept).map(|sentence| fill(sentence, &places)).collect();
    format!("\n\n## Conclusion\n\n{}", sentences.join(" "))
}

const SOBER_OPENING: [&str; 3] = [
    "This article is about {s}, and it is written for {a}.",
    "It takes up {c}, in the order in which the questions usually arise.",
    "Each section can be read by itself, and each ends in something that can be done the same day.",
];
const RELAXED_OPENING: [&str; 3] = [
    "If you have been wondering about {s}, you are in the right place, and so are {a}.",
    "We will walk through {c}, one thing at a time and without hurry.",
    "Take what you need today and come back for the rest.",
];
const CLOSING: [&str; 3] = [
    "Nothing here asks for a large beginning: start with {p} and finish that before you go on.",
    "Once the first result can be seen, the other points follow with far less effort.",
    "That is how {a} get from reading about {s} to having it settled.",
];
const CHECKS: [&str; 5] = [
    "One person is named who looks after {p}.",
    "There is a date for the first look at {p}.",
    "The present state of {p} is written down in two lines.",
    "Everybody concerned knows what was decided about {p}.",
    "The result of the work on {p} can be shown to somebody else.",
];

/// Six ways to look at a point, three paragraphs each.
const ANGLES: [[&[&str]; 3]; 6] = [
    // why it matters
    [
        &[
            "Much of what goes wrong with {s} can be traced back to {p}.",
            "It looks like a detail at first, and details are put off until changing them is slow and costly.",
            "When it is settled early, later choices become smaller and can be made by anybody.",
            "That is why it belongs near the start of the work.",
        ],
        &[
            "There is a simple reason to spend time on {p}: other decisions lean on it.",
            "A weak choice here is felt in every later step, while a sound one is hardly noticed.",
            "For {a}, the quiet outcome is the better one.",
            "Treat the effort as something that is paid once and used many times.",
        ],
        &[
            "Ask ten people about {s} and several will bring up {p} before anything else.",
            "They do so because they remember what it cost them to leave it for later.",
            "The lesson carries over: a small amount of attention now replaces a large repair afterwards.",
            "No special knowledge is needed for this, only the decision to look.",
        ],
    ],
    // how to begin
    [
        &[
            "Begin with what is already there.",
            "Write down in two or three lines how things stand with {p} today, without judging it.",
            "Then mark the one line that causes the most trouble, because that is where the first hour is best spent.",
            "Leave everything else alone until that line has changed.",
        ],
        &[
            "A good first step for {p} fits into a single afternoon.",
            "Choose one case that is small, real and of some use, and carry it through to the end.",
            "A finished small case teaches more than a large plan, since it shows what had been overlooked.",
            "Keep notes while you work; they become the instructions for the next person.",
        ],
        &[
            "Set a limit before you turn to {p}: one page, one hour, or one decision.",
            "Limits keep {a} from collecting material instead of choosing.",
            "When the limit is reached, take the best option on the table and write down why.",
            "The reason matters later, when somebody asks whether the choice still holds.",
        ],
    ],
    // an example
    [
        &[
            "Picture a group of four who meet for the first time to talk about {p}.",
            "Two of them have tried something before, and two have only heard of it.",
            "They agree to test one idea for ten working days and to compare notes on the eleventh.",
            "By then they have evidence of their own, and the talk turns from opinions to results.",
        ],
        &[
            "An example makes this clearer.",
            "Suppose that {p} takes up three hours of a week, and that one of these hours is repetition.",
            "Removing that hour saves about fifty hours in a year of fifty working weeks.",
            "Few other changes around {s} give so much back for so little.",
        ],
        &[
            "Compare two ways of handling {p}.",
            "In the first, everybody does what seems right on the day, and the results differ each time.",
            "In the second, there is a short agreement that fits on a card, and exceptions are discussed once a month.",
            "The second way is not more work; the work is only done at a better moment.",
        ],
    ],
    // mistakes
    [
        &[
            "The most common mistake with {p} is to copy what worked for somebody else.",
            "Their situation had other limits, other people and another past.",
            "Take over the question they asked, and find the answer for your own case.",
            "A short trial shows quickly whether the answer holds.",
        ],
        &[
            "Two mistakes come up again and again.",
            "The first is to make {p} perfect before anybody has used it; the second is never to look at it again.",
            "Both are avoided by a fixed date for a review, set on the day the work begins.",
            "If nothing needs to change on that date, the review is over in five minutes.",
        ],
        &[
            "Be careful with advice about {p} that has no conditions attached.",
            "What helps beginners can hold back people with experience, and the other way round.",
            "Ask when the advice would be wrong; a good source can tell you at once.",
            "For {a}, that one question sorts useful guidance from noise.",
        ],
    ],
    // how to know it works
    [
        &[
            "Decide in advance how you will know that the work on {p} has paid off.",
            "One number is enough, as long as it can be read every week and nobody has to argue about it.",
            "Note its value today, then again after two weeks and after six.",
            "If it has not moved by the third reading, change the approach and keep the measure.",
        ],
        &[
            "Progress with {p} shows itself in small signs before it shows in figures.",
            "Questions become more precise, the same error no longer comes back, and fewer people have to be asked.",
            "Write such signs down, for they are quickly forgotten.",
            "After a month they tell a story that any newcomer can follow.",
        ],
        &[
            "A fair test for {p} is to let somebody else try it.",
            "Give them the notes, stay silent, and watch where they stop.",
            "Each stop is a sentence that is missing from the notes, and adding it takes a minute.",
            "Three such tests are usually enough.",
        ],
    ],
    // cost and upkeep
    [
        &[
            "It would be wrong to call {p} free of cost.",
            "It takes attention, and attention spent here is missing elsewhere.",
            "Put a ceiling on it, say half a day in each month, and stop when the ceiling is reached.",
            "With a ceiling in place, the subject stays useful instead of becoming a hobby.",
        ],
        &[
            "What has been settled about {p} will need care from time to time.",
            "People leave, tools change, and what {a} expect grows.",
            "A note in the calendar every three months keeps the gap between paper and practice small.",
            "The person who does the review should not be the one who wrote the rules.",
        ],
        &[
            "Think about the way back before you go far with {p}.",
            "A step that can be undone within a day may be taken lightly; one that cannot deserves a second opinion.",
            "Sort the open decisions into these two heaps, and most of them turn out to be light.",
            "The few heavy ones can then have the time they need.",
        ],
    ],
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keeps_to_its_length() {
        let check = |wanted: usize, mode: &str, topics: &[&str]| {
            let call = json!({
                "title": "A guide to composting at home", "mode": mode,
                "description": if topics.is_empty() { "Composting." } else { "Write for people with small gardens." },
                "requirements": { "word_count": wanted, "topics": topics },
            });
            let brief = Brief::read(call.to_string().as_bytes()).unwrap();
            let words = count(&write(&brief).full_text);
            assert!(words.abs_diff(wanted) * 4 <= wanted, "{words} words for {wanted} in {mode} mode");
        };
        let topics = [
            "kitchen scraps",
            "worms",
            "smells",
            "when compost is ready",
            "tools",
            "winter",
            "space",
            "pests",
        ];
        for mode in ["prototype", "final"] {
            for wanted in [100, 150, 200, 300, 350, 400, 600, 800, 1000, 1500, 2000, 2400] {
                for few in [0, 1, 3, 8] {
                    check(wanted, mode, &topics[..few]);
                }
            }
        }
    }

    #[test]
    fn the_tone_is_heard() {
        let opening_in = |tone: &str| {
            let call = json!({ "title": "Composting", "requirements": { "tone": tone } });
            opening(&Brief::read(call.to_string().as_bytes()).unwrap(), 500)
        };
        assert_ne!(opening_in("warm and friendly"), opening_in("formal"));
    }
}
