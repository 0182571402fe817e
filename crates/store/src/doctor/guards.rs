//! Which of the schema's guards are missing. What ought to be there is read from the migrations themselves.

use crate::Result;
use crate::db::{Conn, sql};
use std::collections::BTreeSet;

macro_rules! migrations {
    ($engine:literal) => {
        &[
            include_str!(concat!("../../../../migrations/", $engine, "/0001_marketplace.sql")),
            include_str!(concat!("../../../../migrations/", $engine, "/0004_guards.sql")),
            include_str!(concat!("../../../../migrations/", $engine, "/0007_retention.sql")),
        ]
    };
}

/// The migrations that make or drop triggers, in their order.
const SQLITE: &[&str] = migrations!("sqlite");
const POSTGRES: &[&str] = migrations!("postgres");

pub(super) async fn missing(c: &mut Conn) -> Result<Vec<String>> {
    let wanted = guards(match c {
        Conn::Sqlite(_) => SQLITE,
        Conn::Postgres(_) => POSTGRES,
    });
    let there = sql!(
        c,
        fetch_all as (String,),
        {
            sqlite: "SELECT name FROM sqlite_schema WHERE type = 'trigger'",
            postgres: "SELECT CAST(tgname AS TEXT) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
        }
    )?;
    let there: BTreeSet<String> = there.into_iter().map(|(name,)| name).collect();
    Ok(wanted.into_iter().filter(|guard| !there.contains(*guard)).map(str::to_owned).collect())
}

/// The names of the triggers that are there after these migrations.
fn guards<'a>(migrations: &[&'a str]) -> BTreeSet<&'a str> {
    let mut guards = BTreeSet::new();
    for line in migrations.iter().flat_map(|text| text.lines()) {
        if let Some(name) = after(line, &["CREATE TRIGGER ", "CREATE CONSTRAINT TRIGGER "]) {
            guards.insert(name);
        } else if let Some(name) = after(line, &["DROP TRIGGER "]) {
            guards.remove(name);
        }
    }
    guards
}

fn after<'a>(line: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    let rest = beginnings.iter().find_map(|beginning| line.strip_prefix(beginning))?;
    rest.split([' ', ';']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_are_read_from_the_migrations() {
        let text = "CREATE TRIGGER a BEFORE x;\nCREATE TRIGGER b BEFORE y\nDROP TRIGGER a;\nCREATE CONSTRAINT TRIGGER c AFTER";
        assert_eq!(guards(&[text]), BTreeSet::from(["b", "c"]));
        for engine in [SQLITE, POSTGRES] {
            let guards = guards(engine);
            assert!(guards.len() > 25, "{guards:?}");
            assert!(
                guards.contains("transfers_balance") && !guards.contains("transfers_are_final"),
                "{guards:?}"
            );
        }
    }
}
