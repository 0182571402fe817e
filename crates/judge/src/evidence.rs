//! What a score rests on, as stored and shown.

use gavel_domain::Ppm;
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
    /// What it added to the value of its dimension.
    #[serde(with = "ppm")]
    pub effect: Ppm,
    /// What it could have added at most: the difference is what was lost here.
    #[serde(with = "ppm")]
    pub possible: Ppm,
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

/// [`Ppm`] as a number from 0 to 1. Six decimals come back as the same integer, so nothing is lost.
pub(crate) mod ppm {
    use gavel_domain::Ppm;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(value: &Ppm, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(value.as_f64())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ppm, D::Error> {
        Ppm::from_f64(f64::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("a share is no number"))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_share_comes_back() {
            for ppm in 0..=1_000_000 {
                assert_eq!(Ppm::from_f64(Ppm::new(ppm).as_f64()), Some(Ppm::new(ppm)));
            }
        }
    }
}
