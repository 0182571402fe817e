//! How well a text is made, as far as counting tells: spelling, repetition, length of sentences, stock phrases.

use crate::brief::CompiledBrief;
use crate::checklist::share;
use crate::language;
use crate::text::{Kind, Role, Text};
use crate::words::Commonness;
use gavel_domain::Ppm;
use regex::Regex;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Shorter texts are too short for a rate.
const RATE_WORDS_MIN: usize = 40;

/// Slips of the pen: one word in ten is the worst that counts, one in a hundred is usual. Unknown words written small
/// are slips in English only; the judge knows no other words.
pub(crate) fn spelling(brief: &CompiledBrief, text: &Text<'_>) -> (Ppm, usize) {
    let english = language::is_english(text);
    let strange = |kind: &&Kind| {
        let stem = &text.stems[kind.stem];
        let word = kind.lower.len() >= 3 && kind.lower.bytes().all(|b| b.is_ascii_lowercase());
        word && !kind.capital
            && stem.commonness == Commonness::Unknown
            && !brief.stems.contains_key(&stem.text)
    };
    let known = if english { text.kinds.iter().filter(strange).map(|kind| kind.count).sum() } else { 0 };
    let count: usize = known + slips(text);
    let worst = text.words.len().max(RATE_WORDS_MIN) / 10;
    (Ppm::new(1_000_000 - share(count, worst).get()), count)
}

/// Blanks before a comma or a full stop, and sentences that begin small: slips in every language that has them.
fn slips(text: &Text<'_>) -> usize {
    let detached = text.words.windows(2).filter(|pair| {
        let between = &text.source[pair[0].end..pair[1].start];
        between.starts_with(" , ") || between.starts_with(" . ")
    });
    let begins_small = |end: &&usize| {
        let Some([before, first]) = end.checked_sub(1).and_then(|i| text.words.get(i..i + 2)) else {
            return false;
        };
        // Shorter words before a full stop are often abbreviations.
        let stop = before.end - before.start >= 4 && text.source[before.end..first.start].starts_with(". ");
        stop && text.source[first.start..].starts_with(char::is_lowercase)
    };
    detached.count() + text.sentence_ends.iter().filter(begins_small).count()
}

/// Sentences that came before, and one word that is everywhere.
pub(crate) fn repetition(text: &Text<'_>) -> (Ppm, usize) {
    let mut seen = HashSet::new();
    let long = text.sentences().filter(|sentence| sentence.len() >= 4);
    let repeated: usize = long.filter(|s| !seen.insert(text.kinds_of(s.clone()))).map(|s| s.len()).sum();
    let content = text.stems.iter().filter(|stem| stem.commonness != Commonness::Function);
    let most = content.map(|stem| stem.count).max().unwrap_or(0);
    // Up to one word in fourteen may be the same; keyword stuffing goes to one in five.
    let stuffed = (most * 14).saturating_sub(text.words.len().max(RATE_WORDS_MIN));
    let fresh = 1_000_000 - share(repeated * 2, text.words.len().max(1)).get();
    let varied = 1_000_000 - share(stuffed, text.words.len().max(1) * 2).get();
    (Ppm::new(fresh.min(varied)), repeated)
}

/// The middle sentence has 8 to 28 words where text flows.
pub(crate) fn sentence_length(text: &Text<'_>) -> (Ppm, usize) {
    let flowing: Vec<_> =
        text.lines.iter().filter(|l| l.role == Role::Prose).map(|l| l.words.clone()).collect();
    let mut lengths: Vec<usize> = text
        .sentences()
        .filter(|s| {
            let line = flowing.partition_point(|words| words.end <= s.start);
            flowing.get(line).is_some_and(|words| words.start <= s.start)
        })
        .map(|s| s.len())
        .collect();
    lengths.sort_unstable();
    let Some(middle) = lengths.get(lengths.len() / 2).copied() else { return (Ppm::ONE, 0) };
    // Signs of scripts without spaces are no words: their sentences have more of them.
    if text.scripts.han + text.scripts.kana > text.scripts.latin {
        return (Ppm::ONE, middle);
    }
    let fit = if middle < 8 { share(middle, 8) } else { share(28, middle.max(28)) };
    (fit, middle)
}

/// Phrases that could stand in any text about anything.
pub(crate) fn boilerplate(text: &Text<'_>) -> (Ppm, usize) {
    static STOCK: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?ix-u)\b(?:
                in\stoday(?u:['’])s\s(?:\w+[\s-]){0,4}(?:world|age|era|landscape|society|market)
              | (?:fast-paced|ever-evolving|ever-changing)\s(?:\w+\s)?(?:world|landscape|environment)
              | (?:plays?|playing)\sa\s(?:pivotal|crucial|vital|key)\srole
              | it\sis\s(?:essential|important|crucial|worth\snoting)\s(?:to\s(?:note|remember|understand|stay)|that)
              | (?:more\simportant\sthan\sever|now\smore\sthan\sever)
              | rich\stapestry | delve\s(?:in|deep) | game[-\s]changer | unlock\s(?:new|the|your)\s\w+
              | leverag(?:e|ing)\s(?:best\spractices|synergies|the\spower) | holistic\sapproach
              | drive\s(?:meaningful|real)\s\w+ | overall\slandscape | at\sthe\send\sof\sthe\sday
              | (?:navigate|navigating)\sthe\scomplex | look\sno\sfurther | take\s\w+\sto\sthe\snext\slevel
              | whether\syou(?u:['’])?(?:re|\sare)\sa\sseasoned | as\san\sai\slanguage\smodel | i\shope\sthis\shelps
              | many\sfactors\sto\sconsider | in\sthis\s(?:article|post|guide),?\swe\swill\sexplore
            )",
        )
        .ok()
    });
    let found = STOCK.as_ref().map_or(0, |stock| stock.find_iter(text.source).count());
    let tolerable = text.words.len().max(RATE_WORDS_MIN) / 40;
    (Ppm::new(1_000_000 - share(found, tolerable.max(4)).get()), found)
}

/// Numbers and names: one in twenty-five words is plenty.
pub(crate) fn specifics(text: &Text<'_>) -> (Ppm, usize) {
    let is_specific = |kind: &&Kind| {
        let number = kind.lower.starts_with(|c: char| c.is_ascii_digit());
        number || (kind.capital && text.stems[kind.stem].commonness == Commonness::Unknown)
    };
    let found = text.kinds.iter().filter(is_specific).count();
    (share(found, (text.words.len() / 25).max(3)), found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_domain::task::Brief;

    const CLEAN: &str = "The committee met on Tuesday to discuss the budget. Most members wanted to spend less on \
        travel, while others asked for better training. After a long debate they agreed to cut one conference and \
        to hire a teacher for the spring term, which pleased nearly everyone who had spoken.";

    #[test]
    fn what_lowers_quality() {
        let brief = crate::brief::compile(&Brief::default());
        assert!(spelling(&brief, &Text::read(CLEAN)).0 > Ppm::new(900_000));
        let typos = CLEAN
            .replace("members", "mebmers")
            .replace("travel", "trvael")
            .replace("debate", "dbeate")
            .replace("spring", "sprnig");
        assert!(spelling(&brief, &Text::read(&typos)).0 < Ppm::new(400_000));
        assert_eq!(repetition(&Text::read(CLEAN)).0, Ppm::ONE);
        assert!(repetition(&Text::read(&format!("{CLEAN} {CLEAN}"))).0 < Ppm::new(100_000));
        assert!(repetition(&Text::read(&"budget travel plan ".repeat(40))).0 < Ppm::new(200_000));
        assert_eq!(sentence_length(&Text::read(CLEAN)).0, Ppm::ONE);
        assert!(sentence_length(&Text::read(&"word ".repeat(200))).0 < Ppm::new(200_000));
        assert_eq!(boilerplate(&Text::read(CLEAN)), (Ppm::ONE, 0));
        let stock = "In today's fast-paced world it plays a pivotal role. It is essential to note that a holistic approach is a game-changer.";
        assert!(boilerplate(&Text::read(stock)).0 < Ppm::new(200_000));
    }
}
