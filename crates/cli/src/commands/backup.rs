//! `gavel backup`: a copy of a SQLite database that may be in use, looked at before it is given its name.

use super::{doctor, looked_at, settings_of};
use crate::args::BackupArgs;
use crate::settings::AppConfig;
use crate::{Failure, output};
use anyhow::{Context as _, anyhow};
use gavel_store::Store;
use gavel_store::doctor::Examination;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

const POSTGRES: &str = "this database is on PostgreSQL: copy it with pg_dump (pg_dump --format=custom --file=FILE URL), \
    and bring it back with pg_restore";

pub(super) async fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let begun = Instant::now();
    if settings_of(&args.place)?.database_url.starts_with("postgres") {
        return Err(Failure::Usage(POSTGRES.to_owned()));
    }
    let copy = Copy::at(&args.file)?;
    let (config, store) = looked_at(&args.place).await?;
    let written = store.copy_into(&copy.text()?).await;
    store.close().await;
    if !written? {
        return Err(Failure::Usage(POSTGRES.to_owned()));
    }
    let examined = examine(&copy, &config).await?;
    let bytes = copy.keep(&args.file)?;
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
    let store = Store::open_to_look(&format!("sqlite:{}", copy.text()?), &config.opening).await?;
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

/// A copy under a name of its own, beside the one it is to have; it goes when it is not kept.
struct Copy {
    path: PathBuf,
}

impl Copy {
    /// An empty file for its owner only: the copy holds buyers' briefs.
    fn at(file: &Path) -> Result<Copy, Failure> {
        if file.exists() {
            let sentence =
                format!("{} is there already and is not overwritten; name another file", file.display());
            return Err(Failure::Usage(sentence));
        }
        let Some(name) = file.file_name() else {
            return Err(Failure::Usage(format!("{} names no file", file.display())));
        };
        let path = file.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(_) => Ok(Copy { path }),
            Err(e) => Err(Failure::Usage(format!("{} cannot be written: {e}", path.display()))),
        }
    }

    fn text(&self) -> Result<String, Failure> {
        let text = self.path.to_str().ok_or_else(|| anyhow!("{} is no plain text", self.path.display()))?;
        Ok(text.to_owned())
    }

    /// On the disk for good, and then under its name. Gives its size.
    fn keep(self, file: &Path) -> Result<u64, Failure> {
        let copy = File::open(&self.path).context("the copy cannot be read")?;
        copy.sync_all().context("the copy cannot be brought to the disk")?;
        if file.exists() {
            return Err(Failure::Usage(format!(
                "{} has come to be meanwhile; name another file",
                file.display()
            )));
        }
        std::fs::rename(&self.path, file).context("the copy cannot be given its name")?;
        #[cfg(unix)]
        if let Some(folder) = file.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let folder = File::open(folder).context("the folder of the copy cannot be read")?;
            folder.sync_all().context("the name of the copy cannot be brought to the disk")?;
        }
        Ok(copy.metadata().context("the size of the copy cannot be read")?.len())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What opening it for a look has left; and the copy itself, unless it has its name by now.
        for beside in ["", ".lock", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(beside);
            let _ = std::fs::remove_file(path);
        }
    }
}
