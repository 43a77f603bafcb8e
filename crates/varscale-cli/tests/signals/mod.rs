//! Signals to a command that runs.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// A program that signals end, also where they are ignored here, as under `nohup` and in a script's
/// background: that is inherited, and the command would rightly never obey.
pub(crate) fn command(program: &str) -> Command {
    /// `SIGHUP`, `SIGINT` and `SIGTERM`.
    const WATCHED: u64 = 0b0100_0000_0000_0011;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    if ignored.is_none_or(|ignored| ignored & WATCHED == 0) {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT,TERM", program]);
    command
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    // It may have ended by itself.
    let _ = Command::new("kill").args(["-s", name, &id]).stderr(Stdio::null()).status().unwrap();
}

/// A signal before then ends a process at once, which has nothing to tell yet.
pub(crate) fn wait_until_it_watches(child: &mut Child) {
    const SIGINT: u32 = 2;
    let status = format!("/proc/{}/status", child.id());
    loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        let Ok(status) = fs::read_to_string(&status) else {
            // Only Linux tells.
            return sleep(Duration::from_secs(3));
        };
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        if u64::from_str_radix(caught.trim(), 16).unwrap() >> (SIGINT - 1) & 1 == 1 {
            return;
        }
        sleep(Duration::from_millis(1));
    }
}
