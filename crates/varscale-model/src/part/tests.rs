use super::*;

/// The variables of some launchers, `NAME=VALUE` each.
type Environment = &'static [&'static [&'static str]];

/// A part by its text and an environment, `NAME=VALUE` each; or what the error says.
fn resolved(text: &str, environment: &[&str]) -> Result<String, String> {
    let lookup = |name: &str| {
        let of = |line: &&str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
        environment.iter().find_map(of)
    };
    let part = text.parse::<PartArgument>().and_then(|argument| argument.resolve(lookup));
    part.map(|part| part.to_string()).map_err(|error| error.to_string())
}

#[test]
fn parts_are_numbers_or_auto() {
    for text in ["1/1", "3/16", "16/16", "1/18446744073709551615"] {
        assert_eq!(resolved(text, &["RANK=7"]).unwrap(), text);
    }
    assert_eq!(resolved("03/016", &[]).unwrap(), "3/16");
    let refused = [
        "",
        "3",
        "/",
        "0/16",
        "17/16",
        "3/0",
        "0/0",
        "/16",
        "3/",
        "-1/16",
        "+3/16",
        "3/-16",
        " 3/16",
        "3/16 ",
        "3 / 16",
        "3/16/2",
        "3.0/16",
        "3:16",
        "1/18446744073709551616",
        "auto/0",
        "auto/",
        "auto/x",
        "auto/auto",
        "Auto",
        "AUTO/3",
        "auto 3",
        "٣/16",
    ];
    for text in refused {
        let message = resolved(text, &["RANK=0", "WORLD_SIZE=1"]).unwrap_err();
        assert_eq!(
            message,
            format!(
                "invalid part {text:?}: it must be K/N with 1 <= K <= N, such as 3/16, or auto, or auto/N"
            )
        );
    }
}

const ARRAY: [&str; 4] = [
    "SLURM_ARRAY_TASK_ID=3",
    "SLURM_ARRAY_TASK_MIN=1",
    "SLURM_ARRAY_TASK_MAX=16",
    "SLURM_ARRAY_TASK_COUNT=16",
];
const ARRAY_FROM_0: [&str; 4] = [
    "SLURM_ARRAY_TASK_ID=3",
    "SLURM_ARRAY_TASK_MIN=0",
    "SLURM_ARRAY_TASK_MAX=15",
    "SLURM_ARRAY_TASK_COUNT=16",
];
/// `sbatch --array=3,7-9`
const AGAIN: [&str; 4] = [
    "SLURM_ARRAY_TASK_ID=7",
    "SLURM_ARRAY_TASK_MIN=3",
    "SLURM_ARRAY_TASK_MAX=9",
    "SLURM_ARRAY_TASK_COUNT=4",
];
/// `sbatch --array=7`
const ONE_AGAIN: [&str; 4] = [
    "SLURM_ARRAY_TASK_ID=7",
    "SLURM_ARRAY_TASK_MIN=7",
    "SLURM_ARRAY_TASK_MAX=7",
    "SLURM_ARRAY_TASK_COUNT=1",
];
const ARRAY_OF_ONE: [&str; 4] = [
    "SLURM_ARRAY_TASK_ID=0",
    "SLURM_ARRAY_TASK_MIN=0",
    "SLURM_ARRAY_TASK_MAX=0",
    "SLURM_ARRAY_TASK_COUNT=1",
];
const STEP: [&str; 2] = ["SLURM_PROCID=2", "SLURM_NTASKS=8"];
/// What Slurm sets in a job's script, with `--ntasks=8`.
const SCRIPT: [&str; 3] = ["SLURM_JOB_ID=1", "SLURM_PROCID=0", "SLURM_NTASKS=8"];
/// And in a task of a step of 4 in it.
const STEP_IN_SCRIPT: [&str; 5] = [
    "SLURM_JOB_ID=1",
    "SLURM_STEP_ID=0",
    "SLURM_PROCID=1",
    "SLURM_STEP_NUM_TASKS=4",
    "SLURM_NTASKS=8",
];
const STEP_OF_ONE: [&str; 2] = ["SLURM_PROCID=0", "SLURM_NTASKS=1"];
const JOB: [&str; 1] = ["JOB_COMPLETION_INDEX=2"];
const TORCHRUN: [&str; 2] = ["RANK=2", "WORLD_SIZE=8"];

#[test]
fn launchers_tell_of_parts() {
    let cases: &[(&str, Environment, &str)] = &[
        ("auto", &[&ARRAY], "3/16"),
        ("auto", &[&ARRAY_FROM_0], "4/16"),
        ("auto/16", &[&ARRAY], "3/16"),
        ("auto/16", &[&AGAIN], "7/16"),
        ("auto/16", &[&ONE_AGAIN], "7/16"),
        ("auto/16", &[&["SLURM_ARRAY_TASK_ID=16"]], "16/16"),
        ("auto", &[&STEP], "3/8"),
        ("auto/8", &[&STEP], "3/8"),
        ("auto", &[&STEP_IN_SCRIPT], "2/4"),
        ("auto/8", &[&JOB], "3/8"),
        ("auto", &[&TORCHRUN], "3/8"),
        ("auto/8", &[&TORCHRUN], "3/8"),
        // A count without a place is nothing to go by.
        ("auto", &[&TORCHRUN, &["SLURM_NTASKS=5"]], "3/8"),
        ("auto", &[&STEP, &["WORLD_SIZE=5"]], "3/8"),
        // Two that say the same, and two of which one launched a single process.
        ("auto", &[&STEP, &TORCHRUN], "3/8"),
        ("auto/8", &[&JOB, &TORCHRUN], "3/8"),
        ("auto", &[&ARRAY, &STEP_OF_ONE], "3/16"),
        ("auto/16", &[&AGAIN, &STEP_OF_ONE], "7/16"),
        ("auto", &[&ARRAY_OF_ONE, &STEP], "3/8"),
        ("auto", &[&STEP, &["RANK=0", "WORLD_SIZE=1"]], "3/8"),
        // A script runs once in each task of its array.
        ("auto", &[&ARRAY, &SCRIPT], "3/16"),
        ("auto", &[&ARRAY_OF_ONE, &SCRIPT], "1/1"),
        ("auto", &[&["SLURM_JOB_ID=1", "SLURM_PROCID=0"]], "1/1"),
        ("auto", &[&STEP_OF_ONE], "1/1"),
    ];
    for &(text, environment, part) in cases {
        assert_eq!(resolved(text, &environment.concat()).as_deref(), Ok(part), "{environment:?}");
    }
}

#[test]
fn what_launchers_leave_open_is_refused() {
    const GAPS: &str = "are not all from 0 or 1 on, as where some are run again: use auto/N";
    const EACH: &str = " each tell of a part: use K/N";
    let cases: &[(&str, Environment, &[&str])] = &[
        (
            "auto",
            &[],
            &["tells of none", "SLURM_ARRAY_TASK_ID, SLURM_PROCID, JOB_COMPLETION_INDEX, RANK"],
        ),
        ("auto/16", &[&["WORLD_SIZE=4", "SLURM_NTASKS=4"]], &["part auto/16: ", "tells of none"]),
        ("auto", &[&AGAIN], &["SLURM_ARRAY_TASK_MIN=3", "MAX=9", "COUNT=4", GAPS]),
        ("auto", &[&ONE_AGAIN], &["SLURM_ARRAY_TASK_MIN=7", GAPS]),
        (
            "auto",
            &[&[
                "SLURM_ARRAY_TASK_ID=1",
                "SLURM_ARRAY_TASK_MIN=1",
                "SLURM_ARRAY_TASK_MAX=7",
                "SLURM_ARRAY_TASK_COUNT=4",
            ]],
            &[GAPS],
        ),
        (
            "auto",
            &[&[
                "SLURM_ARRAY_TASK_ID=17",
                "SLURM_ARRAY_TASK_MIN=1",
                "SLURM_ARRAY_TASK_MAX=16",
                "SLURM_ARRAY_TASK_COUNT=16",
            ]],
            &[GAPS],
        ),
        (
            "auto",
            &[&[
                "SLURM_ARRAY_TASK_ID=1",
                "SLURM_ARRAY_TASK_MIN=1",
                "SLURM_ARRAY_TASK_MAX=0",
                "SLURM_ARRAY_TASK_COUNT=0",
            ]],
            &[GAPS],
        ),
        ("auto", &[&["SLURM_ARRAY_TASK_ID=3"]], &["SLURM_ARRAY_TASK_ID=3", "not of how many"]),
        ("auto/16", &[&["SLURM_ARRAY_TASK_ID=0"]], &["SLURM_ARRAY_TASK_ID \"0\"", "from 1 to 16"]),
        ("auto/6", &[&AGAIN], &["SLURM_ARRAY_TASK_ID \"7\"", "from 1 to 6"]),
        ("auto", &[&JOB], &["Kubernetes (JOB_COMPLETION_INDEX=2)", "not of how many: use auto/N"]),
        ("auto/2", &[&JOB], &["JOB_COMPLETION_INDEX \"2\"", "less than 2"]),
        ("auto", &[&["RANK=2"]], &["torchrun (RANK=2)", "not of how many"]),
        ("auto", &[&["SLURM_PROCID=2"]], &["SLURM_PROCID=2", "not of how many"]),
        ("auto", &[&["RANK=8", "WORLD_SIZE=8"]], &["RANK \"8\"", "less than 8"]),
        ("auto", &[&["RANK=0", "WORLD_SIZE=0"]], &["RANK \"0\"", "less than 0"]),
        (
            "auto/16",
            &[&TORCHRUN],
            &["torchrun (RANK=2, WORLD_SIZE=8)", "another number of processes"],
        ),
        ("auto/16", &[&STEP_OF_ONE], &["SLURM_NTASKS=1", "another number of processes"]),
        ("auto", &[&SCRIPT], &["SLURM_NTASKS=8", "runs once: launch it with srun"]),
        // Two that say different things; and an array's steps, even where they say the same.
        (
            "auto",
            &[&ARRAY, &STEP],
            &["SLURM_ARRAY_TASK_ID=3", "SLURM_PROCID=2, SLURM_NTASKS=8", EACH],
        ),
        ("auto/16", &[&AGAIN, &STEP_IN_SCRIPT], &["SLURM_ARRAY_TASK_ID=7", "SLURM_PROCID=1", EACH]),
        ("auto", &[&ARRAY, &["SLURM_PROCID=2", "SLURM_NTASKS=16"]], &[EACH]),
        (
            "auto",
            &[&STEP, &["RANK=2", "WORLD_SIZE=16"]],
            &["SLURM_NTASKS=8", "WORLD_SIZE=16", EACH],
        ),
        ("auto", &[&STEP, &["RANK=3", "WORLD_SIZE=8"]], &["SLURM_PROCID=2", "RANK=3", EACH]),
        (
            "auto/8",
            &[&JOB, &["RANK=3", "WORLD_SIZE=8"]],
            &["JOB_COMPLETION_INDEX=2", "RANK=3", EACH],
        ),
        ("auto", &[&JOB, &TORCHRUN], &["JOB_COMPLETION_INDEX=2", "RANK=2", EACH]),
        // Malformed.
        ("auto", &[&["RANK=", "WORLD_SIZE=8"]], &["invalid RANK \"\"", "an integer from 0 on"]),
        ("auto", &[&["RANK=1", "WORLD_SIZE=eight"]], &["invalid WORLD_SIZE \"eight\""]),
        ("auto/8", &[&["JOB_COMPLETION_INDEX=-1"]], &["invalid JOB_COMPLETION_INDEX \"-1\""]),
        (
            "auto",
            &[&["SLURM_PROCID=18446744073709551616", "SLURM_NTASKS=8"]],
            &["invalid SLURM_PROCID \"18446744073709551616\""],
        ),
        ("auto", &[&["SLURM_ARRAY_TASK_ID= 3"]], &["invalid SLURM_ARRAY_TASK_ID \" 3\""]),
    ];
    for &(text, environment, parts) in cases {
        let message = resolved(text, &environment.concat()).unwrap_err();
        assert!(message.starts_with(&format!("part {text}: ")), "{message}");
        for &part in parts {
            assert!(message.contains(part), "{environment:?}: {message:?} does not say {part:?}");
        }
    }
}

/// Of all that an attempt of `count` parts writes, in their order.
fn runs(sizes: &[u64], count: u64) -> Vec<Range<usize>> {
    (1..=count).map(|number| Part::new(number, count).unwrap().of(sizes)).collect()
}

#[test]
fn parts_are_balanced_runs_that_make_the_whole() {
    let equal = [5; 10];
    assert_eq!(runs(&equal, 4), [0..2, 2..5, 5..7, 7..10]);
    assert_eq!(runs(&[], 2), [0..0, 0..0]);
    assert_eq!(Part::WHOLE.of(&[7, 1]), 0..2);
    // As many as there are: one each, whatever their sizes. More: the last have none.
    assert_eq!(runs(&[9, 1, 1, 9], 4), [0..1, 1..2, 2..3, 3..4]);
    assert_eq!(runs(&[9, 1], 4), [0..1, 1..2, 2..2, 2..2]);
    assert_eq!(Part::new(u64::MAX, u64::MAX).unwrap().of(&[1, 1]), 2..2);
    assert_eq!(runs(&[0, 0, 0], 2), [0..1, 1..3]);
    assert_eq!(runs(&[u64::MAX, u64::MAX, 1], 2), [0..1, 1..3]);

    // Sizes of many kinds, from a small generator.
    let mut state = 1u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    for _ in 0..200 {
        let sizes: Vec<u64> = (0..next(40)).map(|_| next(10).pow(4)).collect();
        let (total, largest) =
            (sizes.iter().sum::<u64>(), sizes.iter().copied().max().unwrap_or(0));
        for count in 1..=45 {
            let runs = runs(&sizes, count);
            let mut end = 0;
            for run in &runs {
                assert_eq!(run.start, end, "{sizes:?}, {count} parts: {runs:?}");
                let bytes: u64 = sizes[run.clone()].iter().sum();
                assert!(bytes <= total / count + 1 + 2 * largest, "{sizes:?}, {count}: {runs:?}");
                assert!(!run.is_empty() || count > sizes.len() as u64);
                end = run.end;
            }
            assert_eq!(end, sizes.len());
        }
    }
}
