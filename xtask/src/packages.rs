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
    let mut command = cargo_command("package --workspace --allow-dirty");
    for package in private {
        command.args(["--exclude", &package.name]);
    }
    run(&mut command)?;

    for package in published {
        let folder = format!("package/{}-{}", package.name, package.version);
        for licence in LICENCES {
            let packed = metadata.target_directory.join(&folder).join(licence);
            let text = fs::read(&packed).with_context(|| format!("{packed} is missing"))?;
            // A checkout without symbolic links would publish the path in the place of the text.
            ensure!(
                text == fs::read(metadata.workspace_root.join(licence))?,
                "{packed} is not the {licence} of the root"
            );
        }
    }
    Ok(())
}
