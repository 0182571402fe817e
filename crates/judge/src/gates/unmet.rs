//! A demand of the brief that is not met at all: what is half met costs points, not the cap.

use crate::brief::CompiledBrief;
use crate::checklist::{Check, ChecklistItem, TextFormat};
use crate::text::Text;
use crate::verdict::ItemResult;
use gavel_domain::Ppm;

/// The least a work must have of the words that were asked for, in percent.
const WORDS_PERCENT: u64 = 50;
/// One missing term may be an oversight of either side; a whole list is not.
const TERMS_MIN: usize = 2;

/// Whether the work leaves a demand wholly unmet.
pub(super) fn leaves_unmet(brief: &CompiledBrief, text: &Text<'_>, results: &[ItemResult]) -> bool {
    let short = brief.words.is_some_and(|asked| (text.words.len() as u64) * 100 < asked.min * WORDS_PERCENT);
    short || other_form(brief, results) || lists(brief).any(|list| misses_all(&list, brief, results))
}

/// Data in another form than the one that was asked for cannot be used.
fn other_form(brief: &CompiledBrief, results: &[ItemResult]) -> bool {
    let data = |item: &ChecklistItem| {
        matches!(item.check, Check::Format { format: TextFormat::Json | TextFormat::Csv | TextFormat::Table })
    };
    brief.checklist().iter().zip(results).any(|(item, result)| data(item) && result.value == Ppm::ZERO)
}

/// The fields of the brief that list terms.
fn lists(brief: &CompiledBrief) -> impl Iterator<Item = String> + '_ {
    let mut fields: Vec<String> =
        brief.checklist().iter().filter(|item| is_term(item)).map(|item| item.source.clone()).collect();
    fields.dedup();
    fields.into_iter()
}

fn is_term(item: &ChecklistItem) -> bool {
    matches!(item.check, Check::Keyword { .. } | Check::Include { .. } | Check::Section { .. })
}

fn misses_all(list: &str, brief: &CompiledBrief, results: &[ItemResult]) -> bool {
    let mut of_list = brief
        .checklist()
        .iter()
        .zip(results)
        .filter(|(item, _)| is_term(item) && item.source == list)
        .map(|(_, result)| result.value);
    let (count, met) =
        of_list.by_ref().fold((0, 0), |(n, met), value| (n + 1, met + usize::from(value > Ppm::ZERO)));
    count >= TERMS_MIN && met == 0
}
