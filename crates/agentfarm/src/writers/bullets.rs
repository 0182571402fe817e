//! The one for people in a hurry: bullet lists, and a table.

use super::{Draft, changes, greeting, title};
use crate::brief::Brief;
use crate::writers::prose::{capital, fill};

pub(super) fn write(brief: &Brief) -> Draft {
    let mut text = format!("# {}\n\nFor {}, at a glance.\n\n## Main points\n", title(brief), brief.readers());
    for (number, point) in brief.points.iter().enumerate() {
        let remark = REMARKS[(number + brief.seed()) % REMARKS.len()];
        text.push_str(&format!("\n- **{}:** {remark}", capital(point)));
    }
    if !brief.facts.is_empty() {
        text.push_str("\n\n## Given\n");
        brief.facts.iter().for_each(|fact| text.push_str(&format!("\n- {fact}")));
    }
    text.push_str("\n\n## Do next\n");
    for (number, point) in brief.points.iter().take(3).enumerate() {
        text.push_str(&format!("\n{}. {}", number + 1, fill(NEXT[number], &[('p', point)])));
    }
    if brief.is_final {
        text.push_str("\n\n## Do not\n");
        AVOID.iter().for_each(|item| {
            text.push_str(&format!("\n- {}", fill(item, &[('s', &brief.subject), ('p', &brief.points[0])])));
        });
    }
    text.push_str(&changes(brief, "## Changed"));
    Draft {
        summary: format!(
            "{} points about {} as a list, with what to do next.",
            brief.points.len(),
            brief.subject
        ),
        message: format!("{}everything on one screen; the table has the same points.", greeting(brief)),
        artifact: Some(("csv", "points.csv", table(brief))),
        full_text: text,
    }
}

/// The points with their rank, quoted as CSV wants it.
fn table(brief: &Brief) -> String {
    let rows = brief.points.iter().enumerate();
    let row =
        |(number, point): (usize, &String)| format!("{},\"{}\"\n", number + 1, point.replace('"', "\"\""));
    std::iter::once("rank,point\n".to_owned()).chain(rows.map(row)).collect()
}

const REMARKS: [&str; 8] = [
    "settle this first, the rest depends on it.",
    "small, but it is what people notice.",
    "one page of notes is enough.",
    "ask the people who deal with it every day.",
    "simple to start, worth a second look after a week.",
    "measure it once before you change it.",
    "leave it to one person.",
    "good enough is fine here.",
];
const NEXT: [&str; 3] = [
    "Write down in one line what you want from {p}.",
    "Pick a day this week for {p}.",
    "Tell one other person what you plan for {p}.",
];
const AVOID: [&str; 3] = [
    "Do not start everything about {s} in the same week.",
    "Do not hand on {p} without notes.",
    "Do not skip the review after two weeks.",
];
