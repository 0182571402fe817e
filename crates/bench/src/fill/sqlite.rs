//! Copies in a SQLite file.

use super::{Column, Copies, Copying, DAYS_AGO, Table, kept, names, order, quoted, selected};
use anyhow::ensure;
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Weak;
use uuid::Uuid;

/// While it is filled nothing need be durable: a file that is filled half is thrown away.
const FAST: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;
    PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;";
/// What a stored time begins with.
const TIME: &str = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*";
/// As the store has it.
const AS_BEFORE: &str = "PRAGMA journal_mode = WAL;";

/// Ends early when nobody waits for it any more (`asked`): a thread cannot be stopped from outside.
pub(super) fn fill(file: &Path, copies: Copies, tell: fn(&str), asked: &Weak<()>) -> anyhow::Result<()> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch(FAST)?;
    let guards = take_away_guards(&connection)?;
    let plan = order(tables(&connection)?);
    for copying in &plan {
        keep(&connection, copying)?;
    }
    for (from, to) in copies.batches(tell) {
        ensure!(asked.strong_count() > 0, "nobody waits for the copies any more");
        let transaction = connection.transaction()?;
        for copying in &plan {
            transaction.execute(&text(copying), params![from as i64, to as i64, copies.first_ms as i64])?;
        }
        transaction.commit()?;
    }
    connection.execute_batch(&guards)?;
    Ok(connection.execute_batch(AS_BEFORE)?)
}

/// A copy is written as the finished task that it is, which the database's guards refuse; what puts them back.
fn take_away_guards(connection: &Connection) -> anyhow::Result<String> {
    let mut guards = connection.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")?;
    let guards = guards.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut back = String::new();
    for (name, text) in guards.collect::<Result<Vec<(String, String)>, _>>()? {
        connection.execute_batch(&format!("DROP TRIGGER {}", quoted(&name)))?;
        back += &format!("{text};\n");
    }
    Ok(back)
}

/// The template's rows, with their times moved back.
fn keep(connection: &Connection, copying: &Copying) -> anyhow::Result<()> {
    let (kept, table) = (kept(&copying.table), quoted(&copying.table));
    connection.execute_batch(&format!("CREATE TEMP TABLE {kept} AS SELECT * FROM {table}"))?;
    for column in copying.times().map(quoted) {
        let back = format!("strftime('%Y-%m-%dT%H:%M:%f', {column}, '-{DAYS_AGO} days') || '+00:00'");
        let text = format!("UPDATE {kept} SET {column} = {back} WHERE {column} IS NOT NULL");
        connection.execute_batch(&text)?;
    }
    Ok(())
}

fn text(copying: &Copying) -> String {
    let own = |column: &str| {
        format!(
            "CASE WHEN {column} IS NOT NULL THEN unhex(printf('%012x', ?3 + i) || substr(hex({column}), 13)) END"
        )
    };
    format!(
        "INSERT INTO {} ({}) WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
         SELECT {} FROM n CROSS JOIN {} AS t",
        quoted(&copying.table),
        names(copying),
        selected(copying, own),
        kept(&copying.table)
    )
}

fn tables(connection: &Connection) -> anyhow::Result<Vec<Table>> {
    let mut names = connection.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'
         AND name NOT LIKE '~_%' ESCAPE '~'",
    )?;
    let names = names.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    names.into_iter().map(|name| Ok(Table { columns: columns(connection, &name)?, name })).collect()
}

fn columns(connection: &Connection, table: &str) -> anyhow::Result<Vec<Column>> {
    let mut columns = connection.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
    let columns = columns.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let columns = columns.collect::<Result<Vec<(String, String)>, _>>()?;
    let column = |(name, kind): (String, String)| {
        let ids = if kind == "BLOB" { ids(connection, table, &name)? } else { Vec::new() };
        let (longest, is_time) = if kind == "TEXT" { texts(connection, table, &name)? } else { (0, false) };
        Ok(Column { name, ids, longest, is_time })
    };
    columns.into_iter().map(column).collect()
}

fn ids(connection: &Connection, table: &str, column: &str) -> anyhow::Result<Vec<Uuid>> {
    let column = quoted(column);
    let text = format!("SELECT {column} FROM {} WHERE length({column}) = 16", quoted(table));
    let mut rows = connection.prepare(&text)?;
    let ids = rows.query_map([], |row| row.get::<_, [u8; 16]>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(ids.into_iter().map(Uuid::from_bytes).collect())
}

/// How long the longest text is, and whether all are times.
fn texts(connection: &Connection, table: &str, column: &str) -> anyhow::Result<(u64, bool)> {
    let column = quoted(column);
    let text = format!(
        "SELECT COALESCE(MAX(length({column})), 0), COALESCE(MIN({column} GLOB '{TIME}'), 0) FROM {}",
        quoted(table)
    );
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?));
    Ok(connection.query_row(&text, [], read)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn every_copy_has_all_rows_under_ids_of_its_own_and_most_have_short_texts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("some.db");
        let template = Uuid::parse_str("0190a1b2-c3d4-7abc-8def-0123456789ab").unwrap();
        let (bid, agent) = (Uuid::from_u128(template.as_u128() + 1), Uuid::from_u128(77));
        let connection = Connection::open(&file).unwrap();
        let made = "CREATE TABLE tasks (id BLOB PRIMARY KEY, title TEXT, created_at TEXT);
             CREATE TABLE agents (id BLOB PRIMARY KEY);
             CREATE TABLE bids (id BLOB PRIMARY KEY, task_id BLOB REFERENCES tasks (id), agent_id BLOB, of_bid BLOB,
                 document TEXT);";
        connection.execute_batch(made).unwrap();
        let bytes = |id: Uuid| id.into_bytes().to_vec();
        connection
            .execute(
                "INSERT INTO tasks VALUES (?1, 'a guide', '2026-11-25T12:00:00.123456+00:00')",
                [bytes(template)],
            )
            .unwrap();
        connection.execute("INSERT INTO agents VALUES (?1)", [bytes(agent)]).unwrap();
        let document = format!("{{\"a\": \"{}\"}}", "long ".repeat(100));
        let row = params![bytes(bid), bytes(template), bytes(agent), document];
        connection.execute("INSERT INTO bids VALUES (?1, ?2, ?3, NULL, ?4)", row).unwrap();

        let copies = Copies { template, first_ms: 0x0190_a1b2_0000, count: 3 };
        let asked = Arc::new(());
        fill(&file, copies, |_| (), &Arc::downgrade(&asked)).unwrap();
        let number = |text: &str| connection.query_row(text, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(number("SELECT COUNT(*) FROM tasks WHERE title = 'a guide'"), 4);
        assert_eq!(number("SELECT COUNT(*) FROM agents"), 1);
        let joined =
            "SELECT COUNT(*) FROM bids b JOIN tasks t ON t.id = b.task_id JOIN agents a ON a.id = b.agent_id
             WHERE of_bid IS NULL";
        assert_eq!(number(joined), 4);
        let back = "SELECT COUNT(*) FROM tasks WHERE created_at = '2026-08-27T12:00:00.123+00:00'";
        assert_eq!(number(back), 3, "ninety days ago");
        let (long, short) = ("document LIKE '{%long %'", "document = '{}'");
        assert_eq!(
            number(&format!("SELECT COUNT(*) FROM bids WHERE {long}")),
            2,
            "the template and the first"
        );
        assert_eq!(number(&format!("SELECT COUNT(*) FROM bids WHERE {short}")), 2);
        let third =
            connection.query_row("SELECT title FROM tasks WHERE id = ?1", [bytes(copies.task(2))], |row| {
                row.get::<_, String>(0)
            });
        assert_eq!(third.unwrap(), "a guide");
        assert!(fill(&file, copies, |_| (), &Weak::new()).is_err(), "nobody waits");
    }
}
