//! Runs cases: round after round, every case once in each, so that a drift of the machine hits all
//! of them alike.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use bytemuck::Pod;
use indicatif::ProgressBar;
use rayon::{ThreadPool, ThreadPoolBuilder};
use varscale::{
    Draw, Dtype, Element,
    half::{bf16, f16},
};
use varscale_cli::terminal::Failure;

use super::{
    case::{Case, Work},
    memory::{Buffers, Memory, fresh},
    peer::Peer,
    samples::Samples,
};

/// Most calls that one sample is the mean of.
const MOST_CALLS: f64 = 1e6;

/// A peer's threads may spin for a moment when it is done.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) struct Runner<'a> {
    pools: BTreeMap<usize, ThreadPool>,
    buffers: Buffers,
    peers: &'a mut [Peer],
}

impl<'a> Runner<'a> {
    /// Starts the threads and maps the buffers that `cases` need.
    pub(super) fn new(cases: &[Case], peers: &'a mut [Peer]) -> Result<Self, Failure> {
        let mut runner = Self { pools: BTreeMap::new(), buffers: Buffers::default(), peers };
        for Case { place, .. } in cases {
            if let Entry::Vacant(pool) = runner.pools.entry(place.threads) {
                let failed = |error| Failure::System(format!("cannot start threads: {error}"));
                let started = ThreadPoolBuilder::new().num_threads(place.threads).build();
                pool.insert(started.map_err(failed)?);
            }
            if let Memory::Prefaulted(pages) = place.memory {
                runner.buffers.prepare(pages, place.bytes)?;
            }
        }
        Ok(runner)
    }

    /// Every case `repeats` times, each sample as long as `sample` where one call is shorter.
    pub(super) fn run(
        mut self,
        cases: &[Case],
        repeats: usize,
        sample: Duration,
        interrupted: &AtomicBool,
        bar: &ProgressBar,
    ) -> Result<Vec<Samples>, Failure> {
        let mut calls = Vec::new();
        for case in cases {
            // The first call may compile or start something.
            self.time(case, 1)?;
            let one = self.time(case, 1)?;
            // Fresh memory is fresh once.
            let once = matches!(case.place.memory, Memory::Fresh(_));
            let wanted = (sample.as_secs_f64() / one).clamp(1.0, MOST_CALLS);
            calls.push(if once { 1 } else { wanted as u32 });
            check(interrupted)?;
        }
        let mut samples = vec![Samples::default(); cases.len()];
        for _ in 0..repeats {
            for ((case, &calls), samples) in cases.iter().zip(&calls).zip(&mut samples) {
                samples.push(self.time(case, calls)?);
                check(interrupted)?;
                bar.inc(1);
            }
        }
        Ok(samples)
    }

    /// Seconds per call.
    fn time(&mut self, case: &Case, calls: u32) -> Result<f64, Failure> {
        let place = case.place;
        let write: &(dyn Fn(&mut [u8]) -> Result<(), varscale::Error> + Sync) = match &case.work {
            Work::Peer { tensor, peer, call } => {
                let seconds = self.peers[*peer].time(call, tensor, calls)?;
                sleep(PAUSE);
                return Ok(seconds / f64::from(calls));
            }
            Work::Draw { tensor, draw, .. } if place.memory == Memory::Allocated => {
                return self.pools[&place.threads]
                    .install(|| time_allocating(draw, tensor.dtype, calls));
            }
            Work::Draw { tensor, draw, .. } => &|out| fill(draw, tensor.dtype, out),
            Work::Store(store) => &|out| {
                store.fill(out, place.threads);
                Ok(())
            },
        };
        let mut map;
        let out = match place.memory {
            Memory::Prefaulted(pages) => self.buffers.get(pages, place.bytes),
            Memory::Fresh(pages) => {
                map = fresh(place.bytes, pages)?;
                &mut map[..]
            }
            Memory::Allocated => unreachable!("handled above: only draws allocate"),
        };
        self.pools[&place.threads].install(|| {
            let start = Instant::now();
            for _ in 0..calls {
                write(black_box(&mut *out))?;
            }
            Ok(start.elapsed().as_secs_f64() / f64::from(calls))
        })
    }
}

fn check(interrupted: &AtomicBool) -> Result<(), Failure> {
    if interrupted.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}

fn fill(draw: &Draw, dtype: Dtype, out: &mut [u8]) -> Result<(), varscale::Error> {
    fn typed<T: Element + Pod>(draw: &Draw, out: &mut [u8]) -> Result<(), varscale::Error> {
        draw.fill::<T>(bytemuck::cast_slice_mut(out))
    }
    match dtype {
        Dtype::Float16 => typed::<f16>(draw, out),
        Dtype::BFloat16 => typed::<bf16>(draw, out),
        Dtype::Float32 => typed::<f32>(draw, out),
        Dtype::Float64 => typed::<f64>(draw, out),
    }
}

/// Seconds per call of `Draw::to_vec`, without what giving the memory back takes.
fn time_allocating(draw: &Draw, dtype: Dtype, calls: u32) -> Result<f64, Failure> {
    fn typed<T: Element>(draw: &Draw, calls: u32) -> Result<f64, Failure> {
        let mut total = Duration::ZERO;
        for _ in 0..calls {
            let start = Instant::now();
            let values = black_box(draw.to_vec::<T>()?);
            total += start.elapsed();
            drop(values);
        }
        Ok(total.as_secs_f64() / f64::from(calls))
    }
    match dtype {
        Dtype::Float16 => typed::<f16>(draw, calls),
        Dtype::BFloat16 => typed::<bf16>(draw, calls),
        Dtype::Float32 => typed::<f32>(draw, calls),
        Dtype::Float64 => typed::<f64>(draw, calls),
    }
}
