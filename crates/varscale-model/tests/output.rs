//! Outputs: what a path names decides, and nothing but a regular file is ever replaced.

use std::{fs, path::Path};

use tempfile::TempDir;
use varscale_model::{Output, OutputError};

fn write(output: &Output, bytes: &[u8]) -> Result<(), OutputError> {
    let mut sink = output.open(Some(bytes.len() as u64))?;
    sink.write(bytes).map_err(|error| sink.failed(error))?;
    sink.finish()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_are_replaced_by_force_only() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    write(&Output::new(&path), b"first").unwrap();
    let error = write(&Output::new(&path), b"second").unwrap_err();
    assert!(matches!(error, OutputError::Exists { .. }), "{error}");
    assert!(error.is_input() && error.to_string().contains("by force"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"first");
    write(&Output::new(&path).force(true), b"third").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"third");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn folders_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("folder");
    fs::create_dir(&path).unwrap();
    for path in [path.clone(), folder.path().join("out/"), folder.path().join(".."), "/".into()] {
        let error = write(&Output::new(&path).force(true), b"").unwrap_err();
        assert!(matches!(error, OutputError::Kind { .. }), "{}: {error}", path.display());
    }
    assert_eq!(names(folder.path()), ["folder"]);
}

#[test]
fn of_two_at_once_one_wins_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    // Without force the first that is finished, with it the last.
    for (force, exists, whole) in [(false, false, b"a"), (true, true, b"b"), (true, false, b"b")] {
        if !exists {
            let _ = fs::remove_file(&path);
        }
        let output = Output::new(&path).force(force);
        let (mut a, mut b) = (output.open(None).unwrap(), output.open(None).unwrap());
        assert!(b.leftovers().is_empty(), "what a process holds is no leftover");
        a.write(b"a").unwrap();
        b.write(b"b").unwrap();
        a.finish().unwrap();
        assert_eq!(b.finish().is_ok(), force);
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert_eq!(names(folder.path()), ["out"]);
    }
}

#[test]
fn what_is_dropped_or_removed_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    let mut sink = Output::new(&path).open(None).unwrap();
    sink.write(b"half").unwrap();
    assert_eq!(names(folder.path()).len(), 1);
    drop(sink);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn leftovers_of_the_same_output_are_removed_and_named() {
    let folder = TempDir::new().unwrap();
    // Long names and such as are no text take part by a hash.
    for name in ["out", &"x".repeat(255), &"ü".repeat(120)] {
        let path = folder.path().join(name);
        let sink = Output::new(&path).open(None).unwrap();
        let [held] = &names(folder.path())[..] else { panic!() };
        let held = folder.path().join(held);
        // What a killed process leaves: the same name, and no lock.
        let held_name = held.file_name().unwrap().to_str().unwrap();
        let random = held_name.len() - ".tmp".len() - 6..held_name.len() - ".tmp".len();
        let other_random = if held_name[random.clone()] == *"aaaaaa" { "bbbbbb" } else { "aaaaaa" };
        let mut left_name = held_name.to_owned();
        left_name.replace_range(random, other_random);
        let left = held.with_file_name(left_name);
        fs::write(&left, "left").unwrap();
        let other = folder.path().join(".other.varscale-aaaaaa.tmp");
        fs::write(&other, "another output's").unwrap();

        let second = Output::new(&path).open(None).unwrap();
        assert_eq!(second.leftovers().len(), 1);
        assert_eq!(second.leftovers()[0].file_name(), left.file_name());
        assert!(!left.exists() && held.exists() && other.exists());
        drop((sink, second));
        fs::remove_file(other).unwrap();
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn a_missing_folder_is_wrong_input() {
    let folder = TempDir::new().unwrap();
    let output = Output::new(folder.path().join("missing/out"));
    let error = output.open(Some(1)).unwrap_err();
    assert!(matches!(&error, OutputError::Folder { folder, .. } if folder.ends_with("missing")));
    assert!(error.is_input() && output.check().is_err(), "{error}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn what_must_fail_fails_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    let long = "x".repeat(256);
    let cases =
        [(long.as_str(), Some(1), "xxx"), ("out", Some(u64::MAX), "18446744073709551615 bytes")];
    for (name, length, part) in cases {
        let error = Output::new(folder.path().join(name)).open(length).unwrap_err();
        assert!(error.to_string().contains(part) && !error.is_input(), "{error}");
        assert!(!error.to_string().contains(".varscale-"), "{error}");
        assert!(names(folder.path()).is_empty());
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        io::Read,
        os::unix::{
            fs::{MetadataExt, PermissionsExt, symlink},
            net::UnixListener,
        },
        process::Command,
        thread,
    };

    use super::*;

    #[test]
    fn inputs_are_refused_by_every_name() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("input"), "input").unwrap();
        fs::hard_link(path("input"), path("hard")).unwrap();
        symlink("input", path("soft")).unwrap();
        symlink(path("soft"), path("softer")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        for name in ["input", "hard", "soft", "softer", "folder/../input", "./input"] {
            let output = Output::new(path(name)).force(true).inputs([path("input")]);
            let error = write(&output, b"output").unwrap_err();
            assert!(matches!(error, OutputError::Input { .. }), "{name}: {error}");
            assert_eq!(fs::read(path("input")).unwrap(), b"input");
        }
    }

    #[test]
    fn links_stay_and_their_targets_are_written() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        symlink("folder/target", path("dangling")).unwrap();
        symlink("dangling", path("second")).unwrap();
        for bytes in [b"new", b"old"] {
            write(&Output::new(path("second")).force(true), bytes).unwrap();
            assert_eq!(fs::read(path("folder/target")).unwrap(), bytes);
            assert_eq!(names(folder.path()), ["dangling", "folder", "second"]);
            assert_eq!(names(&path("folder")), ["target"]);
        }
        let error = write(&Output::new(path("second")), b"").unwrap_err();
        assert!(matches!(error, OutputError::Exists { .. }), "{error}");

        symlink("round", path("round")).unwrap();
        symlink("missing/target", path("astray")).unwrap();
        for name in ["round", "astray"] {
            assert!(write(&Output::new(path(name)).force(true), b"").is_err());
            assert!(path(name).is_symlink());
        }
    }

    #[test]
    fn streams_are_written_to_and_stay() {
        let folder = TempDir::new().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || {
                let mut bytes = Vec::new();
                fs::File::open(pipe).unwrap().read_to_end(&mut bytes).unwrap();
                bytes
            }
        });
        write(&Output::new(&pipe), b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert_eq!(names(folder.path()), ["pipe"]);

        // A node of its own, which only root makes: a failing test must not cost the real one.
        let null = folder.path().join("null");
        if Command::new("mknod").arg(&null).args(["c", "1", "3"]).status().unwrap().success() {
            for force in [false, true] {
                let kind = fs::symlink_metadata(&null).unwrap().file_type();
                if write(&Output::new(&null).force(force), b"lost").is_ok() {
                    assert_eq!(fs::symlink_metadata(&null).unwrap().file_type(), kind);
                }
                assert_eq!(names(folder.path()), ["null", "pipe"]);
            }
            let disk = folder.path().join("disk");
            assert!(
                Command::new("mknod")
                    .arg(&disk)
                    .args(["b", "7", "250"])
                    .status()
                    .unwrap()
                    .success()
            );
            let error = write(&Output::new(&disk).force(true), b"").unwrap_err();
            assert!(matches!(error, OutputError::Kind { .. }), "{error}");
        }

        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let error = write(&Output::new(&socket).force(true), b"").unwrap_err();
        assert!(matches!(error, OutputError::Kind { .. }), "{error}");
    }

    #[test]
    fn the_mode_and_the_owner_stay() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("out");
        for mode in [0o600, 0o640, 0o444, 0o755] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            // Only root gives files away.
            let given = std::os::unix::fs::chown(&path, Some(1234), Some(5678)).is_ok();
            write(&Output::new(&path).force(true), b"new").unwrap();
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!(metadata.mode() & 0o7777, mode);
            if given {
                assert_eq!((metadata.uid(), metadata.gid()), (1234, 5678));
            }
            fs::remove_file(&path).unwrap();
        }
    }

    /// Runs before and after, which only root can; nothing is tested where it cannot.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_no_rename_replaces_is_refused_at_once() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        let run = |words: &[&str]| {
            let mut command = Command::new(words[0]);
            command
                .args(&words[1..])
                .current_dir(folder.path())
                .stderr(std::process::Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        fs::create_dir(path("folder")).unwrap();
        for name in ["fixed", "mounted", "other"] {
            fs::write(path(name), "old").unwrap();
        }
        let cases: [(&str, &[&str], &[&str], &str); 5] = [
            ("fixed", &["chattr", "+i", "fixed"], &["chattr", "-i", "fixed"], "immutable"),
            ("fixed", &["chattr", "+a", "fixed"], &["chattr", "-a", "fixed"], "append-only"),
            ("folder/new", &["chattr", "+a", "folder"], &["chattr", "-a", "folder"], "append-only"),
            ("mounted", &["mount", "--bind", "other", "mounted"], &["umount", "mounted"], "mount"),
            (
                "folder/new",
                &["mount", "-t", "tmpfs", "-o", "ro", "none", "folder"],
                &["umount", "folder"],
                "read-only",
            ),
        ];
        for (name, before, after, part) in cases {
            if !run(before) {
                continue;
            }
            let result = Output::new(path(name)).force(true).open(Some(4)).map(drop);
            assert!(run(after));
            let error = result.unwrap_err();
            assert!(error.to_string().contains(part) && !error.is_input(), "{error}");
        }
        assert_eq!(names(folder.path()), ["fixed", "folder", "mounted", "other"]);
        assert!(names(&path("folder")).is_empty());
    }
}
