//! The five dimensions: each a weighted mean of parts, every part a piece of evidence.

use crate::accuracy::{self, Sums};
use crate::brief::CompiledBrief;
use crate::checklist::{Subject, share};
use crate::evidence::{Evidence, EvidenceKind, Measured};
use crate::format;
use crate::quality::{boilerplate, repetition, sentence_length, specifics, spelling};
use crate::substance;
use crate::text::{Role, Text};
use crate::verdict::ItemResult;
use gavel_domain::Ppm;
use gavel_domain::score::Dimension;
use std::ops::Range;

/// A dimension before the spans are led back to the original.
#[derive(Debug)]
pub(crate) struct Scored {
    pub(crate) value: Ppm,
    pub(crate) evidence: Vec<Evidence>,
}

/// One part of a dimension.
struct Part {
    check_id: String,
    weight: u64,
    value: Ppm,
    kind: EvidenceKind,
    measured: Measured,
    span: Option<Range<usize>>,
    text: String,
}

impl Part {
    /// A number taken from the work; `{}` in the text stands for it.
    fn metric(check_id: &str, weight: u64, value: Ppm, measured: usize, text: &str) -> Self {
        Self {
            check_id: check_id.to_owned(),
            weight,
            value,
            kind: EvidenceKind::Metric,
            measured: Measured::Count(measured),
            span: None,
            text: text.replace("{}", &measured.to_string()),
        }
    }
}

/// The share of a dimension that can be measured for a task. It depends on the brief alone: were it to depend on the
/// work, the composites of two bids could not be compared.
pub(crate) fn coverage(brief: &CompiledBrief, dimension: Dimension) -> Ppm {
    let asked = brief.weight_of(dimension);
    Ppm::new(match dimension {
        Dimension::TaskCompletion => 600_000 + u32::try_from(asked.min(3_000)).unwrap_or(0) * 100,
        // Without hidden checks there is no source to compare with.
        Dimension::FactualAccuracy => 200_000 + u32::try_from(asked.min(3_000)).unwrap_or(0) * 200,
        Dimension::OutputQuality => 600_000,
        Dimension::FormatCompliance if asked > 0 => 800_000,
        Dimension::FormatCompliance => 200_000,
        Dimension::Originality => 300_000,
    })
}

/// What the dimensions are made from.
pub(crate) struct Measures<'a> {
    brief: &'a CompiledBrief,
    subject: &'a Subject<'a>,
    items: &'a [ItemResult],
    substance: Ppm,
    index_milli: usize,
    echo: Ppm,
}

impl<'a> Measures<'a> {
    pub(crate) fn new(
        brief: &'a CompiledBrief,
        subject: &'a Subject<'a>,
        items: &'a [ItemResult],
        echo: Ppm,
    ) -> Self {
        let index = substance::features(brief, subject.text).index();
        let substance = substance::value(brief, index);
        // Never negative and far below the range of an integer.
        let index_milli = (index * 1000.0) as usize;
        Self { brief, subject, items, substance, index_milli, echo }
    }

    /// Scores one dimension.
    pub(crate) fn score(&self, dimension: Dimension) -> Scored {
        let mut parts = self.checked(dimension);
        parts.extend(match dimension {
            Dimension::TaskCompletion => self.completion(),
            Dimension::FactualAccuracy => vec![self.accuracy()],
            Dimension::OutputQuality => self.quality(),
            Dimension::FormatCompliance => self.format(),
            Dimension::Originality => self.originality(),
        });
        mean(parts)
    }

    /// The checklist items and hidden checks that count in a dimension.
    fn checked(&self, dimension: Dimension) -> Vec<Part> {
        let listed = self.brief.checklist().iter().map(|i| (i.dimension(), i.weight_milli, &i.text));
        let hidden = self.brief.hidden().iter().map(|c| (c.dimension, c.weight_milli, &c.text));
        let of_it = listed.chain(hidden).zip(self.items).filter(|((of, ..), _)| *of == dimension);
        let part = |((_, weight, text), result): ((_, u32, &String), &ItemResult)| Part {
            check_id: result.id.clone(),
            weight: u64::from(weight),
            value: result.value,
            kind: EvidenceKind::Rule,
            measured: result.measured.clone(),
            span: result.span.clone(),
            text: text.clone(),
        };
        of_it.map(part).collect()
    }

    fn completion(&self) -> Vec<Part> {
        let covered = substance::coverage(self.brief, self.subject.text);
        vec![
            Part::metric(
                "substance",
                2_400,
                self.substance,
                self.index_milli,
                &format!("substance beyond the brief: {} of 100", hundredths(self.substance)),
            ),
            Part::metric(
                "brief_coverage",
                600,
                covered,
                (covered.get() / 10_000) as usize,
                "speaks of {} % of what the brief speaks of",
            ),
        ]
    }

    fn accuracy(&self) -> Part {
        let Sums { checked, wrong } = accuracy::sums(self.subject.text.source);
        let lost = u32::try_from(wrong.len()).unwrap_or(4).min(4) * 100_000;
        let text = match (checked, wrong.len()) {
            (0, _) => "nothing that can be checked without a source: the same value for every bid".to_owned(),
            (_, wrong) => format!("{wrong} of {checked} sums written out are wrong"),
        };
        Part {
            span: wrong.first().cloned(),
            text,
            ..Part::metric("sums", 1, Ppm::new(NEUTRAL_ACCURACY - lost), wrong.len(), "")
        }
    }

    fn quality(&self) -> Vec<Part> {
        let text = self.subject.text;
        let (spelled, strange) = spelling(self.brief, text);
        let (fresh, repeated) = repetition(text);
        let (readable, length) = sentence_length(text);
        vec![
            Part::metric(
                "richness",
                400,
                self.substance,
                self.index_milli,
                &format!("richness and layout: {} of 100", hundredths(self.substance)),
            ),
            Part::metric(
                "spelling",
                350,
                spelled,
                strange,
                "{} slips: words in no list, stray blanks, sentences that begin small",
            ),
            Part::metric("repetition", 200, fresh, repeated, "{} words in repeated sentences"),
            Part::metric("sentences", 150, readable, length, "{} words in the middle sentence"),
        ]
    }

    fn format(&self) -> Vec<Part> {
        let (text, work) = (self.subject.text, self.subject.work);
        let sound = work.artifacts.iter().filter(|artifact| format::is_sound(artifact)).count();
        let fences = text.count(Role::Fence) % 2;
        let (laid_out, per_paragraph) = layout(text);
        let mut parts = vec![
            Part::metric("layout", 600, laid_out, per_paragraph, "{} words per paragraph or list item"),
            Part::metric("code_blocks", 200, share(1 - fences, 1), fences, "{} code blocks left open"),
        ];
        if !work.artifacts.is_empty() {
            parts.push(Part::metric(
                "files",
                600,
                share(sound, work.artifacts.len()),
                sound,
                "{} files are what their kind says",
            ));
        }
        parts
    }

    fn originality(&self) -> Vec<Part> {
        let text = self.subject.text;
        let own = Ppm::new(1_000_000 - self.echo.get());
        let (plain, stock) = boilerplate(text);
        let (specific, found) = specifics(text);
        vec![
            Part::metric(
                "own_words",
                500,
                own,
                (self.echo.get() / 10_000) as usize,
                "{} % is taken from the brief",
            ),
            Part::metric("stock_phrases", 300, plain, stock, "{} stock phrases"),
            Part::metric("specifics", 200, specific, found, "{} names and numbers"),
        ]
    }
}

/// A value on the scale people use.
fn hundredths(value: Ppm) -> u32 {
    value.get() / 10_000
}

/// Accuracy of a work in which nothing can be checked.
const NEUTRAL_ACCURACY: u32 = 700_000;
/// More words than this without a break are hard to read.
const PARAGRAPH_WORDS_MAX: usize = 160;

fn layout(text: &Text<'_>) -> (Ppm, usize) {
    let blocks = text.distinct_paragraphs() + text.distinct_items();
    let per_block = text.words.len() / blocks.max(1);
    (
        if text.words.is_empty() {
            Ppm::ZERO
        } else {
            share(PARAGRAPH_WORDS_MAX, per_block.max(PARAGRAPH_WORDS_MAX))
        },
        per_block,
    )
}

/// The weighted mean. The effects of the evidence add up to the value, but for rounding.
fn mean(parts: Vec<Part>) -> Scored {
    let total: u64 = parts.iter().map(|part| part.weight).sum::<u64>().max(1);
    let sum: u64 = parts.iter().map(|part| part.weight * u64::from(part.value.get())).sum();
    let value = Ppm::new(u32::try_from(sum / total).unwrap_or(0));
    let share = |weight: u64, value: Ppm| {
        Ppm::new(u32::try_from(weight * u64::from(value.get()) / total).unwrap_or(0))
    };
    let evidence = parts.into_iter().map(|part| Evidence {
        effect: share(part.weight, part.value),
        possible: share(part.weight, Ppm::ONE),
        check_id: part.check_id,
        kind: part.kind,
        span: part.span,
        measured: part.measured,
        text: part.text,
    });
    Scored { value, evidence: evidence.collect() }
}

#[cfg(test)]
mod tests;
