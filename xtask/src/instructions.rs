//! Instructions that a block of 256 values takes, counted by stepping through a program that draws.
//!
//! Time depends on the machine and on what else it does; these numbers depend on the compiler alone.
//! A kernel that no longer vectorizes takes several times as many.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod steps;

use anyhow::{Result, ensure};

/// Level, distribution and dtype, and instructions per block when the kernel was last looked at.
/// None of these was one that a vectorized block does better without (`steps::is_slow`).
#[rustfmt::skip]
#[cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), allow(dead_code))]
const RECORDED: [(&str, &str, &str, u32); 21] = [
    ("avx512",   "truncated_normal",   "float32",   1061),
    ("avx512",   "untruncated_normal", "float32",   1190),
    ("avx512",   "uniform",            "float32",    676),
    ("avx512",   "truncated_normal",   "bfloat16",  1015),
    ("avx512",   "truncated_normal",   "float16",   1033),
    ("avx512",   "truncated_normal",   "float64",   3232),
    ("avx512",   "truncated_normal",   "float8_e4m3fn", 1241),
    ("avx2",     "truncated_normal",   "float32",   2703),
    ("avx2",     "untruncated_normal", "float32",   3278),
    ("avx2",     "uniform",            "float32",   1944),
    ("avx2",     "truncated_normal",   "bfloat16",  3021),
    ("avx2",     "truncated_normal",   "float16",   2792),
    ("avx2",     "truncated_normal",   "float64",   8557),
    ("avx2",     "truncated_normal",   "float8_e4m3fn", 3691),
    ("baseline", "truncated_normal",   "float32",   6407),
    ("baseline", "untruncated_normal", "float32",  7092),
    ("baseline", "uniform",            "float32",   4791),
    ("baseline", "truncated_normal",   "bfloat16", 6783),
    ("baseline", "truncated_normal",   "float16",  8342),
    ("baseline", "truncated_normal",   "float64",  19219),
    ("baseline", "truncated_normal",   "float8_e4m3fn", 8344),
];

/// Other compilers may take somewhat more than what was recorded.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const TOLERANCE: f64 = 1.1;

/// Counts, prints, and fails where a kernel has lost its shape.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn check() -> Result<()> {
    let mut faults = Vec::new();
    let mut level_and_program = None;
    println!("level     distribution        dtype         recorded         now");
    for (level, distribution, dtype, recorded) in RECORDED {
        if level_and_program.as_ref().is_none_or(|(of, _)| *of != level) {
            level_and_program = Some((level, steps::Program::start(level)?));
        }
        let Some((_, Some(program))) = &mut level_and_program else {
            println!("{level:9} {distribution:19} {dtype:13} skipped: this CPU lacks it");
            continue;
        };
        let counts = program.count(distribution, dtype)?;
        let (total, slow) = (counts.total(), counts.slow());
        let names: Vec<_> = slow.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let names = names.join(", ");
        println!("{level:9} {distribution:19} {dtype:13} {recorded:8}  {total:8.1}  {names}");
        let what = format!("{level} {distribution} {dtype}");
        if total > f64::from(recorded) * TOLERANCE {
            faults.push(format!("{what}: {total} instructions per block, recorded {recorded}"));
        }
        if !slow.is_empty() {
            faults.push(format!("{what}: {names} per block"));
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
