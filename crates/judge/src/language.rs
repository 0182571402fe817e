//! Which language a text is in, where that can be told with confidence: by script, else by small words.

use crate::text::{Scripts, Text};
use crate::words::Commonness;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Fewer words than this are not enough to tell Latin-script languages apart.
const WORDS_MIN: usize = 7;
/// The share of words that must be small words of the language, in percent.
const SMALL_WORDS_PERCENT: usize = 14;

/// A language the judge knows by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// ISO 639-1.
    pub(crate) code: &'static str,
    /// Its name in English, then its own name where that differs.
    names: &'static [&'static str],
    script: Script,
    /// Small words that are frequent in it and rare in its neighbours.
    small_words: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Han,
    Japanese,
    Hangul,
    Devanagari,
    Thai,
}

const fn latin(code: &'static str, names: &'static [&'static str], small_words: &'static str) -> Language {
    Language { code, names, script: Script::Latin, small_words }
}

const fn scripted(code: &'static str, names: &'static [&'static str], script: Script) -> Language {
    Language { code, names, script, small_words: "" }
}

static LANGUAGES: &[Language] = &[
    latin(
        "en",
        &["english"],
        "a the and of to in is for that with you your are this it be can have from not will or we our was by as on at an \
         but if they which i my he she his her their has been when what how there more all one so do",
    ),
    latin(
        "es",
        &["spanish", "espa\u{f1}ol", "castellano"],
        "de la el que en los las del y con una para por se su es lo como m\u{e1}s al un este esta sus son pero \
         tambi\u{e9}n muy ha han hay donde ser nos sobre entre cuando desde",
    ),
    latin(
        "fr",
        &["french", "fran\u{e7}ais"],
        "de la le les des et est en une un du dans pour que qui pas vous nous sur avec ce cette sont au aux par plus \
         votre ne se il elle mais ou leur ses \u{e0} c'est \u{ea}tre d'un d'une",
    ),
    latin(
        "de",
        &["german", "deutsch"],
        "der die das und ist nicht ein eine mit f\u{fc}r von den dem des sie ich zu auf im auch es sich wir oder \
         werden wird sind als bei einer einen einem aus nach wie dass k\u{f6}nnen ihre",
    ),
    latin(
        "it",
        &["italian", "italiano"],
        "di il la che e un una per con non del della dei delle nel nella sono si gli le da come pi\u{f9} questo questa \
         anche lo al alla i \u{e8} ha o se su loro ma essere",
    ),
    latin(
        "pt",
        &["portuguese", "portugu\u{ea}s"],
        "de a o que e do da em um uma para com n\u{e3}o os as dos das no na por mais se como s\u{e3}o ao \u{e9} \
         voc\u{ea} seu sua tamb\u{e9}m ou pelo pela isso mas ser foi",
    ),
    latin(
        "nl",
        &["dutch", "nederlands"],
        "de het een en van is dat die niet met voor op te zijn aan er ook als maar bij door wordt worden uw je naar \
         om dit deze hebben heeft kan uit meer wij",
    ),
    latin(
        "pl",
        &["polish", "polski"],
        "i w na z do nie si\u{119} \u{17c}e jest to o jak dla ale po od przez za jego s\u{105} tym oraz przy co \
         tak kt\u{f3}re kt\u{f3}ry mo\u{17c}e by\u{107}",
    ),
    latin(
        "sv",
        &["swedish", "svenska"],
        "och att det som en p\u{e5} \u{e4}r av f\u{f6}r med den till inte om ett har de vi kan fr\u{e5}n eller var \
         s\u{e5} du din sig men ska detta",
    ),
    latin(
        "tr",
        &["turkish", "t\u{fc}rk\u{e7}e"],
        "ve bir bu i\u{e7}in ile de da olarak \u{e7}ok daha gibi olan en ne var sonra kadar her veya ama ki",
    ),
    latin(
        "id",
        &["indonesian", "bahasa indonesia", "malay"],
        "yang dan di untuk dengan ini dari dalam pada tidak adalah ke anda itu akan atau juga dapat bisa oleh kami \
         sebagai karena lebih saya",
    ),
    latin(
        "vi",
        &["vietnamese"],
        "v\u{e0} c\u{1ee7}a l\u{e0} c\u{f3} cho kh\u{f4}ng \u{111}\u{1b0}\u{1ee3}c m\u{1ed9}t c\u{e1}c v\u{1edb}i",
    ),
    scripted("ru", &["russian"], Script::Cyrillic),
    scripted("uk", &["ukrainian"], Script::Cyrillic),
    scripted("bg", &["bulgarian"], Script::Cyrillic),
    scripted("el", &["greek"], Script::Greek),
    scripted("ar", &["arabic"], Script::Arabic),
    scripted("fa", &["persian", "farsi"], Script::Arabic),
    scripted("ur", &["urdu"], Script::Arabic),
    scripted("he", &["hebrew"], Script::Hebrew),
    scripted("zh", &["chinese", "mandarin"], Script::Han),
    scripted("ja", &["japanese"], Script::Japanese),
    scripted("ko", &["korean"], Script::Hangul),
    scripted("hi", &["hindi"], Script::Devanagari),
    scripted("th", &["thai"], Script::Thai),
];

/// What a text was found to be in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    language: &'static Language,
}

impl Found {
    /// The code of one language it may be.
    pub(crate) fn code(self) -> &'static str {
        self.language.code
    }

    /// Whether the text may be in `expected`: languages of one script without word lists are not told apart.
    pub(crate) fn may_be(self, expected: &Language) -> bool {
        match (self.language.script, expected.script) {
            (Script::Latin, Script::Latin) => self.language.code == expected.code,
            // Japanese written without kana looks Chinese.
            (Script::Han | Script::Japanese, Script::Han | Script::Japanese) => true,
            (found, expected) => found == expected,
        }
    }
}

/// The language a buyer named: a code, a locale or a name.
pub(crate) fn named(name: &str) -> Option<&'static Language> {
    let name = name.trim().to_lowercase();
    let code = name.split(['-', '_']).next().unwrap_or_default();
    LANGUAGES.iter().find(|language| {
        language.code == code
            || language.names.iter().any(|n| name == *n || name.split([' ', '(', ',']).next() == Some(n))
    })
}

/// Whether a text speaks of languages: then its own language says nothing about the one that is wanted.
pub(crate) fn speaks_of_languages(text: &Text<'_>) -> bool {
    let named = |lower: &str| LANGUAGES.iter().any(|language| language.names.contains(&lower));
    text.kinds.iter().any(|kind| kind.lower.starts_with("translat") || named(&kind.lower))
}

/// Whether the English word list may be held against a text: it is English, or looks like nothing else and most of its
/// words are in the list. What the judge does not know it must not punish.
pub(crate) fn is_english(text: &Text<'_>) -> bool {
    let listed = || {
        let known = text.stems.iter().filter(|stem| stem.commonness != Commonness::Unknown);
        known.map(|stem| stem.count).sum::<usize>() * 2 >= text.words.len()
    };
    of(text).map_or_else(listed, |found| found.code() == "en")
}

/// The language of a text, `None` when it cannot be told with confidence.
pub(crate) fn of(text: &Text<'_>) -> Option<Found> {
    let language = match dominant(text.scripts)? {
        Script::Latin => by_small_words(text)?,
        script => LANGUAGES.iter().find(|language| language.script == script)?,
    };
    Some(Found { language })
}

/// The script of at least three letters in five. Signs of scripts without spaces weigh as much as words do.
fn dominant(scripts: Scripts) -> Option<Script> {
    let han_or_kana = (scripts.han + scripts.kana) * 3;
    let east = if scripts.kana * 8 > scripts.han { Script::Japanese } else { Script::Han };
    let counted = [
        (Script::Latin, scripts.latin),
        (Script::Cyrillic, scripts.cyrillic),
        (Script::Greek, scripts.greek),
        (Script::Arabic, scripts.arabic),
        (Script::Hebrew, scripts.hebrew),
        (east, han_or_kana),
        (Script::Hangul, scripts.hangul * 2),
        (Script::Devanagari, scripts.devanagari),
        (Script::Thai, scripts.thai),
    ];
    let total: usize = counted.iter().map(|(_, n)| n).sum();
    let (script, most) = counted.into_iter().max_by_key(|(_, n)| *n)?;
    (total >= 20 && most * 5 >= total * 3).then_some(script)
}

fn by_small_words(text: &Text<'_>) -> Option<&'static Language> {
    static MASKS: LazyLock<HashMap<&'static str, u16>> = LazyLock::new(masks);
    let mut hits = [0usize; 16];
    for kind in &text.kinds {
        let Some(mask) = MASKS.get(kind.lower.as_str()) else { continue };
        for (_, hit) in hits.iter_mut().enumerate().filter(|(i, _)| mask & (1 << i) != 0) {
            *hit += kind.count;
        }
    }
    let (best, most) = hits.iter().copied().enumerate().max_by_key(|(i, n)| (*n, usize::MAX - i))?;
    let second = hits.iter().enumerate().filter(|(i, _)| *i != best).map(|(_, n)| *n).max()?;
    let enough = text.words.len() >= WORDS_MIN && most * 100 >= text.words.len() * SMALL_WORDS_PERCENT;
    (enough && most * 4 >= second * 5).then(|| LANGUAGES.get(best)).flatten()
}

fn masks() -> HashMap<&'static str, u16> {
    let mut masks = HashMap::new();
    for (i, language) in LANGUAGES.iter().enumerate().filter(|(_, l)| !l.small_words.is_empty()) {
        for word in language.small_words.split_whitespace() {
            *masks.entry(word).or_insert(0) |= 1u16 << i;
        }
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_of_texts() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(of(&Text::read(text)).map(Found::code), expected, "{text:?}");
        };
        check(
            "The report covers the first half of the year and what we have learned from it so far.",
            Some("en"),
        );
        check(
            "El informe trata de la primera mitad del a\u{f1}o y de lo que hemos aprendido en las reuniones.",
            Some("es"),
        );
        check(
            "Le rapport porte sur la premi\u{e8}re moiti\u{e9} de l'ann\u{e9}e et sur ce que nous avons appris avec vous.",
            Some("fr"),
        );
        check(
            "Der Bericht behandelt die erste H\u{e4}lfte des Jahres und das, was wir bei der Arbeit gelernt haben.",
            Some("de"),
        );
        check(
            "Il rapporto tratta della prima met\u{e0} dell'anno e di quello che non abbiamo imparato con gli altri.",
            Some("it"),
        );
        check(
            "O relat\u{f3}rio trata da primeira metade do ano e do que n\u{e3}o aprendemos com os clientes.",
            Some("pt"),
        );
        check(
            "\u{41E}\u{442}\u{447}\u{451}\u{442} \u{43E} \u{43F}\u{435}\u{440}\u{432}\u{43E}\u{43C} \u{43F}\u{43E}\u{43B}\u{443}\u{433}\u{43E}\u{434}\u{438}\u{438}",
            Some("ru"),
        );
        check("\u{5831}\u{544A}\u{66F8}\u{306F}\u{4E0A}\u{534A}\u{671F}\u{306E}\u{3053}\u{3068}", Some("ja"));
        check("Widget 500 SKU-33 Acme Corp", None);
        check("", None);
    }

    #[test]
    fn the_word_list_is_for_english() {
        let check = |text: &str, expected| assert_eq!(is_english(&Text::read(text)), expected, "{text:?}");
        check("The report covers the first half of the year and what we have learned.", true);
        check("Market report: prices, growth, risk", true);
        check("El informe trata de la primera mitad del a\u{f1}o y de lo que hemos aprendido.", false);
        check("Mehil\u{e4}iset asuvat kaupungin katoilla ja tuottavat hunajaa kaikille naapureille.", false);
        check(
            "V\u{10d}ely \u{17e}ij\u{ed} na st\u{159}ech m\u{11b}sta a d\u{e1}vaj\u{ed} med soused\u{16f}m.",
            false,
        );
        check("\u{5831}\u{544A}\u{66F8}", false);
    }

    #[test]
    fn languages_by_name() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(named(name).map(|l| l.code), expected, "{name:?}")
        };
        check("English", Some("en"));
        check("en-GB", Some("en"));
        check("es_MX", Some("es"));
        check("Spanish (Mexico)", Some("es"));
        check("Fran\u{e7}ais", Some("fr"));
        check("Klingon", None);
        check("", None);
    }
}
