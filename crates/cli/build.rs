//! Lists the tasks of `config/benchmark`: they are embedded.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let missing = |name: &str| io::Error::other(format!("cargo sets {name}"));
    let home = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| missing("CARGO_MANIFEST_DIR"))?;
    let out = env::var_os("OUT_DIR").ok_or_else(|| missing("OUT_DIR"))?;
    let folder = Path::new(&home).join("../../config/benchmark");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut listed = String::from("&[\n");
    for category in entries(&folder)?.into_iter().filter(|path| path.is_dir()) {
        println!("cargo:rerun-if-changed={}", category.display());
        for file in
            entries(&category)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml"))
        {
            println!("cargo:rerun-if-changed={}", file.display());
            let name = file.strip_prefix(&folder).map_err(io::Error::other)?;
            let (name, path) = (format!("config/benchmark/{}", name.display()), file.display().to_string());
            writeln!(listed, "({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
        }
    }
    listed.push_str("]\n");
    fs::write(Path::new(&out).join("benchmark_files.rs"), listed)
}

/// What is in a folder, in the order of the names.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    all.sort();
    Ok(all)
}
