//! What a setting's value may be, in a person's words.

/// Settings that take one of a few words.
const WORDS: &[(&str, &[&str])] = &[
    ("database.migrate", &["auto", "never"]),
    ("money.mode", &["off", "ledger"]),
    ("timers.on_silence", &["approve", "expire"]),
    ("agents.activation", &["auto", "immediate", "benchmark"]),
    ("benchmark.auto_live", &["true", "false"]),
    ("log.format", &["text", "json"]),
];
/// Levels of the log, the most talkative first.
pub(super) const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "off"];

/// What is wrong with a word; `None`: nothing, or the setting takes any text.
pub(super) fn wrong_word(key: &str, text: &str) -> Option<String> {
    let (_, words) = WORDS.iter().find(|(name, _)| *name == key)?;
    (!words.contains(&text)).then(|| format!("{text:?} is none of {}", words.join(", ")))
}

/// What is wrong with a log's directives beyond their grammar: a single name that is no level would be taken for a part
/// of the program, and nothing else would be logged.
pub(super) fn wrong_level(text: &str) -> Option<String> {
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let stray = text.split(',').map(str::trim).find(|one| !one.contains(['=', '[']) && !is_level(one))?;
    Some(format!("{stray:?} is none of {}; a part of the program is named as PART=LEVEL", LEVELS.join(", ")))
}

/// The reader's complaint about a number, with what it may be.
pub(super) fn about_number(complaint: &str) -> Option<String> {
    let (found, expected) = complaint.split_once("expected")?;
    let number = found.split('`').nth(1)?;
    let from = if expected.contains("nonzero") || expected.contains("non-zero") { 1 } else { 0 };
    let names = |bits: &str| [format!("u{bits}"), format!("unsigned {bits} bit")];
    let bits =
        ["8", "16", "32"].into_iter().find(|bits| names(bits).iter().any(|name| expected.contains(name)));
    let range = match bits {
        Some("8") => format!("from {from} to {}", u8::MAX),
        Some("16") => format!("from {from} to {}", u16::MAX),
        Some("32") => format!("from {from} to {}", u32::MAX),
        _ if expected.contains("unsigned") => "not below 0".to_owned(),
        _ => return None,
    };
    Some(format!("{number} is out of range: it must be a whole number {range}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_listed() {
        let check =
            |key, text, expected: Option<&str>| assert_eq!(wrong_word(key, text).as_deref(), expected);
        check("money.mode", "on", Some("\"on\" is none of off, ledger"));
        check("money.mode", "ledger", None);
        check("platform.user_agent", "on", None);
    }

    #[test]
    fn a_level_that_is_none_is_told() {
        let check = |text: &str, wrong: Option<&str>| {
            let told = wrong_level(text);
            assert_eq!(told.is_some(), wrong.is_some(), "{text}: {told:?}");
            assert!(
                wrong.is_none_or(|word| told.unwrap().starts_with(&format!("{word:?} is none of trace")))
            );
        };
        check("info", None);
        check("WARN", None);
        check("off", None);
        check("info,gavel_orchestrator=debug", None);
        check("info, gavel[step]=trace", None);
        check("loud", Some("loud"));
        check("info,gavel_store", Some("gavel_store"));
        check("", Some(""));
    }

    #[test]
    fn numbers_have_a_range() {
        let check = |complaint, expected| assert_eq!(about_number(complaint).as_deref(), expected);
        let told = Some("0 is out of range: it must be a whole number from 1 to 65535");
        check("invalid value: integer `0`, expected a nonzero u16", told);
        let told = Some("70000 is out of range: it must be a whole number from 0 to 65535");
        check("invalid value: integer `70000`, expected u16", told);
        let told = Some("300 is out of range: it must be a whole number from 0 to 255");
        check("64-bit integer `300`, expected an unsigned 8 bit integer", told);
        let told = Some("-1 is out of range: it must be a whole number not below 0");
        check("64-bit integer `-1`, expected an unsigned 64 bit or less integer", told);
        check("invalid value: string \"x\", expected a boolean", None);
    }
}
