//! SQLite with the journal and the durability of the store.

use super::{Ids, Rows, Texts};
use anyhow::Context as _;
use rusqlite::{Connection, params};
use std::path::Path;

const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE tasks (id BLOB PRIMARY KEY, state TEXT NOT NULL, body TEXT NOT NULL) STRICT;
    CREATE TABLE bids (id BLOB PRIMARY KEY, task_id BLOB NOT NULL, status TEXT NOT NULL, price INTEGER NOT NULL) STRICT;
    CREATE INDEX bids_by_task ON bids (task_id);
    CREATE TABLE bodies (number INTEGER PRIMARY KEY, bid_id BLOB NOT NULL, text TEXT NOT NULL) STRICT;";

/// One connection; a file has one writer.
pub(crate) struct Sqlite {
    connection: Connection,
    texts: Texts,
    ids: Ids,
}

impl Sqlite {
    pub(super) fn open(file: &Path, texts: Texts) -> anyhow::Result<Sqlite> {
        let connection = Connection::open(file).context("the raw database cannot be opened")?;
        connection.execute_batch(TABLES)?;
        Ok(Sqlite { connection, texts, ids: Ids::default() })
    }

    pub(super) fn task(&mut self) -> anyhow::Result<()> {
        insert_task(&self.connection, &self.texts, self.ids.next().as_bytes())
    }

    pub(super) fn group(&mut self) -> anyhow::Result<()> {
        let transaction = self.connection.transaction()?;
        for Rows { task, bids } in self.ids.group() {
            insert_task(&transaction, &self.texts, task.as_bytes())?;
            let mut bid_row =
                transaction.prepare_cached("INSERT INTO bids VALUES (?1, ?2, 'received', 2000)")?;
            let mut body_row =
                transaction.prepare_cached("INSERT INTO bodies (bid_id, text) VALUES (?1, ?2)")?;
            for bid in bids {
                bid_row.execute(params![bid.as_bytes(), task.as_bytes()])?;
                body_row.execute(params![bid.as_bytes(), self.texts.bid])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

fn insert_task(connection: &Connection, texts: &Texts, id: &[u8; 16]) -> anyhow::Result<()> {
    let mut row = connection.prepare_cached("INSERT INTO tasks VALUES (?1, 'open', ?2)")?;
    row.execute(params![id, texts.brief])?;
    Ok(())
}
