//! Parts, one by one and together.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::{LIMIT, PLAN, SHARDS, Workplace, assert_done, assert_fails, text};

#[test]
fn parts_make_what_one_machine_makes() {
    let place = Workplace::new();
    for count in [1, 2, 3, SHARDS, SHARDS + 5] {
        let folder = format!("{count}");
        // In another order than theirs; what each finds is nothing to it.
        for number in (1..=count).rev() {
            let output = place.init(&folder, &["--part", &format!("{number}/{count}")]);
            assert_done(&output);
            let report = text(&output.stdout);
            assert!(report.contains(&format!("part {number}/{count} of 7 shards: ")), "{report}");
            assert_eq!(report.contains("nothing to do"), number > SHARDS, "{report}");
            // The first part's last file.
            let index = place.path(&folder).join("m.safetensors.index.json");
            assert_eq!(index.exists(), number == 1);
        }
        assert!(place.files(&folder) == place.whole, "{count} parts");
    }
}

#[test]
fn parts_at_the_same_time_and_again_make_the_same() {
    let place = Workplace::new();
    let parts = ["1/4", "2/4", "3/4", "4/4", "2/4", "1/4", "2/3", "4/4"];
    let children: Vec<_> = parts
        .iter()
        .map(|part| place.init_command("together", &["--part", part, "--resume"]).spawn().unwrap())
        .collect();
    for child in children {
        assert_done(&child.wait_with_output().unwrap());
    }
    assert!(place.files("together") == place.whole);
    let again = place.init("together", &["--part", "2/4"]);
    assert_fails(&again, &["m-00002-of-00007.safetensors: it exists", "--resume keeps"]);
    let forced = place.init("together", &["--part", "2/4", "--force"]);
    assert_done(&forced);
    assert!(place.files("together") == place.whole);
}

#[test]
fn parts_of_two_seeds_are_refused_and_told() {
    let place = Workplace::new();
    assert_done(&place.init("two", &["--part", "1/3", "--seed", "1"]));
    for (arguments, told) in [
        (&["--part", "3/3", "--seed", "2"][..], "m.safetensors.index.json states seed 1"),
        (&["--part", "3/3", "--seed", "2", "--resume"], "and this run is of seed 2"),
    ] {
        assert_fails(&place.init("two", arguments), &[told, "only by force (--force)"]);
    }
    fs::write(place.path("plan.toml"), PLAN.replace("random_normal", "random_uniform")).unwrap();
    let other = place.init("two", &["--part", "3/3", "--seed", "1"]);
    assert_fails(&other, &["states a recipe of digest", "only by force (--force)"]);
    fs::write(place.path("plan.toml"), PLAN).unwrap();
    fs::remove_file(place.path("two/m.safetensors.index.json")).unwrap();
    let first = "m-00001-of-00007.safetensors states seed 1";
    assert_fails(&place.init("two", &["--part", "2/3", "--seed", "2"]), &[first]);
    assert_done(&place.init("two", &["--part", "1/3", "--seed", "1", "--resume"]));
    assert_done(&place.init("two", &["--part", "2/3", "--seed", "1"]));
    assert_done(&place.init("two", &["--part", "3/3", "--seed", "2", "--force"]));
    let output = place.run(&["verify", "two"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    assert!(
        told.contains("of-00007.safetensors and 4 more state seed 2, the index seed 1\n"),
        "{told}"
    );
}

#[test]
fn shards_of_what_is_one_file_now_are_named() {
    let place = Workplace::new();
    for limit in [&[][..], &["--max-shard-size", "1GB"]] {
        let init = ["init", "plan.toml", "-o", "whole/m.safetensors", "--force"];
        let output = place.run(&[&init, limit].concat());
        assert_done(&output);
        let told = text(&output.stderr);
        assert_eq!(told.lines().count(), SHARDS + 1, "{told}");
        assert!(place.whole.keys().all(|name| told.contains(&**name)), "{told}");
    }
}

#[test]
fn the_environment_tells_the_part() {
    let place = Workplace::new();
    for (part, environment, resolved) in [
        ("auto", "SLURM_PROCID=1 SLURM_NTASKS=3", "2/3"),
        ("auto/3", "SLURM_ARRAY_TASK_ID=3", "3/3"),
        ("auto/3", "JOB_COMPLETION_INDEX=0", "1/3"),
        ("auto", "RANK=1 WORLD_SIZE=3", "2/3"),
    ] {
        let mut command = place.init_command("environment", &["--part", part, "--force", "--json"]);
        let variables = environment.split(' ').filter_map(|one| one.split_once('='));
        let output = command.envs(variables).output().unwrap();
        assert_done(&output);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["part"], resolved);
    }
    assert!(place.files("environment") == place.whole);
    let mut command = place.init_command("no", &["--part", "auto"]);
    let output = command.env("RANK", "x").output().unwrap();
    assert_fails(&output, &["part auto: invalid RANK \"x\""]);
}

#[test]
fn what_makes_no_checkpoint_is_refused() {
    let place = Workplace::new();
    for part in ["0/3", "4/3", "3", "auto/0", "x"] {
        assert_fails(&place.init("no", &["--part", part]), &["--part", part, "K/N"]);
    }
    let one = ["init", "plan.toml", "-o", "one.safetensors"];
    assert_fails(&place.run(&[&one[..], &["--part", "1/3"]].concat()), &["--max-shard-size"]);
    // Each machine would draw another seed.
    fs::write(place.path("plan.toml"), PLAN.replace("seed = 7\n", "")).unwrap();
    for arguments in [&["--part", "1/3"][..], &["--part", "1/3", "--resume"]] {
        assert_fails(&place.init("no", arguments), &["no seed", "--seed N"]);
    }
    assert_fails(&place.missing("no", &LIMIT), &["no seed", "--seed N"]);
    assert!(place.files("no").is_empty());
    assert_done(&place.init("seven", &["--part", "1/1", "--seed", "7"]));
    assert!(place.files("seven").keys().eq(place.whole.keys()));
}

#[test]
fn helps_say_what_the_limit_is_for() {
    let place = Workplace::new();
    for (command, says, other) in [
        ("init", "Write shards, ", "The limit that init got"),
        ("missing", "The limit that init got", "Write shards, "),
    ] {
        let help = place.run(&[command, "--help"]);
        assert!(text(&help.stdout).contains(says), "{command}");
        assert!(!text(&help.stdout).contains(other), "{command}");
    }
}

#[cfg(unix)]
#[test]
fn files_that_links_make_one_are_refused() {
    use std::os::unix::fs::symlink;
    let place = Workplace::new();
    let (first, second) = ("m-00001-of-00007.safetensors", "m-00002-of-00007.safetensors");
    let index = "m.safetensors.index.json";
    let digests = "m-00001-of-00007.safetensors.sha256";
    for (link, target, arguments) in [
        (first, second, &["--force"][..]),
        (first, "./m-00002-of-00007.safetensors", &[]),
        (second, first, &["--force", "--part", "1/7"]),
        (first, index, &["--force"]),
        (digests, first, &["--force", "--digests"]),
        (digests, first, &["--resume", "--digests"]),
    ] {
        let folder = TempDir::new_in(place.folder.path()).unwrap();
        let name = folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        symlink(target, folder.path().join(link)).unwrap();
        assert_fails(&place.init(&name, arguments), &["by its link, it is the same file as m"]);
        assert!(fs::read(folder.path().join(link)).is_err(), "{link} {arguments:?}");
    }
    // Links to files elsewhere are followed.
    fs::create_dir(place.path("elsewhere")).unwrap();
    fs::create_dir(place.path("linked")).unwrap();
    symlink("../elsewhere/first", place.path("linked").join(first)).unwrap();
    assert_done(&place.init("linked", &[]));
    assert!(place.files("linked") == place.whole);
}

#[test]
fn a_part_is_drawn_without_writing() {
    let place = Workplace::new();
    let bytes = |part: &str| {
        let dry = ["init", "plan.toml", "--dry-run", "--json", "--part", part];
        let output = place.run(&[&dry[..], &LIMIT].concat());
        assert_done(&output);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report["shards"].as_u64().unwrap(), report["bytes"].as_u64().unwrap())
    };
    let all = bytes("1/1");
    let parts = ["1/3", "2/3", "3/3"].map(bytes);
    let sum = parts.iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    assert_eq!((all.0, sum), (SHARDS as u64, all));
    assert!(parts.iter().all(|part| part.1 < all.1));
}
