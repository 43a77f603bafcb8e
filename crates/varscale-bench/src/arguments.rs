//! The options of `varscale-bench`, and the cases that they ask for.

use std::path::PathBuf;

use varscale::{Dtype, Pool, Stream};
use varscale_cli::terminal::Failure;

use super::{
    case::{Case, Place, Tensor, Work},
    distribution::Distribution,
    machine::processors,
    memory::{Memory, Pages},
    peer::Peer,
    peers::{Name, Python},
    size::Size,
    store::Store,
};

/// Measure how fast values are drawn, against how fast this machine's memory takes stores
///
/// All cases take turns, and what counts are medians and the ratio to the store limit of the same
/// run: the fastest plain way to fill the same bytes of the same memory with a value, by the same
/// number of threads.
#[derive(clap::Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Sizes: values (1000, 1e6), shapes (64x64) or bytes (256MiB). Of those in bytes,
    /// truncated normals are also drawn into fresh memory [default: 1000,64x64,1e5,1e6,4096x4096,256MiB]
    #[arg(long, value_name = "SIZES", value_delimiter = ',', allow_hyphen_values = true)]
    sizes: Vec<Size>,

    /// Numbers of threads, 1 to 1024 [default: 1 and one per processor]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true,
          value_parser = clap::value_parser!(u16).range(1..=Pool::MOST as i64))]
    threads: Vec<u16>,

    /// Distributions [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    distributions: Vec<Distribution>,

    /// Dtypes, such as float32 [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    dtypes: Vec<Dtype>,

    /// Samples of every case, 1 to 1000 [default: 9]
    #[arg(long, value_name = "N", allow_hyphen_values = true,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeats: Option<u16>,

    /// Small sizes and three short samples, to try things out
    #[arg(long)]
    pub(super) quick: bool,

    /// File to write: every sample, the machine and the versions, as JSON; - is the standard output
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    pub(super) json: Option<PathBuf>,

    /// Replace that file where it exists, which is an error otherwise
    #[arg(long, requires = "json")]
    pub(super) force: bool,

    /// Print nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// Also the frameworks' own streams: keras-jax, keras-tensorflow, keras-torch, keras-numpy
    #[arg(long)]
    pub(super) streams: bool,

    /// Also other libraries, all or those named: keras-jax, keras-tensorflow, keras-torch,
    /// keras-numpy, jax, tensorflow, torch, numpy and rust (candle, burn, ndarray-rand). They
    /// need the repository's Python environments (`python3 tools/environments.py`)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', num_args = 0.., require_equals = true)]
    peers: Option<Vec<Name>>,

    /// Another interpreter for an environment: jax, tensorflow or torch
    #[arg(long, value_name = "NAME=PATH", requires = "peers")]
    pub(super) python: Vec<Python>,
}

const EXAMPLES: &str = "\
VARSCALE_LEVEL=avx512, avx2 or baseline in the environment forces an instruction set, one that this
CPU has. The values are the same for every one.

Examples:
  varscale-bench
  varscale-bench --sizes 256MiB --dtypes float32 --threads 2
  varscale-bench --streams --peers --json record.json";

/// What the options ask for.
pub(super) struct Selection {
    pub(super) sizes: Vec<Size>,
    pub(super) threads: Vec<usize>,
    pub(super) distributions: Vec<Distribution>,
    pub(super) dtypes: Vec<Dtype>,
    pub(super) repeats: usize,
    /// Of the streams and the peers, besides 64x64.
    large: Size,
}

impl Arguments {
    pub(super) fn peers(&self) -> Vec<Name> {
        match &self.peers {
            Some(names) if names.is_empty() => Name::all(),
            Some(names) => names.clone(),
            None => Vec::new(),
        }
    }

    pub(super) fn selection(&self) -> Selection {
        let square = |side| Size::Shape(vec![side, side]);
        let thousand = Size::Shape(vec![1000]);
        let large = square(if self.quick { 256 } else { 4096 });
        let sizes = if self.quick {
            vec![thousand, square(64), square(256), Size::Mebibytes(1)]
        } else {
            let flat = |values| Size::Shape(vec![values]);
            let (small, middle) = (flat(100_000), flat(1_000_000));
            vec![thousand, square(64), small, middle, large.clone(), Size::Mebibytes(256)]
        };
        let mut threads = match self.threads.as_slice() {
            [] => vec![1, processors()],
            given => given.iter().map(|&threads| threads.into()).collect(),
        };
        threads.sort_unstable();
        threads.dedup();
        let repeats = self.repeats.unwrap_or(if self.quick { 3 } else { 9 });
        Selection {
            sizes: given_or(&self.sizes, &sizes),
            threads,
            distributions: given_or(&self.distributions, &Distribution::all()),
            dtypes: given_or(&self.dtypes, Dtype::ALL),
            repeats: repeats.into(),
            large,
        }
    }
}

/// What was given, once each, or the default.
fn given_or<T: Clone + PartialEq>(given: &[T], default: &[T]) -> Vec<T> {
    let mut once: Vec<T> = Vec::new();
    for item in if given.is_empty() { default } else { given } {
        if !once.contains(item) {
            once.push(item.clone());
        }
    }
    once
}

impl Selection {
    /// Everything to measure, with what is compared side by side.
    pub(super) fn cases(&self, streams: bool, peers: &[Peer]) -> Result<Vec<Case>, Failure> {
        let most = self.threads.last().copied().unwrap_or(1);
        let mut draws = Vec::new();
        for size in &self.sizes {
            for &dtype in &self.dtypes {
                for &distribution in &self.distributions {
                    let tensor = Tensor { distribution, dtype, size: size.clone() };
                    for &threads in &self.threads {
                        for memory in memories(&tensor) {
                            draws.push((tensor.clone(), Stream::Native, threads, memory));
                        }
                    }
                }
            }
        }
        let mut calls = Vec::new();
        for (index, peer) in peers.iter().enumerate() {
            for call in &peer.calls {
                let small = Size::Shape(vec![64, 64]);
                for size in [self.large.clone(), small] {
                    if call.dtype != Dtype::Float32 && size != self.large {
                        continue;
                    }
                    let (distribution, dtype) = (call.distribution, call.dtype);
                    let tensor = Tensor { distribution, dtype, size };
                    for memory in [Memory::Prefaulted(Pages::best()), Memory::Allocated] {
                        draws.push((tensor.clone(), Stream::Native, most, memory));
                    }
                    let work =
                        Work::Peer { tensor: tensor.clone(), peer: index, call: call.name.clone() };
                    let memory = Memory::Allocated;
                    let place = Place { bytes: tensor.bytes(), threads: most, memory };
                    calls.push(Case { work, place });
                }
            }
        }
        if streams {
            for stream in framework_streams() {
                for distribution in Distribution::of_streams() {
                    let (dtype, size) = (Dtype::Float32, self.large.clone());
                    let tensor = Tensor { distribution, dtype, size };
                    let memory = Memory::Prefaulted(Pages::best());
                    draws.push((tensor, stream, most, memory));
                }
            }
        }
        let mut cases = Vec::new();
        let mut places = Vec::new();
        for (tensor, stream, threads, memory) in given_or(&draws, &[]) {
            let case = Case::draw(tensor, stream, threads, memory)?;
            let limit = case.place.limit();
            if !places.contains(&limit) {
                places.push(limit);
                cases.extend(Store::ALL.map(|store| Case::store(store, limit)));
            }
            cases.push(case);
        }
        cases.extend(calls);
        Ok(cases)
    }
}

/// The memory that a tensor is drawn into. One distribution is enough to tell what pages cost.
fn memories(tensor: &Tensor) -> Vec<Memory> {
    let best = Pages::best();
    let mut all = vec![Memory::Prefaulted(best)];
    let one = tensor.distribution.is_first();
    if one && matches!(tensor.size, Size::Mebibytes(_)) {
        all.push(Memory::Fresh(best));
        if best != Pages::Small {
            all.extend([Memory::Prefaulted(Pages::Small), Memory::Fresh(Pages::Small)]);
        }
        all.push(Memory::Allocated);
    }
    all
}

/// Those that Keras's own calls on each backend are compared with.
fn framework_streams() -> impl Iterator<Item = Stream> {
    const NAMES: [&str; 4] = ["keras-jax", "keras-tensorflow", "keras-torch", "keras-numpy"];
    NAMES.iter().filter_map(|name| name.parse().ok())
}
