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
    let Ok(item) = serde_json::from_str::<Item<'_>>(json) else { return Ok(Err("it is not an object")) };
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
    let seen: String = last.chars().filter(|c| !is_invisible(*c)).map(inert).collect();
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

fn inert(c: char) -> char {
    if matches!(c, '"' | '*' | ':' | '<' | '>' | '?' | '|' | '%' | ';') { '_' } else { c }
}

/// Names that some systems open as devices, whatever follows the first dot.
fn is_device(stem: &str) -> bool {
    let name = stem.split('.').next().unwrap_or("").trim().to_ascii_lowercase();
    let numbered =
        |prefix: &str| name.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && ("1"..="9").contains(&n));
    ["con", "prn", "aux", "nul", "conin$", "conout$"].contains(&name.as_str())
        || numbered("com")
        || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_label_is_inert_whatever_the_name(name in "(?s).{0,150}") {
            let label = label(&name, ArtifactKind::Csv, 1);
            prop_assert!(label.chars().count() <= FILENAME_CHARS_MAX + ".csv".len());
            prop_assert!(label.to_lowercase().ends_with(".csv") && !label.starts_with('.'));
            prop_assert!(!label.contains(['/', '\\', '"', ';', '%']) && !label.chars().any(is_invisible));
        }
    }
}
