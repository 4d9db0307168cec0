//! Embeds the static files, and names their version after their content.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::{fs, io};

fn main() -> io::Result<()> {
    memory_serve::load_directory("static");
    let mut files = BTreeMap::new();
    for entry in fs::read_dir("static")? {
        let path = entry?.path();
        if path.is_file() {
            files.insert(path.clone(), fs::read(path)?);
        }
    }
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    println!("cargo::rustc-env=ASSET_VERSION={:016x}", hasher.finish());
    println!("cargo::rerun-if-changed=static");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
