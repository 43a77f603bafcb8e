//! Runs cases: round after round, every case once in each, so that a drift of the machine hits all
//! of them alike.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use varscale::{Draw, DtypeVisitor, Element, Pool};
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
    pools: BTreeMap<usize, Pool>,
    buffers: Buffers,
    peers: &'a mut [Peer],
}

impl<'a> Runner<'a> {
    /// Starts the threads and maps the buffers that `cases` need.
    pub(super) fn new(cases: &[Case], peers: &'a mut [Peer]) -> Result<Self, Failure> {
        let mut runner = Self { pools: BTreeMap::new(), buffers: Buffers::default(), peers };
        for Case { place, .. } in cases {
            if let Entry::Vacant(pool) = runner.pools.entry(place.threads) {
                pool.insert(Pool::new(place.threads)?);
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
                    .install(|| tensor.dtype.visit(TimeAllocating { draw, calls }));
            }
            Work::Draw { tensor, draw, .. } => &|out| tensor.dtype.visit(Fill { draw, out }),
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

struct Fill<'a> {
    draw: &'a Draw,
    out: &'a mut [u8],
}

impl DtypeVisitor for Fill<'_> {
    type Output = Result<(), varscale::Error>;

    fn visit<T: Element>(self) -> Self::Output {
        self.draw.fill::<T>(bytemuck::cast_slice_mut(self.out))
    }
}

/// Seconds per call of `Draw::to_vec`, without what giving the memory back takes.
struct TimeAllocating<'a> {
    draw: &'a Draw,
    calls: u32,
}

impl DtypeVisitor for TimeAllocating<'_> {
    type Output = Result<f64, Failure>;

    fn visit<T: Element>(self) -> Self::Output {
        let mut total = Duration::ZERO;
        for _ in 0..self.calls {
            let start = Instant::now();
            let values = black_box(self.draw.to_vec::<T>()?);
            total += start.elapsed();
            drop(values);
        }
        Ok(total.as_secs_f64() / f64::from(self.calls))
    }
}
