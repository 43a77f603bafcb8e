//! The report of a verification, for people.

use indicatif::HumanCount;
use varscale::{Dtype, short};
use varscale_model::{Checkpoint, Form, Mismatch, Plan, Verification, shown};

use crate::terminal::{counted, table};

/// Rows of each kind that are shown; `--json` has all.
const SHOWN: usize = 10;

pub(super) fn of(
    found: &Verification,
    checkpoint: &Checkpoint,
    plan: &Plan,
    sampled: bool,
    of_recipe: bool,
) -> String {
    let mut text = format!("{}: {}\n", verdict(found), amount(found, sampled));
    let seed = match of_recipe {
        true => plan.shown_seed_from("of the recipe"),
        false => plan.shown_seed(),
    };
    text += &format!("seed {seed}, stream {}\n", plan.stream.id());
    match found.form {
        Form::OtherShards => {
            let files = counted(found.files as u64, "file");
            text += &format!("in {files}, which are other shards than init writes\n");
        }
        Form::OtherNames => text += "in shards of other names\n",
        Form::OtherOrder => text += "in another order of tensors\n",
        _ => {}
    }
    if !checkpoint.has_recipe() {
        text += "without a recipe in its metadata\n";
    }
    if let Some((files, stated, others)) = checkpoint.of_other_wholes() {
        let first = files[0].name();
        let who = match files.len() - 1 {
            0 => format!("{} states", shown(&first)),
            more => format!("{} and {} more state", shown(&first), HumanCount(more as u64)),
        };
        text += &format!("{who} {stated}, {others}\n");
    }
    differences(found, checkpoint, &mut text);
    mismatches(&found.mismatched, "is planned", &mut text);
    names("missing", &found.missing, &mut text);
    names("added", &found.added, &mut text);
    let renamed: Vec<_> = found
        .renamed
        .iter()
        .map(|one| format!("{} (planned as {})", one.stored, one.planned))
        .collect();
    names("renamed", &renamed, &mut text);
    names("metadata was changed", &found.changed_metadata, &mut text);
    names("not verified, since the plan skips it", &found.not_verified, &mut text);
    text
}

fn verdict(found: &Verification) -> String {
    let mut verdict = if found.is_identical() { "identical" } else { "different" }.to_owned();
    for (place, one) in found.rounded.iter().enumerate() {
        let size = |name: &str| name.parse::<Dtype>().map_or(0, Dtype::size);
        let how = if size(one.from) < size(one.to) { "widening" } else { "rounding" };
        let and = if place == 0 { " after" } else { " and" };
        verdict += &format!("{and} {how} {} to {}", one.from, one.to);
    }
    verdict
}

fn amount(found: &Verification, sampled: bool) -> String {
    let compared = format!(
        "{}, {}, {}",
        counted(found.tensors as u64, "tensor"),
        counted(found.values, "value"),
        counted(found.bytes, "byte")
    );
    let share = 100.0 * found.values as f64 / found.total.max(1) as f64;
    match sampled {
        true => format!("{compared}, {}% of the values", short(share, 3)),
        false => compared,
    }
}

fn differences(found: &Verification, checkpoint: &Checkpoint, text: &mut String) {
    if found.differing.is_empty() {
        return;
    }
    *text += &format!(
        "{} of {} {}, by at most {}\n",
        counted(found.differing_values(), "value"),
        counted(found.differing.len() as u64, "tensor"),
        if found.differing_values() == 1 { "differs" } else { "differ" },
        short(found.largest(), 6),
    );
    // Of one file, its name says nothing.
    let with_files = checkpoint.files.len() > 1;
    let mut header =
        vec!["tensor", "values", "first at", "stored", "planned", "largest difference"];
    header.extend(with_files.then_some("file"));
    let mut rows = table(&header);
    for one in found.differing.iter().take(SHOWN) {
        let largest = match one.not_finite {
            0 => short(one.largest, 6),
            count => format!("{} (and {} not finite)", short(one.largest, 6), HumanCount(count)),
        };
        let mut row = vec![
            one.tensor.clone(),
            HumanCount(one.values).to_string(),
            format!("{:?}", one.index),
            one.stored.to_string(),
            one.planned.to_string(),
            largest,
        ];
        row.extend(with_files.then(|| shown(&one.file).into_owned()));
        rows.add_row(row);
    }
    *text += &format!("{}\n", rows.trim_fmt());
    more(found.differing.len(), text);
}

/// Tensors of other dtypes in one line each pair of these, and then those of other shapes.
pub(super) fn mismatches(mismatched: &[Mismatch], expected: &str, text: &mut String) {
    let (cast, mismatched): (Vec<_>, Vec<_>) =
        mismatched.iter().partition(|one| one.stored_shape == one.planned_shape);
    let mut dtypes: Vec<(&str, &str, u64)> = Vec::new();
    for one in &cast {
        let (stored, planned) = (&*one.stored_dtype, &*one.planned_dtype);
        match dtypes.iter_mut().find(|known| (known.0, known.1) == (stored, planned)) {
            Some(known) => known.2 += 1,
            None => dtypes.push((stored, planned, 1)),
        }
    }
    for (stored, planned, count) in dtypes {
        let of = |one: &&&Mismatch| one.stored_dtype == stored && one.planned_dtype == planned;
        let first = cast.iter().find(of).map_or("", |one| &*one.tensor);
        *text += &format!(
            "{} of another dtype: {stored} is stored, and {planned} {expected} (the first is {first})\n",
            counted(count, "tensor"),
        );
    }
    for one in mismatched.iter().take(SHOWN) {
        *text += &format!(
            "{}: {} {:?} is stored, and {} {:?} {expected}\n",
            one.tensor, one.stored_dtype, one.stored_shape, one.planned_dtype, one.planned_shape
        );
    }
    more(mismatched.len(), text);
}

pub(super) fn names(what: &str, names: &[String], text: &mut String) {
    for name in names.iter().take(SHOWN) {
        *text += &format!("{what}: {name}\n");
    }
    more(names.len(), text);
}

fn more(rows: usize, text: &mut String) {
    if rows > SHOWN {
        *text += &format!("and {} more, which --json names\n", HumanCount((rows - SHOWN) as u64));
    }
}
