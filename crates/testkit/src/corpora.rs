//! The corpora: test data with expected results, kept outside the project.

use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// The rows of one corpus file such as `triage/slot_cases.jsonl`, or `None` where there are no corpora.
///
/// The folder comes from `GAVEL_CORPORA`, else `../shared/corpora` beside the workspace. Without it the test says
/// so and passes, unless `GAVEL_CORPORA_REQUIRED=1`.
pub fn rows<T: DeserializeOwned>(file: &str) -> Option<Vec<T>> {
    let text = text(file)?;
    let rows =
        text.lines().filter(|line| !line.trim().is_empty()).enumerate().map(|(i, line)| {
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{file} line {}: {e}", i + 1))
        });
    Some(rows.collect())
}

/// The text of one corpus file, or `None` where there are no corpora.
pub fn text(file: &str) -> Option<String> {
    let path = folder().join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(e) if std::env::var("GAVEL_CORPORA_REQUIRED").is_ok_and(|v| v == "1") => {
            panic!("GAVEL_CORPORA_REQUIRED=1, but {}: {e}", path.display())
        }
        Err(_) => {
            crate::aloud(&format!("skipped: no corpora at {}", path.display()));
            None
        }
    }
}

fn folder() -> PathBuf {
    let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let workspace = workspace.canonicalize().unwrap_or(workspace); // to be read in a message
    match std::env::var_os("GAVEL_CORPORA") {
        Some(given) => workspace.join(given), // an absolute path replaces the base
        None => workspace.join("../shared/corpora"),
    }
}
