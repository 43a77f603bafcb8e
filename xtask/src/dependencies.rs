//! What the dependencies may be: every package that any target, feature or test of the workspace
//! pulls in counts.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Metadata;
use spdx::{Expression, ParseMode};

/// Licences that allow every use that ours allow.
const LICENCES: [&str; 9] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages of which more than one version is bearable, and why.
const DUPLICATES: [&str; 1] = [
    // Runs in the compiler only. zerocopy-derive, under half, is still at 2; serde, thiserror and
    // clap are at 3.
    "syn",
];

pub(crate) fn check_licences(metadata: &Metadata) -> Result<()> {
    let mut refused = Vec::new();
    for package in &metadata.packages {
        let named = || format!("{} {}", package.name, package.version);
        let Some(licence) = &package.license else {
            refused.push(format!("{}: no licence", named()));
            continue;
        };
        // Lax: older packages write MIT/Apache-2.0.
        let expression = Expression::parse_mode(licence, ParseMode::LAX)
            .with_context(|| format!("{}: licence {licence:?} is no SPDX expression", named()))?;
        if !expression.evaluate(|licence| LICENCES.contains(&licence.to_string().as_str())) {
            refused.push(format!("{}: {licence}", named()));
        }
    }
    ensure!(refused.is_empty(), "licences that are not allowed:\n  {}", refused.join("\n  "));
    println!("licences of {} packages are allowed", metadata.packages.len());
    Ok(())
}

pub(crate) fn check_duplicates(metadata: &Metadata) -> Result<()> {
    let mut versions = BTreeMap::<&str, BTreeSet<_>>::new();
    for package in &metadata.packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);

    // An exception that is no longer needed would hide the next duplicate.
    let stale = DUPLICATES.into_iter().filter(|name| !versions.contains_key(name));
    let stale = stale.collect::<Vec<_>>();
    ensure!(stale.is_empty(), "no longer duplicate, to remove from the exceptions: {stale:?}");

    versions.retain(|name, _| !DUPLICATES.contains(name));
    let lines = versions.iter().map(|(name, versions)| {
        let versions = versions.iter().map(ToString::to_string).collect::<Vec<_>>();
        format!(
            "\n  {name}: {}  (cargo tree --invert {name}@VERSION tells why)",
            versions.join(", ")
        )
    });
    ensure!(versions.is_empty(), "more than one version of:{}", lines.collect::<String>());
    println!("one version of each package, other than {DUPLICATES:?}");
    Ok(())
}
