//! Findings: every planted fault is found and named, and what is drawn as planned has none.

mod healthy;
mod planted;

use std::{path::Path, sync::atomic::AtomicBool};

use varscale_model::{
    Basis, Checkpoint, Inspection, Options, Output, Plan, PlanFile, Selection, Spec, inspect, write,
};

type Error = Box<dyn std::error::Error>;

fn plan(spec: &str, rules: &str) -> Result<Plan, Error> {
    Ok(Plan::new(&Spec::from_json(spec.as_bytes())?, &PlanFile::from_toml(rules)?, None)?)
}

fn written(plan: &Plan, path: &Path) -> Result<(), Error> {
    let output = Output::new(path).force(true);
    write(plan, &output, Options::default(), &AtomicBool::new(false), &mut |_| ())?;
    Ok(())
}

fn inspected(path: &Path, basis: &Basis) -> Result<Inspection, Error> {
    let checkpoint = Checkpoint::open(path)?;
    let all = Selection::default();
    Ok(inspect(&checkpoint, basis, &all, 2, &AtomicBool::new(false), &mut |_, _| ())?)
}
