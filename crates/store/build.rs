//! A new migration file must trigger a rebuild: the files are embedded.
fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
