//! How good is it, and why? The embedded judge: no network, no model, the same bytes for the same input.
//!
//! [`compile`] turns a brief into a checklist once per task; [`judge`] holds one work against it and returns a
//! [`Verdict`]: five dimensions, each with the share of it that could be measured, a composite, faults that cap it,
//! and the evidence for all of it. What it cannot measure is said in every verdict.
//!
//! In reading order: `brief` (the checklist is made), `checklist` (an item is checked), `gates` (faults),
//! `substance`, `quality`, `accuracy`, `format` (measures), `dimensions` (measures become five values), `rubric`
//! (weights), `verdict` (all together); `hidden` (what the author of a task knows beside), `benchmark` (tasks of our own
//! that have such checks). Below them: `canonical` and `text` (reading), `words` and `language` (what is known of
//! words), `code`, `quantity`, `number`, `tables`.

mod accuracy;
pub mod benchmark;
mod brief;
mod canonical;
mod checklist;
mod code;
mod dimensions;
mod evidence;
mod format;
mod gates;
mod hidden;
mod language;
mod limits;
mod number;
mod quality;
mod quantity;
mod rubric;
mod substance;
mod tables;
mod text;
mod verdict;
mod words;
mod work;

pub use brief::{CompiledBrief, compile};
pub use canonical::Canonical;
pub use checklist::{Check, ChecklistItem, TextFormat};
pub use evidence::{Evidence, EvidenceKind, Measured};
pub use gates::{Gate, GateKind};
pub use gavel_domain::score::{Origin, Rubric};
pub use limits::CANNOT_MEASURE;
pub use quantity::Quantity;
pub use rubric::{RubricError, RubricRow, Rubrics};
pub use substance::Features;
pub use verdict::{DimensionScore, Flag, FlagKind, ItemResult, JUDGE, Verdict, judge};
pub use work::Work;

pub use hidden::{HiddenCheck, HiddenKind, Statement};

/// The substance index of a work and the four features it is made of, for calibration.
pub fn substance(brief: &CompiledBrief, full_text: &str) -> Features {
    let canonical = Canonical::of(full_text);
    substance::features(brief, &text::Text::read(&canonical.text))
}
