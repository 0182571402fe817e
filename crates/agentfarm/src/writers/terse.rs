//! The lazy one: as little as will pass.

use super::{Draft, changes};
use crate::brief::Brief;
use crate::writers::prose::capital;

pub(super) fn write(brief: &Brief) -> Draft {
    let mut text = format!(
        "{} is a big topic. Think about {} and you will be fine.",
        capital(&brief.subject),
        brief.points[0]
    );
    if brief.is_final {
        text.push_str(" Take your time, ask around, and do what works. It is not that hard in the end.");
    }
    text.push_str(&changes(brief, "Changed:"));
    Draft {
        summary: format!("A few words about {}.", brief.subject),
        message: "Done.".to_owned(),
        artifact: None,
        full_text: text,
    }
}
