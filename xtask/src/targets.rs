//! The core crate's tests on other CPUs.
//!
//! Debian's compiler is one package with its sources, so that cargo builds the standard library for
//! any target (`-Z build-std`): nothing is needed that only rustup can fetch.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::report::{Report, run};

/// Of Debian's packages `rustc-web` and `cargo-web`: those in PATH may be rustup's.
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
/// What every target needs, and the packages that bring it.
const COMMON: &[&str] = &[RUSTC, CARGO, "/usr/lib/rustlib/src/rust/library/Cargo.lock"];
const COMMON_PACKAGES: &str = "rustc-web cargo-web rust-web-src";

/// Before it, `MDEBR` of s390x took its first factor for an f64: products of two f32 were wrong.
const OLDEST_QEMU: (u32, u32) = (8, 1);

/// Without shared libraries, programs need no folder of their target's to be found in.
const STATIC: &str = "-Ctarget-feature=+crt-static";

struct Target {
    triple: &'static str,
    features: &'static str,
    linker: &'static str,
    /// What the tests run in: nothing where this CPU can run them, `None` where no system is there
    /// to run them on, so that the library is only compiled.
    runner: Option<&'static str>,
    rustflags: &'static str,
    /// Files, beside linker and runner.
    needs: &'static [&'static str],
    packages: &'static str,
}

const TARGETS: [Target; 6] = [
    Target {
        triple: "i686-unknown-linux-gnu",
        features: "default",
        linker: "i686-linux-gnu-gcc",
        runner: Some(if cfg!(target_arch = "x86_64") { "" } else { "qemu-i386" }),
        rustflags: STATIC,
        needs: &[],
        packages: "gcc-i686-linux-gnu libc6-dev-i386-cross qemu-user",
    },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        features: "default",
        linker: "aarch64-linux-gnu-gcc",
        runner: Some("qemu-aarch64"),
        rustflags: STATIC,
        needs: &[],
        packages: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
    },
    Target {
        triple: "s390x-unknown-linux-gnu",
        features: "default",
        linker: "s390x-linux-gnu-gcc",
        runner: Some("qemu-s390x"),
        rustflags: STATIC,
        needs: &[],
        packages: "gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user",
    },
    Target {
        triple: "wasm32-wasip1",
        features: "default",
        linker: "wasm-ld-22",
        // With V8's fast calls, what WASI allocates may collect garbage where none may be: Node.js 20
        // and 22 crash.
        runner: Some(concat!(
            "node --no-warnings --no-turbo-fast-api-calls ",
            env!("CARGO_MANIFEST_DIR"),
            "/src/targets/wasi.mjs"
        )),
        rustflags: "-Ctarget-feature=+simd128 -Clink-self-contained=no \
                    -Lnative=/usr/lib/wasm32-wasi -Clink-arg=--allow-undefined \
                    -Clink-arg=/usr/lib/wasm32-wasi/crt1-command.o",
        needs: &["/usr/lib/wasm32-wasi/crt1-command.o"],
        packages: "lld-22 wasi-libc nodejs",
    },
    Target {
        triple: "thumbv7em-none-eabihf",
        features: "",
        linker: "",
        runner: None,
        rustflags: "",
        needs: &[],
        packages: "",
    },
    Target {
        triple: "thumbv7em-none-eabihf",
        features: "keras-streams,serde",
        linker: "",
        runner: None,
        rustflags: "",
        needs: &[],
        packages: "",
    },
];

/// Runs what the tools that are here can run: one target that fails does not stop the others.
pub(crate) fn test(report: &mut Report) -> Result<()> {
    let (mut ran, mut wrong) = (0, 0);
    for target in &TARGETS {
        let name = format!("{} with features [{}]", target.triple, target.features);
        if let Some(obstacle) = target.obstacle() {
            report.skip(&name, obstacle);
            continue;
        }
        ran += 1;
        let outcome = report.counted(&name, || match target.runner {
            Some(_) => target.run(),
            None => target.compile(),
        });
        if let Err(error) = outcome {
            eprintln!("{error:#}");
            wrong += 1;
        }
    }
    ensure!(wrong == 0, "{wrong} of {ran} targets failed");
    ensure!(ran > 0, "every target was skipped");
    Ok(())
}

impl Target {
    /// Why it cannot run here, if so.
    fn obstacle(&self) -> Option<String> {
        let emulator = self.runner.and_then(|runner| runner.split_whitespace().next());
        let own = [self.linker, emulator.unwrap_or("")];
        let needs =
            COMMON.iter().chain(self.needs).chain(own.iter().filter(|name| !name.is_empty()));
        let missing: Vec<_> = needs.copied().filter(|name| !is_there(name)).collect();
        if !missing.is_empty() {
            let packages = format!("{COMMON_PACKAGES} {}", self.packages);
            let missing = missing.join(", ");
            return Some(format!("no {missing}; apt-get install {}", packages.trim_end()));
        }
        let emulator = emulator.filter(|name| name.starts_with("qemu-"))?;
        let (major, minor) = OLDEST_QEMU;
        (version(emulator) < Some(OLDEST_QEMU)).then(|| {
            format!(
                "{emulator} is older than {major}.{minor}; \
                 apt-get install -t bookworm-backports qemu-user"
            )
        })
    }

    fn compile(&self) -> Result<String> {
        run(self.cargo("check", "core,alloc").arg("--lib"))?;
        Ok("compiled only".to_owned())
    }

    fn run(&self) -> Result<String> {
        let mut cargo = self
            .cargo("test", "std,panic_abort")
            .args(["--lib", "--tests", "--no-fail-fast"])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {CARGO}"))?;
        let (mut passed, mut failed, mut ignored) = (0, 0, 0);
        for line in BufReader::new(cargo.stdout.take().expect("it is piped")).lines() {
            let line = line?;
            println!("{line}");
            if line.starts_with("test result: ") {
                passed += count(&line, " passed");
                failed += count(&line, " failed");
                ignored += count(&line, " ignored");
            }
        }
        let counts = format!("{passed} passed, {failed} failed, {ignored} ignored");
        ensure!(cargo.wait()?.success(), "{}: {counts}", self.triple);
        Ok(counts)
    }

    fn cargo(&self, task: &str, libraries: &str) -> Command {
        let variable = self.triple.to_uppercase().replace('-', "_");
        let mut command = Command::new(CARGO);
        command
            .args([task, "--package=varscale", "--no-default-features", "--features"])
            .args([self.features, "--target", self.triple, "--target-dir=target/targets"])
            .arg(format!("-Zbuild-std={libraries}"))
            // -Z is for nightly compilers, and for those who say that they know.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", RUSTC)
            .env("RUSTFLAGS", self.rustflags)
            // Half of the time that the standard library takes.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            // Of the cargo that runs this task.
            .env_remove("LD_LIBRARY_PATH");
        if !self.linker.is_empty() {
            command.env(format!("CARGO_TARGET_{variable}_LINKER"), self.linker);
        }
        if let Some(runner) = self.runner.filter(|runner| !runner.is_empty()) {
            command.env(format!("CARGO_TARGET_{variable}_RUNNER"), runner);
        }
        command
    }
}

/// Whether a program in PATH, or a file with a whole path, is there.
fn is_there(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).exists())
}

/// The two first numbers of "qemu-s390x version 10.0.2 (Debian ...)".
fn version(emulator: &str) -> Option<(u32, u32)> {
    let output = Command::new(emulator).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().nth(2)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The number before `what` in "test result: ok. 24 passed; 0 failed; 4 ignored; ...".
fn count(line: &str, what: &str) -> u64 {
    let number = line.split(what).next().and_then(|before| before.split_whitespace().last());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
