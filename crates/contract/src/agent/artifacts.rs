//! Files beside an answer. One that cannot be used is dropped with a word to the developer: a finished prototype is
//! worth more than its attachment.

use super::answer::Rejected;
use super::message::is_invisible;
use gavel_domain::invitation::{Artifact, ArtifactKind};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Artifacts an answer may have.
pub const ARTIFACTS_MAX: usize = 20;
/// Bytes of content per artifact.
pub const ARTIFACT_BYTES_MAX: usize = 1024 * 1024;
/// Characters of a file name, before the extension that is appended where it is missing.
pub const FILENAME_CHARS_MAX: usize = 100;

/// Reads the list; unusable artifacts are dropped, and `warnings` says so.
pub(super) fn read(json: &str, warnings: &mut Vec<String>) -> Result<Vec<Artifact>, Rejected> {
    let list: Vec<&RawValue> =
        serde_json::from_str(json).map_err(|_| Rejected::schema("artifacts must be a list"))?;
    if list.len() > ARTIFACTS_MAX {
        return Err(Rejected::new("artifact_count", format!("more than {ARTIFACTS_MAX} artifacts")));
    }
    let mut artifacts = Vec::new();
    for (i, item) in list.iter().enumerate() {
        match one(item.get(), i + 1, warnings)? {
            Ok(artifact) => artifacts.push(artifact),
            Err(why) => warnings.push(format!("artifact_dropped: artifact {}: {why}", i + 1)),
        }
    }
    Ok(artifacts)
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    filename: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

type Dropped<T> = Result<T, &'static str>;

/// The outer error refuses the whole answer, the inner one drops this artifact.
fn one(json: &str, number: usize, warnings: &mut Vec<String>) -> Result<Dropped<Artifact>, Rejected> {
    if !json.starts_with('{') {
        return Ok(Err("it is not an object"));
    }
    // Two readers of a key that stands twice would see two files.
    let Ok(item) = serde_json::from_str::<Item<'_>>(json) else { return Ok(Err("a key stands in it twice")) };
    let Some((kind, spelled_otherwise)) = kind(item.kind) else {
        return Ok(Err("its type is not one of markdown, csv, html, json"));
    };
    let Some((content, serialised)) = content(item.content, kind) else {
        return Ok(Err("it has no usable content"));
    };
    if content.len() > ARTIFACT_BYTES_MAX {
        return Err(Rejected::new(
            "artifact_size",
            format!("artifact {number} is larger than {ARTIFACT_BYTES_MAX} bytes"),
        ));
    }
    if content.contains('\0') {
        return Err(Rejected::new("invalid_text", format!("artifact {number} contains U+0000")));
    }
    if spelled_otherwise {
        warnings.push(format!("artifact_type_case: artifact {number}: write the type in lower case"));
    }
    if serialised {
        warnings.push(format!("artifact_serialised: artifact {number}: content should be a string"));
    }
    let named = item.filename.and_then(text);
    if named.is_none() {
        warnings.push(format!("artifact_unnamed: artifact {number} has no filename"));
    }
    let filename = label(&named.unwrap_or_default(), kind, number);
    Ok(Ok(Artifact { kind, filename, content }))
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn kind(raw: Option<&RawValue>) -> Option<(ArtifactKind, bool)> {
    let word = text(raw?)?;
    let lower = word.to_ascii_lowercase();
    Some((lower.parse().ok()?, lower != word))
}

/// The content, and whether it had to be written out as text first.
fn content(raw: Option<&RawValue>, kind: ArtifactKind) -> Option<(String, bool)> {
    let raw = raw?;
    match raw.get().as_bytes().first()? {
        b'"' => Some((text(raw)?, false)),
        b'{' | b'[' if kind == ArtifactKind::Json => Some((raw.get().to_owned(), true)),
        _ => None,
    }
}

/// A file name as a label: its last segment, without anything that a file system or a header could act on.
pub fn label(name: &str, kind: ArtifactKind, number: usize) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or("");
    let seen: String = last.chars().filter(|c| !is_unfit(*c)).map(inert).collect();
    let mut name = seen.trim_matches(['.', ' ']).to_owned();
    if is_device(&name) {
        name.insert(0, '_');
    }
    let mut name: String = name.chars().take(FILENAME_CHARS_MAX).collect();
    let extension = kind.extension();
    if name.is_empty() {
        name = format!("artifact-{number}");
    }
    if !name.to_lowercase().ends_with(extension) {
        name.push_str(extension);
    }
    name
}

/// What cannot be seen, and what some readers take for the end of a line.
fn is_unfit(c: char) -> bool {
    is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

fn inert(c: char) -> char {
    if matches!(c, '"' | '*' | ':' | '<' | '>' | '?' | '|' | '%' | ';') { '_' } else { c }
}

/// What follows `com` and `lpt` in a device's name; the raised ones count too.
const NUMBERS: [&str; 12] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "\u{b9}", "\u{b2}", "\u{b3}"];

/// Names that some systems open as devices, whatever follows the first dot.
fn is_device(stem: &str) -> bool {
    let name = stem.split('.').next().unwrap_or("").trim().to_ascii_lowercase();
    let numbered = |prefix: &str| name.strip_prefix(prefix).is_some_and(|n| NUMBERS.contains(&n));
    ["con", "prn", "aux", "nul", "conin$", "conout$"].contains(&name.as_str())
        || numbered("com")
        || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_list(json: &str) -> (Vec<Artifact>, Vec<String>) {
        let mut warnings = Vec::new();
        (read(json, &mut warnings).unwrap(), warnings)
    }

    #[test]
    fn what_cannot_be_used_is_dropped_and_said() {
        let check = |item: &str, warning: &str| {
            let good = r#"{"type": "csv", "filename": "t.csv", "content": "a,b"}"#;
            let (kept, warnings) = read_list(&format!("[{item}, {good}]"));
            assert_eq!(kept.iter().map(|a| a.filename.as_str()).collect::<Vec<_>>(), ["t.csv"], "{item}");
            assert!(warnings.len() == 1 && warnings[0].contains(warning), "{item}: {warnings:?}");
        };
        check("5", "not an object");
        check(r#"["markdown", "a.md", "x"]"#, "not an object");
        check(r#"{"type": "markdown", "type": "html", "content": "x"}"#, "twice");
        check(r#"{"type": 5, "content": "x"}"#, "its type");
        check(r#"{"type": "markdown", "content": 5}"#, "no usable content");
        check(r#"{"type": "markdown", "content": {"a": 1}}"#, "no usable content");
        check(r#"{"type": "markdown", "content": "\ud800"}"#, "no usable content");
    }

    #[test]
    fn json_content_that_is_no_text_is_written_out_as_sent() {
        let (kept, warnings) =
            read_list(r#"[{"type": "json", "filename": 7, "content": {"b": 1.50, "a": []}}]"#);
        assert_eq!(kept[0].content, r#"{"b": 1.50, "a": []}"#);
        assert_eq!(kept[0].filename, "artifact-1.json");
        assert!(
            warnings[0].starts_with("artifact_serialised") && warnings[1].starts_with("artifact_unnamed")
        );
    }

    #[test]
    fn labels() {
        let check = |name: &str, expected: &str| assert_eq!(label(name, ArtifactKind::Markdown, 3), expected);
        check("..", "artifact-3.md");
        check("a/b/", "artifact-3.md");
        check(" . report.MD. ", "report.MD");
        check("aux", "_aux.md");
        check("Com\u{b9}.txt", "_Com\u{b9}.txt.md");
        check("com10.md", "com10.md");
        check("a\r\nSet-Cookie: x\u{2028}.md", "aSet-Cookie_ x.md");
    }

    proptest! {
        #[test]
        fn a_label_is_inert_whatever_the_name(name in "(?s).{0,150}") {
            let label = label(&name, ArtifactKind::Csv, 1);
            prop_assert!(label.chars().count() <= FILENAME_CHARS_MAX + ".csv".len());
            prop_assert!(label.to_lowercase().ends_with(".csv") && !label.starts_with('.'));
            prop_assert!(!label.contains(['/', '\\', '"', ';', '%']) && !label.chars().any(is_unfit));
        }
    }
}
