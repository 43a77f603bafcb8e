//! The crates that are published, each built from its package alone.

use std::fs;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, Package};

use crate::report::{Report, cargo_command, run};

/// Each package holds them as the root does.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Builds the packages of these crates, with those of the workspace's that they depend on.
pub(crate) fn check(report: &mut Report, metadata: &Metadata, names: &[&str]) -> Result<()> {
    report.group("packages", || build(metadata, names))
}

/// The crates that are published, by name.
pub(crate) fn published(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    metadata.workspace_packages().into_iter().filter(|package| package.publish.is_none())
}

fn build(metadata: &Metadata, names: &[&str]) -> Result<()> {
    let mut packages: Vec<&Package> =
        published(metadata).filter(|package| names.contains(&package.name.as_str())).collect();
    ensure!(packages.len() == names.len(), "{names:?} are to be published, but {packages:?} are");
    // No registry has those yet.
    let mut next = 0;
    while let Some(package) = packages.get(next) {
        let needed = published(metadata)
            .filter(|other| package.dependencies.iter().any(|needed| needed.name == *other.name));
        let new: Vec<_> =
            needed.filter(|other| !packages.iter().any(|known| known.id == other.id)).collect();
        packages.extend(new);
        next += 1;
    }
    // Cargo unpacks what it has packed into its home, by this folder's path, name and version, and
    // builds what lies there already: a package of another commit, if the folder were one of before.
    let target = tempfile::tempdir_in(&metadata.target_directory)?;
    let mut command = cargo_command("package --allow-dirty --target-dir");
    command.arg(target.path());
    for package in &packages {
        command.args(["--package", &package.name]);
    }
    // Nothing of it runs.
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_DEV_OPT_LEVEL", "0");
    run(&mut command)?;

    for package in packages {
        let folder = target.path().join(format!("package/{}-{}", package.name, package.version));
        for licence in LICENCES {
            let packed = folder.join(licence);
            let text =
                fs::read(&packed).with_context(|| format!("{} is missing", packed.display()))?;
            // A checkout without symbolic links would publish the path in the place of the text.
            ensure!(
                text == fs::read(metadata.workspace_root.join(licence))?,
                "{} is not the {licence} of the root",
                packed.display()
            );
        }
    }
    Ok(())
}
