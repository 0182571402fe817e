//! A small file system that a test may fill.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in memory, gone when it is dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// Lays one of so many MiB over a folder. `None`, with a word on stderr, where that is not allowed.
    pub fn mount(at: &Path, mebibytes: u32) -> Option<Disk> {
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        let disk = mounted.is_ok_and(|output| output.status.success()).then(|| Disk(at.to_owned()));
        if disk.is_none() {
            crate::aloud("skipped: a file system of our own cannot be mounted here");
        }
        disk
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Writes a file until not a byte more fits.
///
/// # Panics
/// When the file cannot be made.
pub fn fill(file: &Path) {
    let mut file = File::create(file).expect("there is room for a name");
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}
