//! The size of the binary that is deployed.

use crate::place::Subject;
use anyhow::Context as _;
use serde::Serialize;

/// What it came to.
#[derive(Debug, Serialize)]
pub struct Size {
    /// The binary; absent where there is none of its own.
    pub binary_bytes: Option<u64>,
}

/// Measures it.
///
/// # Errors
/// When the binary cannot be looked at.
pub fn measure(subject: &Subject) -> anyhow::Result<Size> {
    let Subject::Binary(binary) = subject else { return Ok(Size { binary_bytes: None }) };
    let seen =
        std::fs::metadata(binary).with_context(|| format!("{} cannot be looked at", binary.display()))?;
    Ok(Size { binary_bytes: Some(seen.len()) })
}
