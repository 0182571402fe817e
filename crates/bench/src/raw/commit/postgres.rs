//! PostgreSQL with the durability its server is set to: arrays of rows, on several connections.

use super::{Ids, Rows, Texts};
use futures::future::try_join_all;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use uuid::Uuid;

/// The server gathers the commits of several connections; more of them gain little.
const CONNECTIONS: usize = 4;
const TABLES: &str = "
    CREATE TABLE tasks (id UUID PRIMARY KEY, state TEXT NOT NULL, body TEXT NOT NULL);
    CREATE TABLE bids (id UUID PRIMARY KEY, task_id UUID NOT NULL, status TEXT NOT NULL, price BIGINT NOT NULL);
    CREATE INDEX bids_by_task ON bids (task_id);
    CREATE TABLE bodies (number BIGSERIAL PRIMARY KEY, bid_id UUID NOT NULL, text TEXT NOT NULL);";

/// Some connections.
pub(crate) struct Postgres {
    connections: Vec<PgConnection>,
    texts: Texts,
    ids: Ids,
}

impl Postgres {
    pub(super) async fn open(url: &str, texts: Texts) -> anyhow::Result<Postgres> {
        let mut connections = try_join_all((0..CONNECTIONS).map(|_| PgConnection::connect(url))).await?;
        if let Some(connection) = connections.first_mut() {
            connection.execute(TABLES).await?;
        }
        Ok(Postgres { connections, texts, ids: Ids::default() })
    }

    pub(super) async fn task(&mut self) -> anyhow::Result<()> {
        if let Some(connection) = self.connections.first_mut() {
            let insert = sqlx::query("INSERT INTO tasks VALUES ($1, 'open', $2)");
            insert.bind(self.ids.next()).bind(&self.texts.brief).execute(connection).await?;
        }
        Ok(())
    }

    pub(super) async fn groups(&mut self, groups: u32) -> anyhow::Result<()> {
        let mut shares: Vec<Vec<Vec<Rows>>> = self.connections.iter().map(|_| Vec::new()).collect();
        for number in 0..groups as usize {
            let connections = shares.len();
            shares[number % connections].push(self.ids.group());
        }
        let texts = &self.texts;
        let writing = self.connections.iter_mut().zip(shares).map(|(connection, share)| async move {
            for rows in share {
                group(connection, texts, &rows).await?;
            }
            anyhow::Ok(())
        });
        try_join_all(writing).await?;
        Ok(())
    }
}

async fn group(connection: &mut PgConnection, texts: &Texts, rows: &[Rows]) -> anyhow::Result<()> {
    let tasks: Vec<Uuid> = rows.iter().map(|rows| rows.task).collect();
    let pairs = || rows.iter().flat_map(|rows| rows.bids.iter().map(|bid| (*bid, rows.task)));
    let (bids, bids_tasks): (Vec<Uuid>, Vec<Uuid>) = pairs().unzip();
    let briefs = vec![texts.brief.as_str(); tasks.len()];
    let bodies = vec![texts.bid.as_str(); bids.len()];

    let mut transaction = connection.begin().await?;
    sqlx::query(
        "INSERT INTO tasks SELECT id, 'open', body FROM UNNEST($1::UUID[], $2::TEXT[]) AS t (id, body)",
    )
    .bind(tasks)
    .bind(briefs)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("INSERT INTO bids SELECT id, task_id, 'received', 2000 FROM UNNEST($1::UUID[], $2::UUID[]) AS t (id, task_id)")
        .bind(&bids)
        .bind(bids_tasks)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO bodies (bid_id, text) SELECT bid_id, text FROM UNNEST($1::UUID[], $2::TEXT[]) AS t (bid_id, text)")
        .bind(&bids)
        .bind(bodies)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}
