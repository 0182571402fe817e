//! The short one: a single page.

use super::{Draft, changes, greeting, title};
use crate::brief::Brief;
use crate::writers::prose::listed;

pub(super) fn write(brief: &Brief) -> Draft {
    let main = listed(&brief.points[..brief.points.len().min(4)]);
    let mut text = format!(
        "# {} in brief\n\nWhoever looks into {} meets the same few matters again: {main}. The rest can wait until \
         these are clear.",
        title(brief),
        brief.subject
    );
    if !brief.facts.is_empty() {
        text.push_str(&format!("\n\nThe starting point is known. {}", brief.facts.join(" ")));
    }
    text.push_str(&format!(
        "\n\nFor {}, the sensible order is to look first, to choose second, and to act third. Looking takes a day, \
         choosing an hour, and acting as long as the choice demands. Of all the matters above, {} deserves the first \
         day.",
        brief.readers(),
        brief.points[0]
    ));
    if brief.is_final {
        let last = brief.points.last().unwrap_or(&brief.subject);
        text.push_str(&format!(
            "\n\nOne caution belongs here. It is tempting to begin with {last}, because it promises a quick result; \
             the result lasts only when the ground has been prepared. Take it up in the second week and compare what \
             you find with the notes of the first."
        ));
    }
    text.push_str(&changes(brief, "## Since the last version"));
    Draft {
        summary: format!("The essentials of {} on one page: {main}.", brief.subject),
        message: format!("{}this is the short version, on purpose.", greeting(brief)),
        artifact: None,
        full_text: text,
    }
}
