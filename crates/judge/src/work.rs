//! What is judged: the work alone. Who made it, at what price and with what message is not here to be seen.

use gavel_domain::invitation::{Answer, Artifact};
use sha2::{Digest, Sha256};

/// A prototype or a delivery, blind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// The work itself.
    pub full_text: String,
    /// Files beside it.
    pub artifacts: Vec<Artifact>,
}

impl Work {
    /// The part of an answer that may be judged.
    pub fn of(answer: &Answer) -> Self {
        Self { full_text: answer.full_text.clone(), artifacts: answer.artifacts.clone() }
    }

    /// SHA-256 over every byte that is judged; lengths go in too, so that nothing can move from one part to the next.
    pub(crate) fn hash_into(&self, hasher: &mut Sha256) {
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        part(self.full_text.as_bytes());
        for artifact in &self.artifacts {
            part(artifact.kind.name().as_bytes());
            part(artifact.filename.as_bytes());
            part(artifact.content.as_bytes());
        }
    }
}
