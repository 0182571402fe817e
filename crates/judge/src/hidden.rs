//! Checks nobody but the judge sees: what the author of a task knows to be right. A task that a market makes itself
//! has them beside its checklist, so that what is true of it can be measured too.

mod held;

use crate::checklist::Check;
use crate::quantity::Quantity;
use gavel_domain::invitation::ArtifactKind;
use gavel_domain::score::Dimension;
use std::fmt;

pub(crate) use held::{Reading, sources};

/// One thing the author of the task knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenCheck {
    /// Unique within the task.
    pub id: String,
    /// What is checked.
    pub kind: HiddenKind,
    /// The dimension it counts in.
    pub dimension: Dimension,
    /// How much it counts there, in thousandths.
    pub weight_milli: u32,
    /// Work that fails it cannot be used.
    pub must: bool,
    /// The check in words.
    pub text: String,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HiddenKind {
    /// One of several spellings of a number or phrase is stated.
    Fact(Statement),
    /// It is stated nowhere: a mistake that was laid out, given back.
    NoFact(Statement),
    /// A table has this value.
    Cell {
        /// What the row says; all of it.
        row: Vec<String>,
        /// The name of the column.
        column: String,
        /// One of these.
        value: Vec<String>,
    },
    /// A table with these columns has so many rows below its head.
    Rows {
        /// Names of columns; any table where there are none.
        columns: Vec<String>,
        /// How many.
        count: Quantity,
    },
    /// One table has columns of these names.
    Columns {
        /// The names.
        names: Vec<String>,
    },
    /// Sources are cited by their signs, `[S1]`, and no others.
    Cites {
        /// The signs.
        sources: Vec<String>,
        /// So many of them are enough.
        least: usize,
    },
    /// Sections stand in this order.
    Order {
        /// Their names.
        sections: Vec<String>,
    },
    /// A section has so many words.
    SectionWords {
        /// Its name.
        name: String,
        /// How many.
        count: Quantity,
    },
    /// So many lines begin so, and what follows is short enough.
    Lines {
        /// The beginning.
        begins: String,
        /// How many.
        count: Quantity,
        /// Characters that may follow.
        chars: Option<usize>,
    },
    /// A file of a kind is there.
    File {
        /// Which.
        kind: ArtifactKind,
    },
    /// A value of a JSON document.
    Json {
        /// Where: `/a/0/b`.
        at: String,
        /// One of these; anything where there are none.
        value: Vec<String>,
        /// How many elements or fields it has.
        count: Option<Quantity>,
    },
    /// The middle sentence has at most so many words.
    ShortSentences {
        /// So many.
        words: usize,
    },
    /// What a checklist can ask for too.
    Listed(Check),
}

/// Something that is said or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statement {
    /// Spellings of it: a bare number, or a phrase.
    pub says: Vec<String>,
    /// One of these stands beside it; anywhere where there are none.
    pub near: Vec<String>,
    /// The section it stands in; anywhere where there is none.
    pub within: Option<String>,
}

impl HiddenKind {
    /// The dimension it counts in unless its author says otherwise.
    pub fn dimension(&self) -> Dimension {
        match self {
            Self::Fact(_) | Self::NoFact(_) | Self::Cell { .. } | Self::Json { .. } | Self::Cites { .. } => {
                Dimension::FactualAccuracy
            }
            Self::Rows { .. }
            | Self::Columns { .. }
            | Self::Order { .. }
            | Self::Lines { .. }
            | Self::File { .. } => Dimension::FormatCompliance,
            Self::SectionWords { .. } => Dimension::TaskCompletion,
            Self::ShortSentences { .. } => Dimension::OutputQuality,
            Self::Listed(check) => check.dimension(),
        }
    }

    /// Whether meeting it is a plain yes or no. Words that may stand apart can be met by chance.
    pub fn is_exact(&self) -> bool {
        !matches!(self, Self::Listed(Check::Include { .. }) | Self::ShortSentences { .. })
    }
}

impl fmt::Display for HiddenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = |values: &[String]| values.join("\" or \"");
        match self {
            Self::Fact(statement) => write!(f, "says {statement}"),
            Self::NoFact(statement) => write!(f, "does not say {statement}"),
            Self::Cell { row, column, value } => {
                write!(
                    f,
                    "has \"{}\" under \"{column}\" in the row of \"{}\"",
                    or(value),
                    row.join("\" and \"")
                )
            }
            Self::Rows { columns, count } if columns.is_empty() => write!(f, "has a table of {count} rows"),
            Self::Rows { columns, count } => {
                write!(f, "has a table with \"{}\" of {count} rows", columns.join("\" and \""))
            }
            Self::Columns { names } => write!(f, "has a table with the columns \"{}\"", names.join("\", \"")),
            Self::Cites { sources, least } if *least == sources.len() => {
                write!(f, "cites [{}] and nothing else", sources.join("], ["))
            }
            Self::Cites { sources, least } => {
                write!(f, "cites {least} of [{}] and nothing else", sources.join("], ["))
            }
            Self::Order { sections } => {
                write!(f, "has its sections in the order \"{}\"", sections.join("\", \""))
            }
            Self::SectionWords { name, count } => write!(f, "has {count} words in the section \"{name}\""),
            Self::Lines { begins, count, chars: None } => {
                write!(f, "has {count} lines that begin \"{begins}\"")
            }
            Self::Lines { begins, count, chars: Some(most) } => {
                write!(
                    f,
                    "has {count} lines that begin \"{begins}\", with at most {most} characters after it"
                )
            }
            Self::File { kind } => write!(f, "has a {} file", kind.name()),
            Self::Json { at, value, .. } if !value.is_empty() => {
                write!(f, "has \"{}\" at {at} of its JSON", or(value))
            }
            Self::Json { at, count: Some(count), .. } => write!(f, "has {count} values at {at} of its JSON"),
            Self::Json { at, .. } => write!(f, "has {at} in its JSON"),
            Self::ShortSentences { words } => write!(f, "has at most {words} words in its middle sentence"),
            Self::Listed(check) => check.fmt(f),
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.says.join("\" or \""))?;
        if !self.near.is_empty() {
            write!(f, " beside \"{}\"", self.near.join("\" or \""))?;
        }
        self.within.as_ref().map_or(Ok(()), |name| write!(f, " in the section \"{name}\""))
    }
}

#[cfg(test)]
mod tests;
