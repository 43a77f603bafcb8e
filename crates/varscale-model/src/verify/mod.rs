//! Verification: a checkpoint's values against those that its plan draws again.

mod compare;
mod digests;
mod form;
mod number;
mod pairing;
mod proof;
mod rounding;
mod sample;

use std::{io, sync::atomic::AtomicBool, time::Instant};

use serde::Serialize;

use self::compare::{Comparison, Scratch};
pub use self::{
    digests::{Digests, DigestsError, TensorDigest},
    form::Form,
    number::Number,
    pairing::{Mismatch, Renamed},
    proof::{Proof, verify_digests},
    sample::{Share, ShareError},
};
use crate::{
    Checkpoint, CheckpointError, Error, Options, Piece, Plan, checkpoint::OpenFiles, write_pieces,
};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// Tensors that were compared.
    pub tensors: usize,
    /// Values that were compared.
    pub values: u64,
    /// Values that these tensors have: more than were compared, of a sample.
    pub total: u64,
    /// Bytes of the checkpoint that were compared.
    pub bytes: u64,
    /// Tensors with values that differ, in the plan's order.
    pub differing: Vec<Difference>,
    /// Tensors of the plan that the checkpoint lacks.
    pub missing: Vec<String>,
    /// Tensors of the checkpoint that the plan lacks.
    pub added: Vec<String>,
    /// Tensors that have another name.
    pub renamed: Vec<Renamed>,
    /// Tensors of another shape, or of a dtype that no rounding leads to.
    pub mismatched: Vec<Mismatch>,
    /// What was compared after one rounding, since the checkpoint has another float dtype.
    pub rounded: Vec<Rounded>,
    /// Tensors of the checkpoint that the plan skips.
    pub not_verified: Vec<String>,
    /// Files, of which one may be the index, whose metadata was changed after they were written.
    pub changed_metadata: Vec<String>,
    /// How the values are spread over files.
    pub form: Form,
    /// Files that were read.
    pub files: usize,
    /// Time taken.
    pub seconds: f64,
}

/// A tensor with values that differ from the plan's, by their bits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// Its name.
    pub tensor: String,
    /// Name of the file that holds it.
    pub file: String,
    /// How many differ.
    pub values: u64,
    /// Index of the first one.
    pub index: Vec<usize>,
    /// What the checkpoint has there.
    pub stored: Number,
    /// What the plan draws there.
    pub planned: Number,
    /// Largest distance between numbers that differ.
    pub largest: f64,
    /// How many of those that differ are NaN or infinite.
    pub not_finite: u64,
}

/// A conversion to another float dtype, by one rounding of each value or by none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rounded {
    /// The plan's dtype.
    pub from: &'static str,
    /// The checkpoint's.
    pub to: &'static str,
    /// So many tensors were converted.
    pub tensors: usize,
}

impl Verification {
    /// Whether every tensor is there with the plan's values and no other is, conversions to another
    /// float dtype ([`Verification::rounded`]) aside. Of a sample, it is what was compared.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.differing.is_empty()
            && self.missing.is_empty()
            && self.added.is_empty()
            && self.renamed.is_empty()
            && self.mismatched.is_empty()
            && self.changed_metadata.is_empty()
    }

    /// How many values differ.
    #[must_use]
    pub fn differing_values(&self) -> u64 {
        self.differing.iter().map(|difference| difference.values).sum()
    }

    /// The largest distance between numbers that differ.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.differing.iter().fold(0.0, |largest, difference| difference.largest.max(largest))
    }
}

/// Draws a plan again, all of it or `share` of every tensor, and compares it with a checkpoint, bit by
/// bit. Values go through a few buffers. `progress` is told the bytes drawn so far and those in all.
///
/// # Errors
/// [`Error::Read`] where the checkpoint cannot be read to the end, [`Error::Checkpoint`] where a tensor
/// cannot be drawn, or when `interrupted` is raised.
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use varscale_model::{Checkpoint, Options, Output, Plan, PlanFile, Spec, verify, write};
///
/// let spec = Spec::from_json(br#"{"w": {"dtype": "F32", "shape": [256, 784]}}"#)?;
/// let file = PlanFile::from_toml(
///     "spec = 'w.json'\nseed = 42\n[[rules]]\nmatch = '*'\ninitializer = 'he_normal'",
/// )?;
/// let plan = Plan::new(&spec, &file, None)?;
/// let path = std::env::temp_dir().join("varscale-verify.safetensors");
/// # let _ = std::fs::remove_file(&path);
/// let (options, stop) = (Options::default(), AtomicBool::new(false));
/// write(&plan, &Output::new(&path), options, &stop, &mut |_| ())?;
///
/// let checkpoint = Checkpoint::open(&path)?;
/// let found = verify(&checkpoint, &plan, None, options, &stop, &mut |_, _| ())?;
/// assert!(found.is_identical() && found.values == 256 * 784);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(
    checkpoint: &Checkpoint,
    plan: &Plan,
    share: Option<Share>,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verification, Error> {
    let start = Instant::now();
    let mut files = OpenFiles::new(checkpoint);
    let pairing = pairing::of(checkpoint, plan, &mut files)?;
    let mut comparisons = Vec::with_capacity(pairing.pairs.len());
    for pair in &pairing.pairs {
        comparisons.push(Comparison::new(checkpoint, pair, share));
    }
    let pieces: Vec<Piece> = comparisons.iter().flat_map(Comparison::pieces).collect();
    let drawn =
        |piece: &Piece| piece.dtype.bytes(piece.slice.extent.iter().map(|&n| n as u64).product());
    let all = pieces.iter().filter_map(drawn).sum();

    let (mut current, mut failure, mut scratch) = (0, None, Scratch::default());
    let mut sink = |values: &[u8]| {
        while comparisons.get(current).is_some_and(Comparison::is_done) {
            current += 1;
        }
        let Some(comparison) = comparisons.get_mut(current) else { return Ok(()) };
        comparison.go_on(values, &mut files, &mut scratch).map_err(|error| {
            failure = Some(error);
            io::Error::other("it cannot be read")
        })
    };
    let options = Options { buffer: options.buffer.max(READ), ..options };
    let compared =
        write_pieces(pieces, options, interrupted, &mut |done| progress(done, all), &mut sink);
    match (failure, compared) {
        (Some(error), _) => return Err(error),
        (None, Err(error)) => return Err(CheckpointError::Values(error).into()),
        (None, Ok(())) => {}
    }
    let mut found = Verification {
        tensors: comparisons.len(),
        values: comparisons.iter().map(Comparison::values).sum(),
        total: pairing.pairs.iter().map(|pair| pair.stored.elements()).sum(),
        bytes: comparisons.iter().map(Comparison::bytes).sum(),
        differing: Vec::new(),
        missing: pairing.missing,
        added: pairing.added,
        renamed: pairing.renamed,
        mismatched: pairing.mismatched,
        rounded: Vec::new(),
        not_verified: pairing.not_verified,
        changed_metadata: form::changed_metadata(checkpoint),
        form: form::of(checkpoint, plan),
        files: checkpoint.files.len(),
        seconds: 0.0,
    };
    comparisons.sort_by_key(Comparison::place);
    for comparison in comparisons {
        if let Some((from, to)) = comparison.rounding() {
            match found.rounded.iter_mut().find(|one| (one.from, one.to) == (from, to)) {
                Some(one) => one.tensors += 1,
                None => found.rounded.push(Rounded { from, to, tensors: 1 }),
            }
        }
        found.differing.extend(comparison.difference());
    }
    found.seconds = start.elapsed().as_secs_f64();
    Ok(found)
}

/// Bytes that are read at a time: of a file that is not in the system's cache, half as many take longer.
const READ: usize = 16 << 20;
