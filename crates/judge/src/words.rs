//! How common an English stem is, and how much meeting it tells (its idf).
//!
//! Made by `recipes/words.rs` from graded word lists; grades stand in for counts in a large body of text.

use std::collections::HashMap;
use std::sync::LazyLock;

static TABLE: &str = include_str!("../data/words.txt");

/// Words that carry grammar, not matter; they tell nothing new. Stemmed when the table is read.
static FUNCTION_WORDS: &str = "a about above after again all also am an and any are as at be because been before \
    being below between both but by can could did do does doing don't down during each either else even ever every \
    few for from further get got had has have having he her here hers him his how however i i'm if in into is it its \
    it's just let like many may me might mine more most much must my neither no nor not of off on once one only or \
    other our ours out over own per please rather same shall she should since so some such than that the their theirs \
    them then there these they this those though through thus to too two under until up upon us very via was we were \
    what when where whether which while who whom whose why will with within without would yet you you're your yours";

/// What is known of a stem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commonness {
    /// Grammar only.
    Function,
    /// The grade of its commonest word, 10 to 60.
    Graded(u8),
    /// In no list: a name, a number, a term of art, another language, or a misspelling.
    Unknown,
}

impl Commonness {
    /// Thousandths of a natural logarithm: about ln(documents / documents with the stem) for each grade.
    pub(crate) fn milli_idf(self) -> u64 {
        match self {
            Commonness::Function => 200,
            Commonness::Graded(10) => 2_500,
            Commonness::Graded(20) => 4_500,
            Commonness::Graded(35) => 6_000,
            Commonness::Graded(40) => 7_000,
            Commonness::Graded(_) => 8_000,
            // Rare in every list; but see `substance`: a misspelling must not be worth more than the word.
            Commonness::Unknown => 5_000,
        }
    }
}

/// What is known of a stem.
pub(crate) fn commonness(stem: &str) -> Commonness {
    static STEMS: LazyLock<HashMap<String, Commonness>> = LazyLock::new(read_table);
    STEMS.get(stem).copied().unwrap_or(Commonness::Unknown)
}

fn read_table() -> HashMap<String, Commonness> {
    let mut stems = HashMap::new();
    for line in TABLE.lines() {
        let mut entries = line.split(' ');
        let Some(grade) = entries.next().and_then(|grade| grade.parse().ok()) else { continue };
        let mut before = String::new();
        for entry in entries {
            let shared = entry.chars().next().and_then(|digit| digit.to_digit(36)).unwrap_or(0);
            before.truncate(shared as usize);
            before.push_str(entry.get(1..).unwrap_or_default());
            stems.insert(before.clone(), Commonness::Graded(grade));
        }
    }
    for word in FUNCTION_WORDS.split_whitespace() {
        stems.insert(crate::text::stem(word).into_owned(), Commonness::Function);
    }
    stems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_back() {
        let check = |word: &str, expected| {
            assert_eq!(commonness(&crate::text::stem(word)), expected, "{word}");
        };
        check("the", Commonness::Function);
        check("because", Commonness::Function);
        check("people", Commonness::Graded(10));
        check("running", Commonness::Graded(10));
        check("abash", Commonness::Graded(40));
        check("smoikng", Commonness::Unknown);
        check("привет", Commonness::Unknown);
    }

    #[test]
    fn rarer_tells_more() {
        let grades = [10, 20, 35, 40, 50].map(|g| Commonness::Graded(g).milli_idf());
        assert!(grades.is_sorted());
        assert!(Commonness::Function.milli_idf() < grades[0]);
        assert!(Commonness::Unknown.milli_idf() < grades[2]);
    }
}
