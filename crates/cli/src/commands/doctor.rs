//! `gavel doctor`: whether anything in the database is as it cannot be.

use super::looked_at;
use crate::app::{KeyFile, key_file_of};
use crate::args::DoctorArgs;
use crate::settings::AppConfig;
use crate::{Failure, output};
use anyhow::anyhow;
use gavel_store::doctor::{Examination, Finding, Terms, damaged};
use gavel_store::{Older, Store};
use serde_json::{Value, json};

const OLDER: &str = "the database is older than this gavel, and stays as it is: let the gavel that works on it look \
    through it, or run `gavel migrate` first";

pub(super) async fn doctor(args: &DoctorArgs) -> Result<(), Failure> {
    let examined = match looked_at(&args.place).await {
        Ok((config, store)) => {
            let examined = examine_with_key(&store, &config).await;
            store.close().await;
            examined?
        }
        Err(Failure::Store(error)) => damaged(&error).ok_or(error)?, // it could not even be opened
        Err(failure) => return Err(failure),
    };
    if args.json {
        output::json(&document(&examined));
    } else {
        tell(&examined);
    }
    match examined.findings.len() {
        0 if examined.older.is_some() => Err(anyhow!(OLDER).into()),
        0 => Ok(()),
        1 => Err(anyhow!("1 thing is wrong").into()),
        wrong => Err(anyhow!("{wrong} things are wrong").into()),
    }
}

/// Everything that is wrong with a database, by the settings that are in force.
pub(super) async fn examine(store: &Store, config: &AppConfig) -> Result<Examination, Failure> {
    let terms = Terms { currency: config.currency.code() };
    Ok(store.examine(terms).await?)
}

/// `null`: nothing is wrong with what could be looked at, which is not all.
pub(super) fn is_sound(examined: &Examination) -> Option<bool> {
    match examined.older {
        Some(_) if examined.findings.is_empty() => None,
        _ => Some(examined.findings.is_empty()),
    }
}

/// The same, and whether the key file opens what is sealed there. One that is missing is only told: a copy of a database
/// lies apart from its key.
async fn examine_with_key(store: &Store, config: &AppConfig) -> Result<Examination, Failure> {
    let mut examined = examine(store, config).await?;
    if examined.counts.is_empty() {
        return Ok(examined); // a damaged file: nothing else was looked at
    }
    let path = config.key_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    match key_file_of(store, config).await? {
        KeyFile::Fits => examined.checks += 1,
        KeyFile::None => {}
        KeyFile::Missing => output::note(&format!(
            "The key file {path} is not there: without it a server does not start on this database (secrets.key_file)."
        )),
        KeyFile::Another => {
            examined.checks += 1;
            let sentence = format!("the key file {path} does not open what is sealed in this database");
            examined.findings.push(Finding { check: "key_file", id: None, sentence, remedy: KEY });
        }
    }
    Ok(examined)
}

const KEY: &str =
    "Put the key file in place that this database was made with, from your backup of it; no other opens it.";

/// What to do stands once per kind: findings of one kind follow each other.
pub(super) fn tell(examined: &Examination) {
    for (n, finding) in examined.findings.iter().enumerate() {
        output::line(&format!("{}: {}", finding.check, finding.sentence));
        let next = examined.findings.get(n + 1);
        if next.is_none_or(|next| next.check != finding.check) {
            output::line(&format!("  What to do: {}", finding.remedy));
        }
    }
    let counts: Vec<_> = examined.counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if let Some(older) = examined.older {
        return output::line(&about(examined, older));
    }
    let looked = format!("{} checks over {}", examined.checks, counts.join(", "));
    match examined.findings.len() {
        0 => output::line(&format!("Nothing is wrong: {looked}.")),
        _ if counts.is_empty() => {} // a damaged file: nothing else was looked at
        _ => output::line(&format!("Looked at: {looked}.")),
    }
}

/// What there is to be told of a database that this gavel cannot look through.
fn about(examined: &Examination, Older { found, needed }: Older) -> String {
    let looked = match examined.checks {
        0 => "Nothing was looked for",
        _ => "Nothing but the file was looked at",
    };
    match found {
        0 => format!("{looked}: no gavel has worked on this database yet."),
        _ => format!(
            "{looked}: the database is at version {found}, and this gavel knows what is right at {needed}."
        ),
    }
}

pub(super) fn document(examined: &Examination) -> Value {
    let counts: serde_json::Map<_, _> =
        examined.counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
    json!({
        "sound": is_sound(examined),
        "older": examined.older.map(|older| json!({ "found": older.found, "needed": older.needed })),
        "checks": examined.checks,
        "counts": counts,
        "findings": examined.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn finding(found: &Finding) -> Value {
    json!({
        "check": found.check,
        "id": found.id.map(|id| id.to_string()),
        "sentence": found.sentence,
        "remedy": found.remedy,
    })
}
