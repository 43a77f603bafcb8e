//! Files, pipes and memory that give out.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::tempdir;

use crate::{command, error_text, npy, run};

#[test]
fn missing_folders_are_named() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("missing/out.npy");
    let output = run(&["--shape", "3", "-o", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let error = error_text(&output);
    assert!(error.contains("missing/out.npy: there is no folder"), "{error}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn files_are_replaced_whole() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("out.npy");
    let path = path.to_str().unwrap();
    fs::write(path, "old").unwrap();
    assert!(!run(&["--shape", "3", "--scale", "0", "-o", path]).status.success());
    assert_eq!(fs::read(path).unwrap(), b"old");
    assert_eq!(run(&["--shape", "3", "--seed", "1", "-o", path]).status.code(), Some(2));
    assert_eq!(fs::read(path).unwrap(), b"old");
    assert!(run(&["--shape", "3", "--seed", "1", "-o", path, "--force"]).status.success());
    assert_eq!(npy(&fs::read(path).unwrap()).1.len(), 12);
    assert_same_permissions(Path::new(path), &folder.path().join("plain"));
}

#[cfg(unix)]
fn assert_same_permissions(path: &Path, plain: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(plain, "").unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(path), mode(plain));
}

#[cfg(not(unix))]
fn assert_same_permissions(_path: &Path, _plain: &Path) {}

#[test]
fn readers_may_stop_early() {
    for output in [&["-o", "-"][..], &[]] {
        let arguments = [&["--shape", "2000,2000"], output].concat();
        let mut child =
            command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", error_text(&output));
        assert!(!error_text(&output).contains("error"), "{}", error_text(&output));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn full_disks_are_the_machines_failure() {
    for output in [&["-o", "-"][..], &[]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let arguments = [&["--shape", "20,20"], output].concat();
        let output = command(&arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(error_text(&output).contains("standard output: No space"));
    }
}

/// 2^64 − 2^32 values, in less than a gigabyte of address space.
#[cfg(target_os = "linux")]
#[test]
fn huge_shapes_are_not_allocated() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 1000000 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_varscale")])
        .args(["sample", "--shape", "4294967296,4294967295", "--seed", "1", "--threads", "2"])
        .args(["--distribution", "uniform"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{}", error_text(&output));
    assert!(text.contains("\nvalues    18446744069414584320, float32\n"), "{text}");
    assert!(text.contains("\nOf the first "), "{text}");
}
