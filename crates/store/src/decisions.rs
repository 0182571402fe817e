//! Triage's decisions, and what they name: facts of candidates and parameters, each stored once under the hash of what it
//! says.

use crate::db::{Conn, sql};
use crate::{Error, Result, Store};
use gavel_domain::{TaskId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Names a content.
pub type Hash = [u8; 16];

/// A decision of triage as it is stored.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// The record, as JSON text.
    pub document: String,
    /// What it names and may not be stored yet, as JSON texts.
    pub contents: BTreeMap<Hash, String>,
}

/// Of which task, which round, when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The task.
    pub task: TaskId,
    /// The round.
    pub round: u32,
    /// When it was stored.
    pub at: Timestamp,
}

impl Store {
    /// The record of a round's decision, as JSON text.
    pub async fn decision(&self, task: TaskId, round: u32) -> Result<Option<String>> {
        let mut c = self.read().await?;
        let row = sql!(
            c,
            fetch_optional as (String,),
            "SELECT document FROM decisions WHERE task_id = $1 AND round = $2",
            task.uuid(),
            i64::from(round)
        )?;
        Ok(row.map(|(document,)| document))
    }

    /// Contents by their hashes; those that are not stored are not there.
    pub async fn contents(&self, hashes: &BTreeSet<Hash>) -> Result<BTreeMap<Hash, String>> {
        let mut c = self.read().await?;
        let mut found = BTreeMap::new();
        for hash in hashes {
            let row = sql!(
                c,
                fetch_optional as (String,),
                "SELECT body FROM contents WHERE hash = $1",
                hash.as_slice()
            )?;
            found.extend(row.map(|(body,)| (*hash, body)));
        }
        Ok(found)
    }

    /// The latest decisions of a category (of all, when none is named), newest first.
    pub async fn latest_decisions(&self, category: Option<&str>, most: u32) -> Result<Vec<Decided>> {
        let mut c = self.read().await?;
        let rows = sql!(
            c,
            fetch_all as (Uuid, i64, Timestamp),
            "SELECT d.task_id, d.round, d.decided_at FROM decisions d JOIN tasks t ON t.id = d.task_id
             WHERE $1 = '' OR t.category = $1 ORDER BY d.decided_at DESC, d.task_id, d.round LIMIT $2",
            category.unwrap_or_default(),
            i64::from(most)
        )?;
        let decided = |(task, round, at): (Uuid, i64, Timestamp)| {
            let round = u32::try_from(round).map_err(Error::value("decisions", "round"))?;
            Ok(Decided { task: TaskId::from_uuid(task), round, at })
        };
        rows.into_iter().map(decided).collect()
    }

    /// Removes up to `most` contents that no decision names any more. What is named was noted as used a day before the
    /// oldest decision that names it at the latest; `unused_since` holds where there are no decisions.
    pub async fn remove_contents(&self, unused_since: Timestamp, most: u32) -> Result<u64> {
        let mut c = self.read().await?;
        let (oldest,) = sql!(c, fetch_one as (Option<Timestamp>,), "SELECT MIN(decided_at) FROM decisions")?;
        let before =
            oldest.map_or(unused_since, |oldest| oldest.min(unused_since)) - chrono::TimeDelta::days(1);
        let due = sql!(
            c,
            fetch_optional as (Timestamp,),
            "SELECT used_at FROM contents WHERE used_at < $1 ORDER BY used_at LIMIT 1",
            before
        )?;
        drop(c);
        if due.is_none() {
            return Ok(0); // without the write lock
        }
        let mut tx = self.begin().await?;
        let removed = sql!(
            tx,
            execute,
            {
                sqlite: "DELETE FROM contents WHERE hash IN (
                             SELECT hash FROM contents WHERE used_at < $1 ORDER BY used_at LIMIT $2)",
                // What a decision is just naming again is skipped, and kept: it is locked there.
                postgres: "DELETE FROM contents WHERE hash IN (
                               SELECT hash FROM contents WHERE used_at < $1 ORDER BY used_at LIMIT $2
                               FOR UPDATE SKIP LOCKED)",
            },
            before,
            i64::from(most)
        )?;
        tx.commit().await?;
        Ok(removed)
    }
}

/// Stores a round's decision, with what it names. Contents are locked in the order of their hashes.
pub(crate) async fn insert(
    c: &mut Conn,
    (task, round): (TaskId, u32),
    decision: &Decision,
    now: Timestamp,
) -> Result<()> {
    for (hash, body) in &decision.contents {
        sql!(
            c,
            execute,
            "INSERT INTO contents (hash, body, used_at) VALUES ($1, $2, $3)
             ON CONFLICT (hash) DO UPDATE SET used_at = excluded.used_at WHERE contents.used_at < excluded.used_at",
            hash.as_slice(),
            body,
            now
        )?;
    }
    sql!(
        c,
        execute,
        "INSERT INTO decisions (task_id, round, document, decided_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (task_id, round) DO NOTHING",
        task.uuid(),
        i64::from(round),
        &decision.document,
        now
    )?;
    Ok(())
}
