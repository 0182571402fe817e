//! `gavel backup`: a copy of a SQLite database that may be in use, looked at before it is given its name.

use super::{doctor, looked_at, settings_of};
use crate::args::BackupArgs;
use crate::settings::AppConfig;
use crate::{Failure, output};
use anyhow::anyhow;
use gavel_domain::Chain;
use gavel_store::Store;
use gavel_store::backup::Copy;
use gavel_store::doctor::Examination;
use serde_json::json;
use std::path::Path;
use std::time::Instant;

const POSTGRES: &str = "this database is on PostgreSQL: copy it with pg_dump (pg_dump --format=custom --file=FILE URL), \
    and bring it back with pg_restore";

pub(super) async fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let begun = Instant::now();
    if settings_of(&args.place)?.database_url.starts_with("postgres") {
        return Err(Failure::Usage(POSTGRES.to_owned()));
    }
    let copy = begin(&args.file)?;
    let (config, store) = looked_at(&args.place).await?;
    let written = store.copy_into(&copy).await;
    store.close().await;
    if !written? {
        return Err(Failure::Usage(POSTGRES.to_owned()));
    }
    let examined = examine(&copy, &config).await?;
    let bytes = kept(copy, &args.file)?;
    let made = Made { file: &args.file, bytes, seconds: begun.elapsed().as_secs_f64() };
    tell(&made, &examined, &config, args.json);
    match examined.findings.len() {
        0 => Ok(()),
        wrong => {
            Err(anyhow!("the copy is kept, but {wrong} things are wrong in it, and so in the database")
                .into())
        }
    }
}

/// Looks for everything that cannot be, and leaves the copy as it is.
async fn examine(copy: &Copy, config: &AppConfig) -> Result<Examination, Failure> {
    let store = Store::open_to_look(&copy.url(), &config.opening).await?;
    let examined = doctor::examine(&store, config).await;
    store.close().await;
    let examined = examined?;
    match examined.findings.iter().find(|finding| finding.check == "damaged") {
        Some(damage) => Err(anyhow!("the copy is of no use and is removed: {}", damage.sentence).into()),
        None => Ok(examined),
    }
}

/// What was made.
struct Made<'a> {
    file: &'a Path,
    bytes: u64,
    seconds: f64,
}

fn tell(made: &Made<'_>, examined: &Examination, config: &AppConfig, json: bool) {
    let key_file = config.key_file.as_ref().map(|path| path.display().to_string());
    if json {
        let mut document = json!({ "file": made.file, "bytes": made.bytes, "seconds": made.seconds,
                                   "key_file_not_copied": key_file });
        document["doctor"] = doctor::document(examined);
        document["sound"] = json!(doctor::is_sound(examined));
        return output::json(&document);
    }
    let Made { file, bytes, seconds } = made;
    output::line(&format!("{} holds the whole database: {bytes} bytes, in {seconds:.1} s.", file.display()));
    doctor::tell(examined);
    let key_file = key_file.unwrap_or_default();
    output::line(&format!(
        "The key file {key_file} is not in it. Without that file the copy cannot be used: keep it too, in another place."
    ));
}

/// Begins a copy beside the file that it is to be.
fn begin(file: &Path) -> Result<Copy, Failure> {
    free(file, "is there already and is not overwritten")?;
    let Some(name) = file.file_name() else {
        return Err(Failure::Usage(format!("{} names no file", file.display())));
    };
    let part = file.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    Copy::begin(plain(&part)?)
        .map_err(|error| Failure::Usage(format!("nothing can be written: {}", Chain(&error))))
}

fn kept(copy: Copy, file: &Path) -> Result<u64, Failure> {
    free(file, "has come to be meanwhile")?;
    Ok(copy.keep(plain(file)?)?)
}

fn free(file: &Path, what: &str) -> Result<(), Failure> {
    match file.exists() {
        true => Err(Failure::Usage(format!("{} {what}; name another file", file.display()))),
        false => Ok(()),
    }
}

/// SQLite is told names as text.
fn plain(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| Failure::Usage(format!("{} is no plain text", path.display())))
}
