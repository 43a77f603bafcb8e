//! What a measurement was taken on, and with.

use std::{env::consts, fs, thread::available_parallelism};

use serde_json::{Value as Json, json};
use varscale::instruction_set;

use super::memory::transparent_huge_pages;

/// Processors that this process may use.
pub(super) fn processors() -> usize {
    available_parallelism().map_or(1, Into::into)
}

/// Bytes of memory, where the system tells.
pub(super) fn memory() -> Option<usize> {
    let kibibytes: usize = field("/proc/meminfo", "MemTotal")?.strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The machine, as a record names it. What the system does not tell is null.
pub(super) fn machine() -> Json {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    json!({
        "cpu": field("/proc/cpuinfo", "model name"),
        "cpu_family": field("/proc/cpuinfo", "cpu family"),
        "cpu_model": field("/proc/cpuinfo", "model"),
        "processors": processors(),
        "memory_bytes": memory(),
        "os": consts::OS,
        "architecture": consts::ARCH,
        "kernel": kernel.as_deref().map(str::trim),
        "transparent_huge_pages": transparent_huge_pages(),
        "instruction_set": instruction_set(),
    })
}

/// What draws, and what built it.
pub(super) fn versions() -> Json {
    json!({
        "varscale": env!("CARGO_PKG_VERSION"),
        "stream": varscale::Stream::Native.id(),
        "rustc": env!("VARSCALE_RUSTC"),
        "optimized": !cfg!(debug_assertions),
    })
}

/// The first `name : value` of a file of the proc file system.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}
