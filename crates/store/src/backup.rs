//! A copy of a SQLite database that is in use: written under a name of its own, and given its name when it is whole.

use crate::db::sql;
use crate::{Engine, Error, Result, Store};
use std::fs::File;
use std::path::Path;

/// A copy under a name of its own; it goes when it is not kept.
#[derive(Debug)]
pub struct Copy {
    part: String,
}

impl Copy {
    /// An empty file for its owner only, under a name that nothing has yet: a copy holds buyers' briefs.
    pub fn begin(part: &str) -> Result<Copy> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(part).map_err(failed(part))?;
        Ok(Copy { part: part.to_owned() })
    }

    /// The URL to look at it by.
    pub fn url(&self) -> String {
        format!("sqlite:{}", self.part)
    }

    /// On the disk for good, and then under its name, in the place of whatever has it. Gives its size.
    pub fn keep(self, file: &str) -> Result<u64> {
        let copy = File::open(&self.part).map_err(failed(&self.part))?;
        copy.sync_all().map_err(failed(&self.part))?;
        let bytes = copy.metadata().map_err(failed(&self.part))?.len();
        std::fs::rename(&self.part, file).map_err(failed(file))?;
        #[cfg(unix)]
        File::open(folder_of(file)).and_then(|folder| folder.sync_all()).map_err(failed(file))?;
        Ok(bytes)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What opening it for a look has left; and the copy itself, unless it has its name by now.
        for beside in ["", ".lock", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{beside}", self.part));
        }
    }
}

fn failed(path: &str) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}

#[cfg(unix)]
fn folder_of(file: &str) -> &Path {
    let folder = Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

impl Store {
    /// Writes the database, as it stands at one moment, into a copy that was begun. Whoever writes is not held up; the
    /// copy holds no pages that nothing is on. `false`: this is PostgreSQL, which has tools of its own.
    pub async fn copy_into(&self, copy: &Copy) -> Result<bool> {
        if self.engine() == Engine::Postgres {
            return Ok(false);
        }
        let mut c = self.read().await?;
        sql!(c, execute, "VACUUM INTO $1", copy.part.as_str())?;
        Ok(true)
    }
}
