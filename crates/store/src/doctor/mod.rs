//! Is everything as it can only be? One look at the whole database, in one snapshot: a server that works beside it is
//! never seen half-way. Nothing is written.

mod checks;
mod guards;
#[cfg(test)]
mod tests;

use crate::db::{Conn, row, sql};
use crate::schema::{self, Older};
use crate::{Error, Result, Store, agents, ledger};
use checks::{CHECKS, Check, FOUND_MAX, Given};
use chrono::TimeDelta;
use gavel_domain::{Chain, Timestamp};
use uuid::Uuid;

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Examination {
    /// What there is of everything that was looked at, by its name.
    pub counts: Vec<(&'static str, u64)>,
    /// How many kinds of faults were looked for.
    pub checks: usize,
    /// Everything that is wrong; empty when nothing is.
    pub findings: Vec<Finding>,
    /// The database is older than this gavel: only its file was looked at, for the rest is asked in words of ours.
    pub older: Option<Older>,
}

/// Something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the check that found it.
    pub check: &'static str,
    /// The row, where it is one.
    pub id: Option<Uuid>,
    /// What is wrong.
    pub sentence: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What the money is measured by.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The currency's code, part of every chained record.
    pub currency: &'a str,
}

const DAMAGED: &str = "The file is damaged: stop the server, keep the file, and restore the newest backup. Look after \
    the disk and the memory of this machine.";
const DANGLING: &str = "Something other than gavel has written to the database: restore the newest backup in which \
    `gavel doctor` does not find this.";
const CHAIN: &str = "Settle nothing by hand. Keep this database for the record and restore the newest backup whose \
    ledger is sound.";
const UNGUARDED: &str = "Something other than gavel has changed the schema: restore the newest backup in which `gavel \
    doctor` does not find this.";
const UNREADABLE: &str = "Something other than gavel has written to the database. The agent is not asked until its row \
    can be read: restore the newest backup in which `gavel doctor` does not find this.";
/// How long a task may be due before somebody ought to have taken it up.
const PATIENCE: TimeDelta = TimeDelta::hours(1);

impl Store {
    /// Looks for everything that cannot be.
    pub async fn examine(&self, terms: Terms<'_>) -> Result<Examination> {
        self.looked_through(terms).await.or_else(|error| damaged(&error).ok_or(error))
    }

    async fn looked_through(&self, terms: Terms<'_>) -> Result<Examination> {
        let older = schema::older(self).await?;
        let mut moment = self.snapshot().await?;
        let examined = match older {
            None => examine(&mut moment, terms).await,
            Some(_) => file(&mut moment).await.map(|looked| Examination { older, ..looked }),
        };
        moment.rollback().await?; // also after an error: the connection goes back to the others
        examined
    }
}

/// What is to be said of a file that is so damaged that it cannot be read, as an error told.
pub fn damaged(error: &Error) -> Option<Examination> {
    let sentence = Chain(error).to_string();
    // SQLite's words, whichever driver carries them.
    let is_damage =
        ["disk image is malformed", "file is not a database"].iter().any(|w| sentence.contains(w));
    let finding = || Finding { check: "damaged", id: None, sentence, remedy: DAMAGED };
    is_damage.then(|| Examination { checks: 1, findings: vec![finding()], ..Examination::default() })
}

async fn examine(c: &mut Conn, terms: Terms<'_>) -> Result<Examination> {
    let mut found = file(c).await?;
    found.checks += CHECKS.len() + 3; // the ledger, the guards and the agents
    if !found.findings.is_empty() {
        return Ok(found); // whatever else were found in a damaged file would mislead
    }
    found.counts = counts(c).await?;
    found.findings.extend(guards::missing(c).await?.into_iter().map(unguarded));
    let last = last_event(c).await?;
    for check in CHECKS {
        look(c, check, last, &mut found.findings).await?;
    }
    found.findings.extend(agents::unreadable(c, FOUND_MAX).await?.into_iter().map(unreadable));
    let ledger = ledger::verify(c, terms.currency).await?;
    let problem = |problem| Finding { check: "ledger", id: None, sentence: problem, remedy: CHAIN };
    found.findings.extend(ledger.problems.into_iter().map(problem));
    Ok(found)
}

/// Whether the file is whole, and whether every row that is pointed at exists. PostgreSQL looks after its own.
async fn file(c: &mut Conn) -> Result<Examination> {
    let mut found = Examination::default();
    if matches!(c, Conn::Sqlite(_)) {
        found.checks = 2;
        whole(c, &mut found.findings).await?;
    }
    Ok(found)
}

async fn whole(c: &mut Conn, found: &mut Vec<Finding>) -> Result<()> {
    let told = sql!(c, fetch_all as (String,), "PRAGMA quick_check(20)")?;
    let damaged = |(sentence,)| Finding { check: "damaged", id: None, sentence, remedy: DAMAGED };
    found.extend(told.into_iter().filter(|(line,)| line != "ok").map(damaged));
    if !found.is_empty() {
        return Ok(());
    }
    let dangling = sql!(
        c,
        fetch_all as (String, String),
        "SELECT DISTINCT \"table\", parent FROM pragma_foreign_key_check"
    )?;
    found.extend(dangling.into_iter().map(|(table, parent)| Finding {
        check: "dangling",
        id: None,
        sentence: format!("rows of {table} point at rows of {parent} that are not there"),
        remedy: DANGLING,
    }));
    Ok(())
}

async fn counts(c: &mut Conn) -> Result<Vec<(&'static str, u64)>> {
    const COUNTS: &[(&str, &str)] = &[
        ("tasks", "SELECT COUNT(*) FROM tasks"),
        ("events", "SELECT COUNT(*) FROM task_events"),
        ("invitations", "SELECT COUNT(*) FROM invitations"),
        ("bids", "SELECT COUNT(*) FROM bids"),
        ("transfers", "SELECT COUNT(*) FROM transfers"),
    ];
    let mut counts = Vec::with_capacity(COUNTS.len());
    for (name, count) in COUNTS {
        let (rows,) = sql!(c, fetch_one as (i64,), *count)?;
        counts.push((*name, u64::try_from(rows).unwrap_or(0)));
    }
    Ok(counts)
}

async fn last_event(c: &mut Conn) -> Result<Option<Timestamp>> {
    let (last,) = sql!(c, fetch_one as (Option<Timestamp>,), "SELECT MAX(at) FROM task_events")?;
    Ok(last)
}

row! {
    struct Found {
        id: Uuid,
        what: String,
    }
}

async fn look(c: &mut Conn, check: &Check, last: Option<Timestamp>, found: &mut Vec<Finding>) -> Result<()> {
    let (sqlite, postgres) = (check.sqlite, check.postgres);
    let rows = match (check.given, last) {
        (Given::Nothing, _) => sql!(c, fetch_all as Found, { sqlite: sqlite, postgres: postgres })?,
        (Given::Overdue, Some(last)) => {
            sql!(c, fetch_all as Found, { sqlite: sqlite, postgres: postgres }, last - PATIENCE)?
        }
        (Given::Overdue, None) => return Ok(()),
    };
    let more = rows.len() > FOUND_MAX;
    found.extend(rows.into_iter().take(FOUND_MAX).map(|row| finding(check, &row)));
    if more {
        let sentence = format!("there are more than {FOUND_MAX} of these");
        found.push(Finding { check: check.name, id: None, sentence, remedy: check.remedy });
    }
    Ok(())
}

fn finding(check: &Check, row: &Found) -> Finding {
    let sentence = check.sentence.replace("{id}", &row.id.to_string()).replace("{what}", &row.what);
    Finding { check: check.name, id: Some(row.id), sentence, remedy: check.remedy }
}

fn unreadable((agent, error): (Uuid, Error)) -> Finding {
    let sentence = format!("agent {agent} cannot be read: {}", Chain(&error));
    Finding { check: "unreadable", id: Some(agent), sentence, remedy: UNREADABLE }
}

fn unguarded(guard: String) -> Finding {
    let sentence = format!("the guard {guard} is not in the schema: what it refuses could be written");
    Finding { check: "unguarded", id: None, sentence, remedy: UNGUARDED }
}
