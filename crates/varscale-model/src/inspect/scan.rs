//! One pass over a checkpoint: one thread reads ahead, others count, and what they count is put
//! together in the tensors' order.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use varscale::Pool;

use super::{
    InspectError,
    codes::Counter,
    digest::{Cut, Digests},
    distinct::NO_LIMIT,
    experts,
    moments::Moments,
    statistics::{Counted, Statistics},
};
use crate::{Checkpoint, Error, StoredDtype, StoredTensor, checkpoint::OpenFiles};

/// Bytes that are read at a time, into one buffer: of a file that is not in the system's cache, half as
/// many take longer.
const CHUNK: usize = 16 << 20;

/// Threads that count, where nobody says how many: one reads no faster.
const ENOUGH: usize = 8;

/// What one pass finds of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scanned {
    /// `None` of a dtype whose values are not read.
    pub(super) statistics: Option<Statistics>,
    pub(super) digest: u128,
    /// Sets of rows that seem to be equal.
    pub(super) equal_rows: Vec<Vec<u64>>,
    /// Of each expert of a stack of them; else empty.
    pub(super) experts: Vec<Moments>,
}

/// What of a tensor has been counted.
struct Running {
    next: u64,
    /// Chunks that were counted before those that come first.
    waiting: BTreeMap<u64, Part>,
    counted: Option<Counted>,
    digests: Digests,
    experts: Vec<Moments>,
}

struct Part {
    counted: Option<Counted>,
    digests: Vec<u128>,
    /// Of a chunk of an expert.
    moments: Option<Moments>,
}

/// How a tensor is read.
struct Reading {
    dtype: Option<StoredDtype>,
    cut: Cut,
    /// Chunks of an expert, in a stack of them.
    per_expert: Option<u64>,
    limit: AtomicU64,
}

impl Reading {
    fn new(tensor: &StoredTensor) -> Self {
        let dtype = tensor.dtype().ok();
        let size = (tensor.bits / 8).max(1) as usize;
        let whole = Cut::new(&tensor.shape, size, CHUNK);
        let expert = whole.row.filter(|_| experts::is_stack(&tensor.name, &tensor.shape));
        // No chunk is of two experts.
        let cut = match expert {
            Some(row) if row < CHUNK as u64 => Cut::new(&tensor.shape, size, row as usize),
            _ => whole,
        };
        let per_expert = expert.map(|row| row.div_ceil(CHUNK as u64));
        Self { dtype, cut, per_expert, limit: AtomicU64::new(NO_LIMIT) }
    }
}

/// A chunk that was read: which tensor's, and which of it.
struct Chunk {
    tensor: usize,
    number: u64,
    buffer: Vec<u64>,
    length: usize,
}

/// Everything that one pass over the values of these tensors finds, in their order. `progress` is told
/// the number of bytes counted so far, and of all.
pub(super) fn scan(
    checkpoint: &Checkpoint,
    tensors: &[&StoredTensor],
    threads: usize,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Scanned>, InspectError> {
    let threads = match threads {
        0 => thread::available_parallelism().map_or(1, usize::from).min(ENOUGH),
        threads => threads,
    };
    // Checks the number, and that threads start.
    drop(Pool::new(threads).map_err(InspectError::Threads)?);
    let threads = threads.min(Pool::MOST);
    let buffers = threads + 2;
    let words = CHUNK / 8;
    super::check_memory(buffers * CHUNK)?;

    let readings: Vec<_> = tensors.iter().map(|tensor| Reading::new(tensor)).collect();
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by_key(|&place| (tensors[place].file, tensors[place].offset));

    let (full, to_count) = mpsc::sync_channel::<Chunk>(buffers);
    let (counted, empty) = mpsc::sync_channel::<Vec<u64>>(buffers);
    let (done, parts) = mpsc::channel::<(usize, u64, usize, Part)>();
    for _ in 0..buffers {
        // Cannot fail: `empty` is still here.
        let _ = counted.send(vec![0; words]);
    }
    let to_count = Mutex::new(to_count);
    let is_stopped = || interrupted.load(Ordering::Relaxed);

    thread::scope(|scope| {
        // These end with the scope, where a thread does not start.
        let (done, counted) = (done, counted);
        let (readings, to_count) = (&readings, &to_count);
        let read = move || -> Result<(), Error> {
            let mut files = OpenFiles::new(checkpoint);
            for place in order {
                let (tensor, reading) = (tensors[place], &readings[place]);
                let chunks = (0..).map_while(|number| reading.cut.place(number, tensor.bytes));
                for (number, (first, length)) in (0..).zip(chunks) {
                    let Ok(mut buffer) = empty.recv() else { return Ok(()) };
                    if is_stopped() {
                        return Ok(());
                    }
                    let bytes = &mut bytemuck::cast_slice_mut(&mut buffer)[..length];
                    files.read_at(tensor, first, bytes)?;
                    if full.send(Chunk { tensor: place, number, buffer, length }).is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        };
        let reader = start(scope, read)?;
        for _ in 0..threads {
            let (done, counted) = (done.clone(), counted.clone());
            start(scope, move || {
                let mut counter = Counter::default();
                loop {
                    let chunk = to_count.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(Chunk { tensor, number, mut buffer, length }) = chunk else { return };
                    let reading = &readings[tensor];
                    let bytes = &mut bytemuck::cast_slice_mut(&mut buffer)[..length];
                    let digests = reading.cut.digests(bytes);
                    if cfg!(target_endian = "big")
                        && let Some(dtype) = reading.dtype
                    {
                        bytes.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
                    }
                    let counted_here = reading
                        .dtype
                        .map(|dtype| Counted::of(dtype, bytes, &mut counter, &reading.limit));
                    let moments = reading
                        .per_expert
                        .and_then(|_| Some(counted_here.as_ref()?.moments(reading.dtype?)));
                    let part = Part { counted: counted_here, digests, moments };
                    // Nobody takes it when all is read.
                    let _ = counted.send(buffer);
                    let _ = done.send((tensor, number, length, part));
                }
            })?;
        }
        drop((done, counted));

        // What is counted of a tensor takes more than the tensor where that is small: a few are kept.
        let mut running: HashMap<usize, Running> = HashMap::new();
        let mut scanned: Vec<Option<Scanned>> = readings.iter().map(|_| None).collect();
        let (mut bytes, total) = (0, tensors.iter().map(|tensor| tensor.bytes).sum());
        for (place, number, length, part) in parts {
            let (reading, tensor) = (&readings[place], tensors[place]);
            let mut one = running.remove(&place).unwrap_or_else(|| Running::new(reading));
            one.take(number, part, reading.per_expert);
            if reading.cut.place(one.next, tensor.bytes).is_none() {
                scanned[place] = Some(one.finish(reading, tensor));
            } else {
                running.insert(place, one);
            }
            bytes += length as u64;
            progress(bytes, total);
        }
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read?;
        if is_stopped() {
            return Err(InspectError::Interrupted);
        }
        let empty = |(reading, tensor)| Running::new(reading).finish(reading, tensor);
        let all = scanned.into_iter().zip(readings.iter().zip(tensors.iter().copied()));
        Ok(all.map(|(scanned, of)| scanned.unwrap_or_else(|| empty(of))).collect())
    })
}

fn start<'s, T: Send + 's>(
    scope: &'s thread::Scope<'s, '_>,
    work: impl FnOnce() -> T + Send + 's,
) -> Result<thread::ScopedJoinHandle<'s, T>, InspectError> {
    thread::Builder::new().spawn_scoped(scope, work).map_err(|error| {
        let reason = error.to_string();
        InspectError::Threads(varscale::Error::Threads { threads: 1, reason })
    })
}

impl Running {
    fn new(reading: &Reading) -> Self {
        let digests = Digests::new(reading.cut);
        let (waiting, experts) = (BTreeMap::new(), Vec::new());
        Self { next: 0, waiting, counted: None, digests, experts }
    }

    fn take(&mut self, number: u64, part: Part, per_expert: Option<u64>) {
        self.waiting.insert(number, part);
        while let Some(Part { counted, digests, moments }) = self.waiting.remove(&self.next) {
            if let (Some(per_expert), Some(moments)) = (per_expert, moments) {
                match self.experts.last_mut().filter(|_| !self.next.is_multiple_of(per_expert)) {
                    Some(expert) => expert.merge(&moments),
                    None => self.experts.push(moments),
                }
            }
            self.next += 1;
            self.digests.extend(&digests);
            match (&mut self.counted, counted) {
                (Some(counted), Some(more)) => counted.merge(&more),
                (none, counted) => *none = counted,
            }
        }
    }

    fn finish(self, reading: &Reading, tensor: &StoredTensor) -> Scanned {
        let counted = |dtype| {
            let nothing = || Counted::Codes(Vec::new());
            self.counted.unwrap_or_else(nothing).statistics(dtype, tensor.elements())
        };
        let digest = self.digests.whole();
        let statistics = reading.dtype.map(counted);
        Scanned { statistics, digest, equal_rows: self.digests.equal_rows(), experts: self.experts }
    }
}
