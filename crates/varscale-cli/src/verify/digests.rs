//! `varscale verify --digests`.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use varscale_model::{Checkpoint, Digests, Error, Proof, verify_digests};

use super::text;
use crate::{
    report::Report,
    terminal::{Failure, Watch, counted},
};

pub(super) fn run(
    checkpoint: Option<&Path>,
    files: &[PathBuf],
    threads: usize,
    report: Report,
    watch: &Watch,
) -> Result<(), Failure> {
    let digests: Vec<_> = files.iter().map(|path| Digests::read(path)).collect::<Result<_, _>>()?;
    let prove = |checkpoint: &Checkpoint, digests: &[Digests]| {
        let bar = report.progress_bar(checkpoint.files.iter().map(|file| file.length).sum());
        let progress = |done| bar.set_position(done);
        let proof = verify_digests(checkpoint, digests, threads, watch.flag(), &progress);
        bar.finish_and_clear();
        proof
    };
    let proofs: Vec<Proof> = match checkpoint {
        Some(path) => vec![prove(&Checkpoint::open(path)?, &digests)?],
        None => {
            let groups = beside(&digests)?;
            let of_group = |(checkpoint, own): &(_, Vec<_>)| prove(checkpoint, own);
            groups.iter().map(of_group).collect::<Result<_, Error>>()?
        }
    };
    let is_identical = proofs.iter().all(Proof::is_identical);
    report.tell(
        false,
        || proofs.iter().map(shown).collect(),
        || {
            let proofs: Vec<Json> =
                proofs.iter().filter_map(|proof| serde_json::to_value(proof).ok()).collect();
            json!({ "identical": is_identical, "proofs": proofs })
        },
    )?;
    if is_identical { Ok(()) } else { Err(Failure::Differs) }
}

/// What stands beside digest files, each with those that are of it: with an index those of its shards.
fn beside(digests: &[Digests]) -> Result<Vec<(Checkpoint, Vec<Digests>)>, Error> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let file = |one: &Digests| real(&one.path.with_file_name(&one.file));
    let open = |one: &Digests| Checkpoint::open(&one.path.with_file_name(&one.file));
    let mut groups = Vec::new();
    let mut left = Vec::new();
    for one in digests {
        let checkpoint = open(one)?;
        match checkpoint.index.is_some() {
            true => groups.push((checkpoint, vec![one.clone()])),
            false => left.push((checkpoint, one)),
        }
    }
    let whole = groups.len();
    for (checkpoint, one) in left {
        let path = file(one);
        let is_of = |group: &&mut (Checkpoint, Vec<Digests>)| {
            group.0.files.iter().any(|shard| real(&shard.path) == path)
        };
        match groups[..whole].iter_mut().find(is_of) {
            Some((_, own)) => own.push(one.clone()),
            None => groups.push((checkpoint, vec![one.clone()])),
        }
    }
    Ok(groups)
}

fn shown(proof: &Proof) -> String {
    let verdict = if proof.is_identical() { "identical" } else { "different" };
    let mut text = format!(
        "{verdict}: {}, {} as their digests say\n",
        counted(proof.tensors as u64, "tensor"),
        counted(proof.bytes, "byte"),
    );
    text::names("to the last byte", &proof.files, &mut text);
    text::names("tensor by tensor", &proof.by_tensors, &mut text);
    text::names(
        "not the file of its digest, and the same tensors (saved again?)",
        &proof.other_headers,
        &mut text,
    );
    text::names("not the file of its digest", &proof.differing_files, &mut text);
    text::names("metadata was changed", &proof.changed_metadata, &mut text);
    text::names("different values", &proof.differing, &mut text);
    text::mismatches(&proof.mismatched, "stands in the digests", &mut text);
    text::names("missing", &proof.missing, &mut text);
    text::names("without a digest", &proof.added, &mut text);
    text
}
