//! Runs a program instruction by instruction.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    os::unix::fs::FileExt,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::MetadataCommand;
use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use nix::{
    sys::{
        ptrace,
        signal::Signal,
        wait::{WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::report::cargo_command;

/// Blocks of the shorter and the longer run.
const BLOCKS: [u32; 2] = [1, 3];

/// Number of the system call `write`.
const WRITE: u64 = 1;

/// Longest instruction.
const LONGEST: usize = 15;

/// The example `draw_blocks` of the core crate, optimized, at one level.
pub(super) struct Program {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    code: File,
    /// What stands at an address.
    decoded: BTreeMap<u64, Mnemonic>,
}

impl Program {
    /// Builds and starts it; `None` where this CPU lacks the level.
    pub(super) fn start(level: &str) -> Result<Option<Self>> {
        let mut build = cargo_command("build --release --package varscale --example draw_blocks");
        ensure!(build.arg("--quiet").status()?.success(), "cannot build the example draw_blocks");
        let metadata = MetadataCommand::new().no_deps().exec()?;
        let path = metadata.target_directory.join("release/examples/draw_blocks");
        let mut process = Command::new(&path)
            .env("VARSCALE_LEVEL", level)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {path}"))?;
        let input = process.stdin.take().context("no input")?;
        let output = BufReader::new(process.stdout.take().context("no output")?);
        let code = File::open(format!("/proc/{}/mem", process.id()))?;
        let mut program = Self { process, input, output, code, decoded: BTreeMap::new() };
        let runs_at = program.line()?;
        Ok((runs_at == level).then_some(program))
    }

    /// Instructions per block, by name.
    pub(super) fn count(&mut self, distribution: &str, dtype: &str) -> Result<Counts> {
        let what = format!("{distribution} {dtype}");
        // What happens once only is over then.
        writeln!(self.input, "{what} {}", BLOCKS[0])?;
        self.expect_answer()?;
        let [short, long] = [BLOCKS[0], BLOCKS[1]].map(|blocks| self.step(&what, blocks));
        let (short, long) = (short?, long?);
        let blocks = f64::from(BLOCKS[1] - BLOCKS[0]);
        let counts = long.iter().map(|(&mnemonic, &count)| {
            let constant = short.get(&mnemonic).copied().unwrap_or(0);
            (mnemonic, (count as f64 - constant as f64) / blocks)
        });
        Ok(Counts(counts.filter(|&(_, count)| count != 0.0).collect()))
    }

    /// Steps from one write of the answer to the next.
    fn step(&mut self, what: &str, blocks: u32) -> Result<BTreeMap<Mnemonic, u64>> {
        let process = Pid::from_raw(self.process.id().try_into()?);
        let stopped = "cannot step through a program here: ptrace is not allowed";
        ptrace::attach(process).context(stopped)?;
        waitpid(process, None)?;
        writeln!(self.input, "{what} {blocks}")?;
        loop {
            ptrace::syscall(process, None)?;
            waitpid(process, None)?;
            if ptrace::getregs(process)?.orig_rax == WRITE {
                break;
            }
        }
        let mut counts = BTreeMap::new();
        loop {
            let registers = ptrace::getregs(process)?;
            let mnemonic = self.decode(registers.rip)?;
            if mnemonic == Mnemonic::Syscall && registers.rax == WRITE {
                break;
            }
            *counts.entry(mnemonic).or_default() += 1;
            ptrace::step(process, None)?;
            match waitpid(process, None)? {
                WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
                status => bail!("the program does not step: {status:?}"),
            }
        }
        ptrace::detach(process, None)?;
        self.expect_answer()?;
        Ok(counts)
    }

    fn expect_answer(&mut self) -> Result<()> {
        let answer = [self.line()?, self.line()?];
        ensure!(answer == ["begin", "end"], "the program answers {answer:?}");
        Ok(())
    }

    fn decode(&mut self, address: u64) -> Result<Mnemonic> {
        if let Some(&mnemonic) = self.decoded.get(&address) {
            return Ok(mnemonic);
        }
        let mut bytes = [0; LONGEST];
        let length = self.code.read_at(&mut bytes, address)?;
        let mut decoder = Decoder::with_ip(64, &bytes[..length], address, DecoderOptions::NONE);
        let mnemonic = decoder.decode().mnemonic();
        self.decoded.insert(address, mnemonic);
        Ok(mnemonic)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Instructions per block.
pub(super) struct Counts(BTreeMap<Mnemonic, f64>);

impl Counts {
    pub(super) fn total(&self) -> f64 {
        self.0.values().sum()
    }

    pub(super) fn slow(&self) -> Vec<(String, f64)> {
        let named = self.0.iter().map(|(name, &count)| (format!("{name:?}").to_lowercase(), count));
        named.filter(|(name, _)| is_slow(name)).collect()
    }
}

/// Arithmetic of one float at a time; products of 64-bit lanes, three times as slow as `vpmuludq`;
/// and calls, since what is not inlined is not compiled for the level.
fn is_slow(name: &str) -> bool {
    const ARITHMETIC: [&str; 9] =
        ["add", "sub", "mul", "div", "sqrt", "fm", "fnm", "cvtsi2", "cvtusi2"];
    let plain = name.strip_prefix('v').unwrap_or(name);
    let scalar = plain.ends_with("ss") || plain.ends_with("sd");
    let arithmetic = ARITHMETIC.iter().any(|start| plain.starts_with(start));
    (scalar && arithmetic) || name == "call" || name == "vpmullq"
}

#[cfg(test)]
mod tests {
    use super::is_slow;

    #[test]
    fn tells_what_is_slow() {
        for name in ["mulss", "vmulss", "vdivsd", "vfmadd213ss", "cvtsi2ss", "call", "vpmullq"] {
            assert!(is_slow(name), "{name}");
        }
        for name in ["vmulps", "vbroadcastss", "movss", "vmovsd", "jne"] {
            assert!(!is_slow(name), "{name}");
        }
    }
}
