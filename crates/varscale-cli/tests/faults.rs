//! Kills, signals, full disks and little memory: no file is wrong or lost, and nothing stays.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use self::signals::{signal, wait_until_it_watches};

mod signals;

/// Small enough to be written often, large enough to be killed meanwhile: 48 MB.
const SPEC: &str = r#"{"w": {"dtype": "F32", "shape": [6000, 2000]}}"#;
const PLAN: &str = "spec = 's.json'\n[[rules]]\nmatch = '*'\ninitializer = 'he_normal'\n";
const SEEDS: [&str; 2] = ["1", "2"];

/// A folder with a plan, and the checkpoints of two seeds.
struct Workplace {
    folder: TempDir,
    whole: [Vec<u8>; 2],
    /// How long a run takes.
    time: Duration,
}

/// Where it can be had: elsewhere most of the time passes in one wait for the disk.
fn in_memory() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

impl Workplace {
    fn new() -> Self {
        let folder = in_memory();
        fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
        fs::write(folder.path().join("s.json"), SPEC).unwrap();
        let mut place = Self { folder, whole: Default::default(), time: Duration::ZERO };
        place.whole = SEEDS.map(|seed| {
            let start = Instant::now();
            assert!(place.init(seed).output().unwrap().status.success());
            place.time = start.elapsed();
            fs::read(place.path("m.safetensors")).unwrap()
        });
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = signals::command(env!("CARGO_BIN_EXE_varscale"));
        command.args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn init(&self, seed: &str) -> Command {
        self.command(&["init", "plan.toml", "-o", "m.safetensors", "--force", "--seed", seed])
    }

    /// Runs a shell's line, in which `$V` is the command.
    fn shell(&self, line: &str) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("V", env!("CARGO_BIN_EXE_varscale"));
        command.current_dir(self.folder.path()).output().unwrap()
    }

    /// Everything beside the inputs and the output.
    fn others(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| !["plan.toml", "s.json", "m.safetensors"].contains(&name.as_str()))
            .collect()
    }

    #[track_caller]
    fn assert_whole(&self) {
        let bytes = fs::read(self.path("m.safetensors")).unwrap();
        assert!(self.whole.contains(&bytes), "{} bytes that are no checkpoint", bytes.len());
        assert_eq!(fs::read_to_string(self.path("plan.toml")).unwrap(), PLAN);
        assert_eq!(fs::read_to_string(self.path("s.json")).unwrap(), SPEC);
    }

    /// A moment within a run, another one for every `k`.
    fn moment(&self, k: u32) -> Duration {
        // The golden ratio's multiples, modulo 1, fill the unit interval evenly.
        self.time.mul_f64((f64::from(k) * 0.618_033_988_75).fract() * 1.1)
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn kills(count: u32) {
    let place = Workplace::new();
    let (mut killed, mut left) = (0, 0);
    for k in 0..count {
        let mut child = place.init(SEEDS[k as usize % 2]).spawn().unwrap();
        sleep(place.moment(k));
        child.kill().unwrap();
        killed += u32::from(child.wait().unwrap().signal() == Some(9));
        place.assert_whole();
        // Every run removes what the one before it left.
        assert!(place.others().len() <= 1, "{:?}", place.others());
        left += place.others().len();
    }
    eprintln!("{killed} of {count} runs killed, {left} of them with a file left");
    let before = place.others();
    let output = place.init("1").output().unwrap();
    assert!(output.status.success());
    for name in before {
        assert!(text(&output.stderr).contains(&name), "{}", text(&output.stderr));
    }
    assert!(place.others().is_empty(), "{:?}", place.others());
    place.assert_whole();
}

/// Twelve tensors of 4 MB in six shards.
const SHARDS: [&str; 4] = ["-o", "m/m.safetensors", "--max-shard-size", "8MB"];

impl Workplace {
    /// Its plan is of many tensors; with it what an undisturbed run writes into a folder.
    fn of_shards() -> (Self, BTreeMap<String, Vec<u8>>) {
        let mut place =
            Self { folder: in_memory(), whole: Default::default(), time: Duration::ZERO };
        let tensor = |number| format!(r#""{number}": {{"dtype": "F32", "shape": [1000, 1000]}}"#);
        let spec = (0..12).map(tensor).collect::<Vec<_>>().join(",");
        fs::write(place.path("plan.toml"), PLAN).unwrap();
        fs::write(place.path("s.json"), format!("{{{spec}}}")).unwrap();
        fs::create_dir(place.path("m")).unwrap();
        let start = Instant::now();
        assert!(place.shards(&[]).output().unwrap().status.success());
        place.time = start.elapsed();
        let whole = place.written();
        assert_eq!(whole.len(), 7);
        (place, whole)
    }

    fn shards(&self, arguments: &[&str]) -> Command {
        self.command(&[&["init", "plan.toml", "--seed", "1"], &SHARDS[..], arguments].concat())
    }

    /// The files in the shards' folder.
    fn written(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.path("m")).unwrap().map(|entry| entry.unwrap());
        let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
        // Another run may be about to rename it.
        let read = |entry: fs::DirEntry| Some((name(&entry), fs::read(entry.path()).ok()?));
        entries.filter_map(read).collect()
    }
}

fn killed_shards(count: u32) {
    let (place, whole) = Workplace::of_shards();
    let (mut killed, mut left, mut kept) = (0, 0, 0);
    for k in 0..count {
        for name in place.written().keys() {
            fs::remove_file(place.path("m").join(name)).unwrap();
        }
        // Of a part, another one at work beside it, which is not to lose its files.
        let parts: [&[&str]; 2] = [&["--part", "1/2"], &["--part", "2/2"]];
        let (run, beside) = match k % 3 {
            0 => (&[][..], None),
            1 => (parts[0], Some(parts[1])),
            _ => (parts[1], Some(parts[0])),
        };
        let beside = beside.map(|part| place.shards(part).spawn().unwrap());
        let mut child = place.shards(run).spawn().unwrap();
        sleep(place.moment(k));
        child.kill().unwrap();
        killed += u32::from(child.wait().unwrap().signal() == Some(9));
        for (name, bytes) in place.written() {
            if name.starts_with('.') {
                left += 1;
            } else {
                kept += 1;
                assert!(whole[&name] == bytes, "{name} is wrong");
            }
        }
        let again = place.shards(&[run, &["--resume"]].concat()).output().unwrap();
        assert!(again.status.success(), "{}", text(&again.stderr));
        if let Some(beside) = beside {
            let output = beside.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        let written = place.written();
        assert!(written.keys().eq(whole.keys()), "{:?}", written.keys());
        assert!(written == whole);
    }
    eprintln!("{killed} of {count} runs killed; {kept} files were whole then, and {left} were not");
}

fn terminations(count: u32) {
    let place = Workplace::new();
    let (mut stopped, mut early, mut late) = (0, 0, 0);
    for k in 0..count {
        let (name, code) = [("TERM", 143), ("INT", 130), ("HUP", 129)][k as usize % 3];
        let child = place.init(SEEDS[k as usize % 2]).spawn().unwrap();
        sleep(place.moment(k));
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        match (output.status.code(), output.status.signal()) {
            // Finished before.
            (Some(0), _) => late += 1,
            // Before it watches, or when all is done.
            (None, Some(signal)) => {
                assert_eq!(signal, code - 128);
                early += 1;
            }
            (status, _) => {
                assert_eq!(status, Some(code));
                assert_eq!(text(&output.stderr), "error: interrupted: no file was written\n");
                stopped += 1;
            }
        }
        place.assert_whole();
        assert!(place.others().is_empty(), "{:?}", place.others());
    }
    eprintln!("{stopped} of {count} runs stopped, {early} ended before they watched, {late} done");
}

fn address_spaces(step: usize) {
    let place = Workplace::new();
    let (mut done, mut refused) = (0, 0);
    let commands = [
        "init plan.toml --seed 1 -o m.safetensors --force -q --threads 2",
        "sample --shape 3000,1000 -q --threads 2",
        "sample --shape 3000,1000 -q -o v.npy --force --threads 2",
        "plan plan.toml -q",
    ];
    for limit in (10_000..=60_000).step_by(step) {
        for command in commands {
            let output = place.shell(&format!("ulimit -v {limit}; exec $V {command}"));
            let message = text(&output.stderr);
            match output.status.code() {
                Some(0) => done += 1,
                // The loader's, where even the C library does not fit.
                Some(127) => {}
                // Nor the runtime's own first few bytes: said nowhere else.
                None if limit < 13_000 => {}
                code => {
                    assert_eq!(code, Some(1), "{limit} {command}: {message}");
                    assert!(message.starts_with("error: "), "{limit} {command}: {message}");
                    refused += 1;
                }
            }
            place.assert_whole();
            assert!(place.others().iter().all(|name| name == "v.npy"), "{:?}", place.others());
        }
    }
    eprintln!("{done} runs did their work, {refused} said that they cannot");
    assert!(done > 0 && refused > 0);
}

#[test]
fn killed_runs_leave_what_was_there_and_the_next_removes_the_rest() {
    kills(12);
}

#[test]
fn killed_shards_and_parts_are_resumed() {
    killed_shards(9);
}

#[test]
fn stopped_runs_leave_what_was_there_and_nothing_else() {
    terminations(9);
}

#[cfg(target_os = "linux")]
#[test]
fn small_address_spaces_end_in_an_error() {
    address_spaces(6000);
}

#[test]
#[ignore = "slow: 250 runs killed, 50 stopped, 800 in little memory"]
fn many_runs_are_killed_stopped_and_starved() {
    kills(100);
    killed_shards(150);
    terminations(50);
    address_spaces(250);
}

/// A file system of its own, which only root mounts.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path, options: &str) -> Option<Self> {
        let path = folder.join("disk");
        fs::create_dir(&path).unwrap();
        let mount = ["-t", "tmpfs", "-o", options, "none"];
        let mounted = Command::new("mount").args(mount).arg(&path).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn full_disks_leave_what_was_there() {
    let place = Workplace::new();
    let outputs = TempDir::new().unwrap();
    let Some(disk) = Disk::mount(outputs.path(), "size=120m") else {
        eprintln!("skipped: only root mounts a disk to fill");
        return;
    };
    let target = disk.0.join("m.safetensors");
    let mut init = place.command(&["init", "plan.toml", "--seed", "1", "--force", "-o"]);
    init.arg(&target);
    assert!(init.output().unwrap().status.success());
    let names = || fs::read_dir(&disk.0).unwrap().count();

    // Full at the start: told before anything is drawn.
    fs::write(disk.0.join("other"), vec![0; 40 << 20]).unwrap();
    let output = init.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("free on its disk"), "{}", text(&output.stderr));
    assert_eq!(names(), 2);

    // Full meanwhile: it is held when its file is there, until nothing fits any more.
    fs::remove_file(disk.0.join("other")).unwrap();
    let failed = (0..50).any(|_| {
        let mut child = init.spawn().unwrap();
        while child.try_wait().unwrap().is_none() && names() == 1 {}
        signal(&child, "STOP");
        let filled = fs::write(disk.0.join("other"), vec![0; 120 << 20]).is_err();
        signal(&child, "CONT");
        let output = child.wait_with_output().unwrap();
        fs::remove_file(disk.0.join("other")).unwrap();
        assert!(place.whole.contains(&fs::read(&target).unwrap()));
        assert_eq!(names(), 1);
        let message = text(&output.stderr);
        if output.status.success() {
            return false;
        }
        assert!(filled && output.status.code() == Some(1), "{message}");
        message.contains(&format!("error: cannot write {}: No space", target.display()))
    });
    assert!(failed, "never held in time");
}

/// Shards that were whole before the disk was full stay, and are kept by the next run.
#[cfg(target_os = "linux")]
#[test]
fn full_disks_keep_the_shards_that_are_whole() {
    let (place, whole) = Workplace::of_shards();
    let outputs = TempDir::new().unwrap();
    let Some(disk) = Disk::mount(outputs.path(), "size=60m") else {
        eprintln!("skipped: only root mounts a disk to fill");
        return;
    };
    let target = disk.0.join("m.safetensors");
    let run = |more: &[&str]| {
        let arguments = ["init", "plan.toml", "--seed", "1", "--max-shard-size", "8MB", "-o"];
        place
            .command(&[&arguments[..], &[target.to_str().unwrap()], more].concat())
            .output()
            .unwrap()
    };
    // No room for the whole: told before anything is drawn.
    fs::write(disk.0.join("other"), vec![0; 30 << 20]).unwrap();
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("free on its disk"), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(&disk.0).unwrap().count(), 1);
    // For a part of it there is.
    assert!(run(&["--part", "1/3"]).status.success());
    assert_eq!(run(&["--resume"]).status.code(), Some(1));
    fs::remove_file(disk.0.join("other")).unwrap();
    let output = run(&["--resume"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("2 kept, 4 written"), "{}", text(&output.stdout));
    for (name, bytes) in whole {
        assert!(fs::read(disk.0.join(&name)).unwrap() == bytes, "{name}");
    }
}

/// One shard that fails takes none of the others with it.
#[test]
fn a_shard_that_fails_leaves_the_others() {
    let (place, whole) = Workplace::of_shards();
    for name in whole.keys() {
        fs::remove_file(place.path("m").join(name)).unwrap();
    }
    let third = whole.keys().nth(2).unwrap();
    // A folder by its name: refused before anything is drawn.
    fs::create_dir(place.path("m").join(third)).unwrap();
    for arguments in [&[][..], &["--resume"], &["--force"]] {
        let output = place.shards(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(third), "{}", text(&output.stderr));
    }
    assert_eq!(fs::read_dir(place.path("m")).unwrap().count(), 1);
    fs::remove_dir(place.path("m").join(third)).unwrap();
    // Files larger than this fail: all shards do, one after the other.
    let output = place.shell(
        "ulimit -f 100; exec $V init plan.toml --seed 1 -o m/m.safetensors --max-shard-size 8MB",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("ulimit -f"), "{}", text(&output.stderr));
    assert!(place.written().is_empty());
    // Stopped in the middle: what is whole stays and is kept.
    for k in 0..6 {
        let child = place.shards(&["--resume"]).spawn().unwrap();
        sleep(place.moment(k));
        signal(&child, "TERM");
        let output = child.wait_with_output().unwrap();
        let message = text(&output.stderr);
        let code = output.status.code();
        assert!(code.is_none_or(|code| code == 0 || code == 143), "{message}");
        assert!(code != Some(143) || message.contains("interrupted: "), "{message}");
        for (name, bytes) in place.written() {
            assert!(whole[&name] == bytes, "{name} is wrong");
        }
    }
    assert!(place.shards(&["--resume"]).output().unwrap().status.success());
    assert!(place.written() == whole);
}

/// How long a command that watches has to come to its work.
const AT_WORK: Duration = Duration::from_millis(300);

fn at_work(mut command: Command) -> Child {
    let mut child = command.spawn().unwrap();
    wait_until_it_watches(&mut child);
    sleep(AT_WORK);
    child
}

/// Runs, and signals when it is at work; with it how long it took to obey.
fn signalled(command: Command, name: &str) -> (Output, Duration) {
    let mut child = at_work(command);
    let start = Instant::now();
    signal(&child, name);
    // The pipes stay unread until it has ended.
    while child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    (child.wait_with_output().unwrap(), start.elapsed())
}

/// With room for a busy machine: what is meant is not to wait for the reader, or for the skip.
#[test]
fn signals_are_obeyed_within_a_second() {
    let place = Workplace::new();
    let endless = ["sample", "--seed", "1", "--shape", "100000,300000"];
    // A framework's stream that has to be skipped through.
    let skip = ["--stream", "keras-torch", "--offset", "99999,0"];
    let pipe = place.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let cases: [&[&str]; 4] =
        [&["-o", "-"], &["-o", "pipe"], &[&skip[..], &["-o", "v.npy"]].concat(), &skip];
    for arguments in cases {
        for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
            let command = place.command(&[&endless[..], arguments].concat());
            let (output, time) = signalled(command, name);
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
            assert!(message.ends_with("error: interrupted: no file was written\n"), "{message}");
            assert!(time < Duration::from_secs(8), "{arguments:?} {name}: {time:?}");
        }
    }
    // What it would say waits for the same reader.
    let shell = |line: &str| {
        let mut command = signals::command("sh");
        command.args(["-c", line]).env("V", env!("CARGO_BIN_EXE_varscale"));
        command.current_dir(place.folder.path()).stdout(Stdio::piped());
        command
    };
    let line = format!("exec $V {} -o - 2>&1", endless.join(" "));
    let (output, time) = signalled(shell(&line), "TERM");
    assert_eq!(output.status.code(), Some(143));
    assert!(time < Duration::from_secs(8), "{time:?}");
    // Twice: at once, unless the machine is busy.
    let line = format!("exec $V {} -o -", endless.join(" "));
    let at_once = (0..5).any(|_| {
        let mut command = shell(&line);
        command.stderr(Stdio::null());
        let mut child = at_work(command);
        let start = Instant::now();
        signal(&child, "INT");
        sleep(Duration::from_millis(50));
        signal(&child, "INT");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        start.elapsed() < Duration::from_millis(450)
    });
    assert!(at_once);
    fs::remove_file(pipe).unwrap();
    assert!(place.others().is_empty(), "{:?}", place.others());
}

#[cfg(target_os = "linux")]
#[test]
fn ignored_signals_stay_ignored() {
    let place = Workplace::new();
    let pipe = place.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (name, ignore) in
        [("HUP", "exec nohup"), ("INT", "trap '' INT; exec"), ("TERM", "trap '' TERM; exec")]
    {
        let line = format!("{ignore} $V init plan.toml -o pipe --seed 1 2>/dev/null");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).env("V", env!("CARGO_BIN_EXE_varscale"));
        let mut child = command.current_dir(place.folder.path()).spawn().unwrap();
        let comm = format!("/proc/{}/comm", child.id());
        while fs::read_to_string(&comm).unwrap() != "varscale\n" {
            sleep(Duration::from_millis(1));
        }
        // It waits for a reader, and would end in half a second.
        for _ in 0..3 {
            signal(&child, name);
            sleep(Duration::from_secs(1));
        }
        assert!(child.try_wait().unwrap().is_none(), "{name}");
        assert!(place.whole[0] == fs::read(&pipe).unwrap());
        assert!(child.wait().unwrap().success(), "{name}");
    }
}
