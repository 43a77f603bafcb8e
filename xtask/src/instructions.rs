//! Instructions that a block of 256 values takes, counted by stepping through a program that draws.
//!
//! Time depends on the machine and on what else it does; these numbers depend on the compiler alone.
//! A kernel that no longer vectorizes takes several times as many.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod steps;

use anyhow::{Result, ensure};

/// Level, distribution and dtype; instructions per block when the kernel was last looked at; and
/// how many of these a vectorized block does better without (`steps::is_slow`).
#[rustfmt::skip]
#[cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), allow(dead_code))]
const RECORDED: [(&str, &str, &str, u32, u32); 18] = [
    ("avx512",   "truncated_normal",   "float32",   1168, 16),
    ("avx512",   "untruncated_normal", "float32",   1288, 16),
    ("avx512",   "uniform",            "float32",    727, 16),
    ("avx512",   "truncated_normal",   "bfloat16",  1234, 16),
    ("avx512",   "truncated_normal",   "float16",   1362, 16),
    ("avx512",   "truncated_normal",   "float64",   3433, 49),
    ("avx2",     "truncated_normal",   "float32",   2703,  0),
    ("avx2",     "untruncated_normal", "float32",   3236,  0),
    ("avx2",     "uniform",            "float32",   1782,  0),
    ("avx2",     "truncated_normal",   "bfloat16",  2993,  0),
    ("avx2",     "truncated_normal",   "float16",   3569,  0),
    ("avx2",     "truncated_normal",   "float64",   8835,  1),
    ("baseline", "truncated_normal",   "float32",   9572,  0),
    ("baseline", "untruncated_normal", "float32",  10230,  0),
    ("baseline", "uniform",            "float32",   7426,  0),
    ("baseline", "truncated_normal",   "bfloat16", 10022,  0),
    ("baseline", "truncated_normal",   "float16",  11365,  0),
    ("baseline", "truncated_normal",   "float64",  24961,  1),
];

/// Other compilers may take somewhat more than what was recorded.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const TOLERANCE: f64 = 1.1;

/// Counts, prints, and fails where a kernel has lost its shape.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn check() -> Result<()> {
    let mut faults = Vec::new();
    let mut level_and_program = None;
    println!("level     distribution        dtype     recorded         now");
    for (level, distribution, dtype, recorded, recorded_slow) in RECORDED {
        if level_and_program.as_ref().is_none_or(|(of, _)| *of != level) {
            level_and_program = Some((level, steps::Program::start(level)?));
        }
        let Some((_, Some(program))) = &mut level_and_program else {
            println!("{level:9} {distribution:19} {dtype:9} skipped: this CPU lacks it");
            continue;
        };
        let counts = program.count(distribution, dtype)?;
        let (total, slow) = (counts.total(), counts.slow());
        let names: Vec<_> = slow.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let names = names.join(", ");
        println!(
            "{level:9} {distribution:19} {dtype:9} {recorded:5} {recorded_slow:2}  {total:8.1}  {names}"
        );
        let what = format!("{level} {distribution} {dtype}");
        if total > f64::from(recorded) * TOLERANCE {
            faults.push(format!("{what}: {total} instructions per block, recorded {recorded}"));
        }
        if slow.iter().map(|(_, count)| count).sum::<f64>() > f64::from(recorded_slow) {
            faults.push(format!("{what}: {names} per block, recorded {recorded_slow} such"));
        }
    }
    ensure!(
        faults.is_empty(),
        "kernels have lost their shape (or the table in xtask/src/instructions.rs is to be \
         updated):\n  {}",
        faults.join("\n  ")
    );
    Ok(())
}

/// Nothing to step through.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(crate) fn check() -> Result<()> {
    println!("skipped: instructions are counted on x86-64 Linux only");
    Ok(())
}
