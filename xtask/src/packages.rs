//! The crates that are published, each built from its package alone.

use std::fs;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, Package};

use crate::report::{Report, cargo_command, run};

/// Each package holds them as the root does.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

pub(crate) fn check(report: &mut Report, metadata: &Metadata) -> Result<()> {
    report.group("packages", || build(metadata))
}

fn build(metadata: &Metadata) -> Result<()> {
    let (published, private) = metadata
        .workspace_packages()
        .into_iter()
        .partition::<Vec<&Package>, _>(|package| package.publish.is_none());
    // Cargo unpacks what it has packed into its home, by this folder's path, name and version, and
    // builds what lies there already: a package of another commit, if the folder were one of before.
    let target = tempfile::tempdir_in(&metadata.target_directory)?;
    let mut command = cargo_command("package --workspace --allow-dirty --target-dir");
    command.arg(target.path());
    for package in private {
        command.args(["--exclude", &package.name]);
    }
    run(&mut command)?;

    for package in published {
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
