//! The file, its lock, and where it may lie.

use crate::{Error, Result};
use std::fs::File;

/// File systems on which locks and shared memory between processes cannot be trusted.
const NETWORK: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "fuse.sshfs",
    "fuse.glusterfs",
];

/// The path that a SQLite URL names.
pub fn path_of(url: &str) -> &str {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    path.strip_prefix("//").unwrap_or(path)
}

/// Whether a URL names no file.
pub(crate) fn in_memory(url: &str) -> bool {
    path_of(url) == ":memory:"
}

/// A file that this process has alone. It dies with the process, however that ends.
pub(super) struct Lock {
    _beside: File,
    /// The database's own file, whatever name it was opened by. Closed after all connections: the system then forgets
    /// every lock that this process has on it, SQLite's too.
    #[cfg(target_os = "linux")]
    _itself: File,
}

/// Takes the file for this process alone. The database's own file is made here too, for our eyes only: it holds buyers'
/// briefs.
pub(super) fn lock(path: &str) -> Result<Lock> {
    if let Some(system) = network_system(path) {
        return Err(Error::Network { file: path.to_owned(), system });
    }
    let real = std::fs::canonicalize(path).ok().and_then(|real| real.into_os_string().into_string().ok());
    let beside = locked(path, &format!("{}.lock", real.as_deref().unwrap_or(path)))?;
    // Elsewhere such a lock would be in the way of SQLite's own.
    #[cfg(target_os = "linux")]
    return Ok(Lock { _beside: beside, _itself: locked(path, path)? });
    #[cfg(not(target_os = "linux"))]
    {
        drop(private(path)?);
        Ok(Lock { _beside: beside })
    }
}

fn locked(database: &str, path: &str) -> Result<File> {
    let file = private(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::InUse { file: database.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(Error::File { path: path.to_owned(), source }),
    }
}

/// Opens a file for writing; a new one can be read by its owner only.
pub(crate) fn private(path: &str) -> Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// The kind of network file system that a file lies on, where the system tells.
fn network_system(path: &str) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let folder = std::path::absolute(path).ok()?.parent()?.canonicalize().ok()?;
    let system = system_of(&mounts, folder.to_str()?)?;
    NETWORK.contains(&system).then(|| system.to_owned())
}

/// The kind of file system that a folder lies on: that of the longest mount point above it, the last one mounted there.
fn system_of<'m>(mounts: &'m str, folder: &str) -> Option<&'m str> {
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = |point: &str| {
        let rest = folder.strip_prefix(point.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    fields.filter(|(point, _)| above(point)).max_by_key(|(point, _)| point.len()).map(|(_, system)| system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_tells() {
        let mounts = "/dev/a / ext4 rw 0 0\nhost:/x /srv nfs4 rw 0 0\n/dev/b /srv/fast xfs rw 0 0\n//h/s /srvb cifs rw 0 0";
        let check =
            |folder: &str, system: &str| assert_eq!(system_of(mounts, folder), Some(system), "{folder}");
        check("/", "ext4");
        check("/home/x", "ext4");
        check("/srv", "nfs4");
        check("/srv/slow", "nfs4");
        check("/srv/fast", "xfs");
        check("/srv/fast/deep", "xfs");
        check("/srv/faster", "nfs4");
        check("/srvb/x", "cifs");
        check("/srvc", "ext4");
        assert_eq!(system_of("", "/"), None);
    }
}
