//! What a score rests on, as stored and shown.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One thing that was found, and what it did to the score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The measure or the checklist item.
    pub check_id: String,
    /// What sort of finding it is.
    pub kind: EvidenceKind,
    /// Where, in bytes of `full_text` as it was sent.
    pub span: Option<Range<usize>>,
    /// What was measured.
    pub measured: Measured,
    /// What it added to (or took from) its dimension, in parts per million.
    pub effect: i64,
    /// The finding in words.
    pub text: String,
}

/// Sorts of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// A checklist item held against the work.
    Rule,
    /// A passage of the work.
    Quote,
    /// A number taken from the work.
    Metric,
}

/// A measured value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Measured {
    /// So many.
    Count(usize),
    /// A word for it.
    Text(String),
}

/// [`gavel_domain::Ppm`] as its integer.
pub(crate) mod ppm {
    use gavel_domain::Ppm;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Ppm, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(value.get())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ppm, D::Error> {
        u32::deserialize(deserializer).map(Ppm::new)
    }
}
