//! The report of a verification, for people.

use indicatif::HumanCount;
use varscale::{Dtype, short};
use varscale_model::{Form, Mismatch, Plan, Verification};

use crate::terminal::table;

/// Rows of each kind that are shown; `--json` has all.
const SHOWN: usize = 10;

pub(super) fn of(found: &Verification, plan: &Plan, sampled: bool) -> String {
    let mut text = format!("{}: {}\n", verdict(found), amount(found, sampled));
    let seed = plan.shown_seed();
    text += &format!("seed {seed}, stream {}\n", plan.stream.id());
    match found.form {
        Form::OtherShards => text += &format!("in other shards: {} files\n", found.files),
        Form::OtherNames => text += "in shards of other names\n",
        Form::OtherOrder => text += "in another order of tensors\n",
        _ => {}
    }
    differences(found, &mut text);
    mismatches(&found.mismatched, "planned", &mut text);
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
        "{} tensors, {} values, {} bytes",
        HumanCount(found.tensors as u64),
        HumanCount(found.values),
        HumanCount(found.bytes)
    );
    let share = 100.0 * found.values as f64 / found.total.max(1) as f64;
    match sampled {
        true => format!("{compared}, {}% of the values", short(share, 3)),
        false => compared,
    }
}

fn differences(found: &Verification, text: &mut String) {
    if found.differing.is_empty() {
        return;
    }
    *text += &format!(
        "{} values of {} tensors differ, by at most {}\n",
        HumanCount(found.differing_values()),
        HumanCount(found.differing.len() as u64),
        short(found.largest(), 6),
    );
    let mut rows =
        table(&["tensor", "values", "first at", "stored", "planned", "largest difference"]);
    for one in found.differing.iter().take(SHOWN) {
        let largest = match one.not_finite {
            0 => short(one.largest, 6),
            count => format!("{} (and {} not finite)", short(one.largest, 6), HumanCount(count)),
        };
        rows.add_row([
            one.tensor.clone(),
            HumanCount(one.values).to_string(),
            format!("{:?}", one.index),
            one.stored.to_string(),
            one.planned.to_string(),
            largest,
        ]);
    }
    *text += &format!("{}\n", rows.trim_fmt());
    more(found.differing.len(), text);
}

pub(super) fn mismatches(mismatched: &[Mismatch], expected: &str, text: &mut String) {
    for one in mismatched.iter().take(SHOWN) {
        *text += &format!(
            "{}: {} {:?} is stored, and {} {:?} is {expected}\n",
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
