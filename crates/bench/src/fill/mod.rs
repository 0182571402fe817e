//! One task's rows copied a million times. The task went through Gavel like any other, so that its rows are what the
//! store writes; a copy differs in its ids, which keep their chance and get a time of their own. Which rows are a task's
//! is told from the ids in them: no table is named here but `tasks`.
//!
//! A million tasks with all that was said of them would take longer to write than to measure: most copies have short
//! texts, and every [`WHOLE`]th has them as they are, to be read.

mod postgres;
mod sqlite;

use crate::bench::Bench;
use crate::database::Database;
use anyhow::Context as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Copies that are written at once.
const BATCH: u64 = 10_000;
/// Copies are of tasks that came and went so many days ago: what is counted of late counts only what is new.
const DAYS_AGO: u64 = 90;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Of so many copies one keeps its long texts; a batch begins with one.
pub(crate) const WHOLE: u64 = 50;
/// Texts that are longer are long.
const SHORT: u64 = 250;
/// Bits of an id behind its time.
const BITS_BEHIND_THE_TIME: u32 = 80;

/// The copies of a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copies {
    template: Uuid,
    /// The time in the ids of the first, in milliseconds; each later copy has the next.
    first_ms: u64,
    pub(crate) count: u64,
}

/// A table with the ids in it, while the template is its only task.
#[derive(Debug, Clone, Default)]
struct Table {
    name: String,
    columns: Vec<Column>,
}

/// A column with the ids in it, or with the length of its longest text; or it has times.
#[derive(Debug, Clone, Default)]
struct Column {
    name: String,
    ids: Vec<Uuid>,
    longest: u64,
    is_time: bool,
}

/// How a table's rows are copied.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Copying {
    table: String,
    columns: Vec<CopiedColumn>,
}

/// A column that is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CopiedColumn {
    name: String,
    kind: Kind,
}

/// What becomes of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// They stay.
    Same,
    /// They are ids of the task's own; each copy has others.
    Own,
    /// They are long texts; most copies have short ones.
    Long,
    /// They are times, moved back where the template's rows are kept.
    Time,
}

/// Copies the only task of a database that nobody else has open.
pub(crate) async fn fill(
    bench: &Bench,
    database: &Database,
    task: &str,
    count: u64,
) -> anyhow::Result<Copies> {
    let template = Uuid::parse_str(task).context("the task's id is no UUID")?;
    let first_ms = (template.as_u128() >> BITS_BEHIND_THE_TIME) as u64 - DAYS_AGO * DAY_MS;
    let copies = Copies { template, first_ms, count };
    match database {
        Database::Sqlite(file) => {
            let (file, tell, wanted) = (file.clone(), bench.tell, Arc::new(()));
            let asked = Arc::downgrade(&wanted);
            tokio::task::spawn_blocking(move || sqlite::fill(&file, copies, tell, &asked)).await??;
        }
        Database::Postgres(url) => postgres::fill(url, copies, bench.tell).await?,
    }
    Ok(copies)
}

impl Copies {
    /// The id of a copy.
    pub(crate) fn task(&self, number: u64) -> Uuid {
        let chance = self.template.as_u128() & ((1 << BITS_BEHIND_THE_TIME) - 1);
        Uuid::from_u128(u128::from(self.first_ms + number) << BITS_BEHIND_THE_TIME | chance)
    }

    /// From and to of each batch, with a word on every tenth of the way.
    fn batches(self, tell: fn(&str)) -> impl Iterator<Item = (u64, u64)> {
        let steps = (self.count / 10).max(BATCH) / BATCH;
        (0..self.count.div_ceil(BATCH)).map(move |number| {
            if number > 0 && number % steps == 0 {
                tell(&format!("{} of {} tasks are stored", number * BATCH, self.count));
            }
            (number * BATCH, self.count.min((number + 1) * BATCH))
        })
    }
}

impl Copying {
    /// Columns with times.
    fn times(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|column| column.kind == Kind::Time).map(|column| column.name.as_str())
    }
}

/// Tables whose rows are the task's, each behind those it refers to.
fn order(tables: Vec<Table>) -> Vec<Copying> {
    let own_ids = |table: &Table| -> BTreeSet<Uuid> {
        table
            .columns
            .iter()
            .filter(|column| column.name == "id")
            .flat_map(|column| &column.ids)
            .copied()
            .collect()
    };
    let holds = |column: &Column, ids: &BTreeSet<Uuid>| column.ids.iter().any(|id| ids.contains(id));
    let (mut of_the_task, mut others): (Vec<Table>, Vec<Table>) =
        tables.into_iter().partition(|table| table.name == "tasks");
    let mut own: BTreeSet<Uuid> = of_the_task.iter().flat_map(own_ids).collect();
    loop {
        let belongs = |table: &Table| table.columns.iter().any(|column| holds(column, &own));
        let (more, rest): (Vec<Table>, Vec<Table>) = others.into_iter().partition(belongs);
        others = rest;
        if more.is_empty() {
            break;
        }
        own.extend(more.iter().flat_map(own_ids));
        of_the_task.extend(more);
    }

    let mut ordered = Vec::new();
    while !of_the_task.is_empty() {
        let waits = |table: &Table| {
            let refers = |other: &Table| {
                let theirs = own_ids(other);
                let mut columns = table.columns.iter().filter(|column| column.name != "id");
                other.name != table.name && columns.any(|column| holds(column, &theirs))
            };
            of_the_task.iter().any(refers)
        };
        let (mut waiting, mut free): (Vec<Table>, Vec<Table>) =
            of_the_task.iter().cloned().partition(|table| waits(table));
        if free.is_empty() {
            free = std::mem::take(&mut waiting); // a circle: the database will say whether it minds
        }
        let kind = |column: &Column| match column.longest {
            _ if holds(column, &own) => Kind::Own,
            _ if column.is_time => Kind::Time,
            longest if longest > SHORT => Kind::Long,
            _ => Kind::Same,
        };
        let column = |column: &Column| CopiedColumn { name: column.name.clone(), kind: kind(column) };
        ordered.extend(free.iter().map(|table| Copying {
            table: table.name.clone(),
            columns: table.columns.iter().map(column).collect(),
        }));
        of_the_task = waiting;
    }
    ordered
}

/// Names as both engines quote them.
fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// What is selected for every column: itself, what `own` makes of it, or a text as short as its kind allows.
fn selected(copying: &Copying, own: impl Fn(&str) -> String) -> String {
    let one = |column: &CopiedColumn| {
        let name = format!("t.{}", quoted(&column.name));
        match column.kind {
            Kind::Same | Kind::Time => name,
            Kind::Own => own(&name),
            Kind::Long => format!(
                "CASE WHEN i % {WHOLE} = 0 THEN {name} WHEN substr({name}, 1, 1) = '{{' THEN '{{}}'
                 WHEN substr({name}, 1, 1) = '[' THEN '[]' ELSE substr({name}, 1, {SHORT}) END"
            ),
        }
    };
    copying.columns.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The names of all columns.
fn names(copying: &Copying) -> String {
    copying.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
}

/// The table that keeps the template's rows while they are copied.
fn kept(table: &str) -> String {
    quoted(&format!("template_{table}"))
}

#[cfg(test)]
mod tests {
    use super::Kind::{Long, Own, Same, Time};
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn table(name: &str, columns: &[(&str, &[u128])]) -> Table {
        let column = |(name, ids): &(&str, &[u128])| Column {
            name: (*name).to_owned(),
            ids: ids.iter().map(|n| id(*n)).collect(),
            longest: if name.ends_with("text") { SHORT + 1 } else { 0 },
            is_time: name.ends_with("_at"),
        };
        Table { name: name.to_owned(), columns: columns.iter().map(column).collect() }
    }

    #[test]
    fn what_is_the_tasks_is_told_from_ids() {
        let tables = vec![
            table("answers", &[("owner_id", &[30, 31]), ("full_text", &[])]),
            table("bids", &[("id", &[30, 31]), ("task_id", &[1, 1]), ("invitation_id", &[20, 21])]),
            table("agents", &[("id", &[7])]),
            table("invitations", &[("id", &[20, 21]), ("task_id", &[1, 1]), ("agent_id", &[7, 8])]),
            table("tasks", &[("id", &[1]), ("account_id", &[9]), ("created_at", &[])]),
            table("accounts", &[("id", &[9])]),
        ];
        let ordered = order(tables);
        let tables: Vec<&str> = ordered.iter().map(|copying| copying.table.as_str()).collect();
        assert_eq!(tables, ["tasks", "invitations", "bids", "answers"]);
        let kinds = |at: usize| ordered[at].columns.iter().map(|column| column.kind).collect::<Vec<_>>();
        assert_eq!((kinds(0), kinds(1)), (vec![Own, Same, Time], vec![Own, Own, Same]));
        assert_eq!((kinds(2), kinds(3)), (vec![Own, Own, Own], vec![Own, Long]));
    }

    #[test]
    fn copies_differ_in_the_time_of_their_ids() {
        let template = Uuid::parse_str("0190a1b2-c3d4-7abc-8def-0123456789ab").unwrap();
        let copies = Copies { template, first_ms: 0x0190_a1b2_c3d0, count: 4 };
        assert_eq!(copies.task(0).to_string(), "0190a1b2-c3d0-7abc-8def-0123456789ab");
        assert_eq!(copies.task(4), template);
    }

    #[test]
    fn batches_cover_all_copies() {
        let copies = Copies { template: id(1), first_ms: 0, count: BATCH * 2 + 5 };
        let batches: Vec<_> = copies.batches(|_| ()).collect();
        assert_eq!(batches, [(0, BATCH), (BATCH, BATCH * 2), (BATCH * 2, BATCH * 2 + 5)]);
    }
}
