//! What the judge says of one work, as stored and shown.

use crate::brief::CompiledBrief;
use crate::canonical::Canonical;
use crate::checklist::Subject;
use crate::dimensions::{Measures, coverage};
use crate::evidence::{Evidence, Measured, ppm};
use crate::gates::{Gate, essential, gates, unmet};
use crate::hidden::{Reading, sources};
use crate::limits::CANNOT_MEASURE;
use crate::substance;
use crate::text::Text;
use crate::work::Work;
use gavel_domain::Ppm;
use gavel_domain::score::{Dimension, Origin, Rubric};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Range;

/// The name and version of this judge. Scores of different versions are not to be compared.
pub const JUDGE: &str = "embedded-1";
/// The version of the stored document.
const DOCUMENT: u32 = 1;

/// What the judge says of one work. Scores are shares of 1, spans bytes of `full_text` as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The version of this document.
    pub version: u32,
    /// Who judged.
    pub judge: String,
    /// The five dimensions by name.
    pub dimensions: BTreeMap<String, DimensionScore>,
    /// The weighted mean of the dimensions, each weighted with its coverage too, after the gates.
    #[serde(with = "ppm")]
    pub composite: Ppm,
    /// The composite before the gates.
    #[serde(with = "ppm")]
    pub ungated: Ppm,
    /// The share of the rubric that could be measured: the same for all bids of a task.
    #[serde(with = "ppm")]
    pub confidence: Ppm,
    /// Whether the weights were published for the category or are ours.
    pub weights_origin: Origin,
    /// Faults that cap the composite.
    pub gates: Vec<Gate>,
    /// What was noticed without being scored.
    pub flags: Vec<Flag>,
    /// How the work meets each item of the checklist, in its order, then each hidden check.
    pub checklist: Vec<ItemResult>,
    /// What this judge cannot measure.
    pub cannot_measure: Vec<String>,
    /// SHA-256 (hex) of brief, work, weights and judge: equal inputs give equal verdicts.
    pub input_hash: String,
}

/// One dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DimensionScore {
    /// How good.
    #[serde(with = "ppm")]
    pub value: Ppm,
    /// The share of the dimension that could be measured: the same for all bids of a task.
    #[serde(with = "ppm")]
    pub coverage: Ppm,
    /// How much the dimension counts in this category, in basis points.
    pub weight: u16,
    /// What the value rests on.
    pub evidence: Vec<Evidence>,
}

/// How the work meets one item of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemResult {
    /// The item.
    pub id: String,
    /// From not at all to fully.
    #[serde(with = "ppm")]
    pub value: Ppm,
    /// What was found.
    pub measured: Measured,
    /// Where.
    pub span: Option<Range<usize>>,
}

/// Something noticed without being scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// What.
    pub kind: FlagKind,
    /// How often.
    pub count: usize,
    /// The first few places.
    pub spans: Vec<Range<usize>>,
}

/// What may be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagKind {
    /// Comments, elements or broken-up words no reader sees as such; cut out before anything was measured.
    HiddenText,
    /// Characters that leave no mark; cut out before anything was measured.
    InvisibleCharacters,
}

/// Judges one work. Pure: equal inputs give equal bytes. Linear in the length of the work.
pub fn judge(brief: &CompiledBrief, work: &Work, rubric: &Rubric) -> Verdict {
    let canonical = Canonical::of(&work.full_text);
    let text = Text::read(&canonical.text);
    let echo = substance::echo(brief, &text);
    let faults = gates(brief, &text, echo);
    let subject = Subject::new(work, &text, &faults);
    let items = checklist(brief, &subject);
    let hidden = hidden(brief, &subject);
    let after = unmet(brief, &text, &items).into_iter().chain(essential(brief, &hidden));
    let mut gates: Vec<Gate> = faults.iter().cloned().chain(after).collect();
    gates.sort_by_key(|gate| gate.kind);
    let items = [items, hidden].concat();
    let measures = Measures::new(brief, &subject, &items, echo);
    let dimensions: BTreeMap<String, DimensionScore> =
        Dimension::ALL.map(|d| (d.name().to_owned(), dimension(brief, rubric, &measures, d))).into();
    let (ungated, confidence) = composite(&dimensions);
    let capped = gates.iter().map(|gate| below(gate.cap, ungated)).fold(ungated, Ppm::min);
    let verdict = Verdict {
        version: DOCUMENT,
        judge: JUDGE.to_owned(),
        dimensions,
        composite: capped,
        ungated,
        confidence,
        weights_origin: rubric.origin,
        flags: flags(&canonical),
        cannot_measure: CANNOT_MEASURE.map(str::to_owned).into(),
        input_hash: input_hash(brief, work, rubric),
        checklist: items,
        gates,
    };
    verdict.with_spans_of(&canonical, &work.full_text)
}

/// The cap, less a twentieth of it for what the work lacks: of two works with one fault the better one stays ahead.
fn below(cap: Ppm, ungated: Ppm) -> Ppm {
    let lacks = u64::from(1_000_000 - ungated.get());
    let less = u64::from(cap.get()) * lacks / 20_000_000;
    Ppm::new(cap.get() - u32::try_from(less).unwrap_or(0))
}

pub(crate) fn checklist(brief: &CompiledBrief, subject: &Subject<'_>) -> Vec<ItemResult> {
    let result = |item: &crate::checklist::ChecklistItem| {
        let met = subject.check(&item.check, brief.checklist());
        ItemResult { id: item.id.clone(), value: met.value, measured: met.measured, span: met.span }
    };
    brief.checklist().iter().map(result).collect()
}

/// How the work meets what only the judge sees.
fn hidden(brief: &CompiledBrief, subject: &Subject<'_>) -> Vec<ItemResult> {
    if brief.hidden().is_empty() {
        return Vec::new();
    }
    let files = sources(subject.work);
    let files: Vec<Text<'_>> = files.iter().map(|file| Text::read(file)).collect();
    let reading = Reading::new(subject, &files);
    let result = |check: &crate::hidden::HiddenCheck| {
        let met = reading.check(check, brief.checklist());
        ItemResult { id: check.id.clone(), value: met.value, measured: met.measured, span: met.span }
    };
    brief.hidden().iter().map(result).collect()
}

fn dimension(
    brief: &CompiledBrief,
    rubric: &Rubric,
    measures: &Measures<'_>,
    of: Dimension,
) -> DimensionScore {
    let scored = measures.score(of);
    DimensionScore {
        value: scored.value,
        coverage: coverage(brief, of),
        weight: rubric.weights.of(of),
        evidence: scored.evidence,
    }
}

/// Sum of weight x coverage x value over sum of weight x coverage, and the latter.
fn composite(dimensions: &BTreeMap<String, DimensionScore>) -> (Ppm, Ppm) {
    let weight = |d: &DimensionScore| u64::from(d.weight) * u64::from(d.coverage.get());
    let total: u64 = dimensions.values().map(weight).sum();
    let sum: u128 = dimensions.values().map(|d| u128::from(weight(d)) * u128::from(d.value.get())).sum();
    let value = u32::try_from(sum / u128::from(total.max(1))).unwrap_or(0);
    (Ppm::new(value), Ppm::new(u32::try_from(total / 10_000).unwrap_or(0)))
}

fn flags(canonical: &Canonical) -> Vec<Flag> {
    let hidden =
        Flag { kind: FlagKind::HiddenText, count: canonical.hidden_count, spans: canonical.hidden.clone() };
    let invisible =
        Flag { kind: FlagKind::InvisibleCharacters, count: canonical.invisible, spans: Vec::new() };
    [hidden, invisible].into_iter().filter(|flag| flag.count > 0).collect()
}

fn input_hash(brief: &CompiledBrief, work: &Work, rubric: &Rubric) -> String {
    let mut hasher = Sha256::new();
    hasher.update(JUDGE.as_bytes());
    hasher.update(brief.hash);
    Dimension::ALL.iter().for_each(|d| hasher.update(rubric.weights.of(*d).to_be_bytes()));
    work.hash_into(&mut hasher);
    hex::encode(hasher.finalize())
}

impl Verdict {
    /// Leads all spans but those of hidden text (which are not in the canonical text) back to the original.
    fn with_spans_of(mut self, canonical: &Canonical, original: &str) -> Self {
        let lead_back =
            |span: &mut Range<usize>| *span = whole_characters(canonical.original(span.clone()), original);
        self.gates.iter_mut().flat_map(|gate| &mut gate.spans).for_each(lead_back);
        self.checklist.iter_mut().filter_map(|item| item.span.as_mut()).for_each(lead_back);
        let evidence = self.dimensions.values_mut().flat_map(|dimension| &mut dimension.evidence);
        evidence.filter_map(|evidence| evidence.span.as_mut()).for_each(lead_back);
        self
    }
}

/// The span widened to whole characters.
fn whole_characters(span: Range<usize>, text: &str) -> Range<usize> {
    let start = (0..=span.start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let end = (span.end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    start..end
}
