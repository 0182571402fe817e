//! Decisions as they were stored, with what they name.

use crate::Error;
use gavel_domain::TaskId;
use gavel_store::Store;
use gavel_triage::{ContentHash, ReplayError, Stored, record};

/// The decision of a task's round, with the contents it names; `None`: there is none. One of before contents were kept
/// comes without them: its record says of which version it is.
///
/// # Errors
/// When the database fails or the document is no record.
pub async fn stored(store: &Store, task: TaskId, round: u32) -> Result<Option<Stored>, Error> {
    let Some(document) = store.decision(task, round).await? else { return Ok(None) };
    let named: Vec<ContentHash> = match record(&document) {
        Ok(record) => record.candidates.into_iter().chain([record.parameters]).collect(),
        Err(ReplayError::Version(_) | ReplayError::Benchmark) => Vec::new(),
        Err(error) => return Err(Error::Stored(error)),
    };
    let hashes = named.iter().map(|hash| *hash.bytes()).collect();
    let contents = store.contents(&hashes).await?;
    let contents = contents.into_iter().map(|(hash, text)| (ContentHash::from(hash), text)).collect();
    Ok(Some(Stored { document, contents }))
}
