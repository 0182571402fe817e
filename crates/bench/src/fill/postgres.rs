//! Copies in a PostgreSQL database.

use super::{Column, Copies, Copying, DAYS_AGO, Table, kept, names, order, quoted, selected};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use uuid::Uuid;

const COLUMNS: &str = "SELECT c.table_name::text, c.column_name::text, c.udt_name::text
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND left(c.table_name, 1) <> '_'
    ORDER BY c.table_name, c.ordinal_position";

pub(super) async fn fill(url: &str, copies: Copies, tell: fn(&str)) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    // Copies need not be durable one by one, nor checked where that can be left out: a superuser may say so.
    connection.execute("SET synchronous_commit = off").await?;
    let _ = connection.execute("SET session_replication_role = replica").await;
    let plan = order(tables(&mut connection).await?);
    for copying in &plan {
        keep(&mut connection, copying).await?;
    }
    for (from, to) in copies.batches(tell) {
        let mut transaction = connection.begin().await?;
        for copying in &plan {
            transaction.execute(AssertSqlSafe(text(copying, (from, to), copies.first_ms))).await?;
        }
        transaction.commit().await?;
    }
    connection.execute("ANALYZE").await?;
    Ok(connection.close().await?)
}

/// The template's rows, with their times moved back.
async fn keep(connection: &mut PgConnection, copying: &Copying) -> anyhow::Result<()> {
    let (kept, table) = (kept(&copying.table), quoted(&copying.table));
    let text = format!("CREATE TEMP TABLE {kept} AS SELECT * FROM {table}");
    connection.execute(AssertSqlSafe(text)).await?;
    for column in copying.times().map(quoted) {
        let text = format!("UPDATE {kept} SET {column} = {column} - INTERVAL '{DAYS_AGO} days'");
        connection.execute(AssertSqlSafe(text)).await?;
    }
    Ok(())
}

fn text(copying: &Copying, (from, to): (u64, u64), first_ms: u64) -> String {
    let own = |column: &str| {
        let rest = format!("substr(replace({column}::text, '-', ''), 13)");
        format!("(lpad(to_hex({first_ms} + i), 12, '0') || {rest})::uuid")
    };
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM generate_series({from}::bigint, {to}::bigint - 1) AS n (i) CROSS JOIN {} AS t",
        quoted(&copying.table),
        names(copying),
        selected(copying, own),
        kept(&copying.table)
    )
}

async fn tables(connection: &mut PgConnection) -> anyhow::Result<Vec<Table>> {
    let columns: Vec<(String, String, String)> = sqlx::query_as(COLUMNS).fetch_all(&mut *connection).await?;
    let mut tables: Vec<Table> = Vec::new();
    for (table, name, kind) in columns {
        let ids = if kind == "uuid" { ids(connection, &table, &name).await? } else { Vec::new() };
        let longest = if kind == "text" { longest(connection, &table, &name).await? } else { 0 };
        let column = Column { name, ids, longest, is_time: kind == "timestamptz" };
        match tables.last_mut() {
            Some(last) if last.name == table => last.columns.push(column),
            _ => tables.push(Table { name: table, columns: vec![column] }),
        }
    }
    Ok(tables)
}

async fn ids(connection: &mut PgConnection, table: &str, column: &str) -> anyhow::Result<Vec<Uuid>> {
    let column = quoted(column);
    let text = format!("SELECT {column} FROM {} WHERE {column} IS NOT NULL", quoted(table));
    Ok(sqlx::query_scalar(AssertSqlSafe(text)).fetch_all(&mut *connection).await?)
}

async fn longest(connection: &mut PgConnection, table: &str, column: &str) -> anyhow::Result<u64> {
    let text =
        format!("SELECT CAST(COALESCE(MAX(length({})), 0) AS BIGINT) FROM {}", quoted(column), quoted(table));
    let longest: i64 = sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&mut *connection).await?;
    Ok(longest.unsigned_abs())
}
