//! Where unsafe code may stand: a lint of the workspace denies it, so that it is enough to look for
//! who lifts that lint, or does not take part.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use cargo_metadata::Metadata;
use walkdir::WalkDir;

/// The only files that may lift the lint.
const ALLOWED: [&str; 2] =
    ["crates/varscale/src/draw/memory.rs", "crates/varscale/src/simd/x86_64.rs"];

/// Split, so that this file does not hold the name itself.
const LINT: &str = concat!("unsafe", "_code");

pub(crate) fn check(metadata: &Metadata) -> Result<()> {
    let root = metadata.workspace_root.as_std_path();
    let mut lifting = Vec::new();
    for package in metadata.workspace_packages() {
        let manifest = read(package.manifest_path.as_std_path())?;
        ensure!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} does not take the lints of the workspace",
            package.manifest_path
        );
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        // The folder of one package may hold another, but no build outputs: those lie in the root.
        for entry in WalkDir::new(folder).sort_by_file_name() {
            let path = entry?.into_path();
            let rust = path.extension().is_some_and(|extension| extension == "rs");
            if rust && read(&path)?.contains(LINT) {
                lifting.push(path);
            }
        }
    }
    ensure!(
        lifting == ALLOWED.map(|path| root.join(path)),
        "unsafe code is allowed in {ALLOWED:?} only, but these files lift the lint: {lifting:?}"
    );
    println!("in {ALLOWED:?} only");
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
