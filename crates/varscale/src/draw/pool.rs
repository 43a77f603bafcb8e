//! Pools: how many threads draw, which no value depends on.

#[cfg(feature = "parallel")]
use alloc::{format, string::ToString, vec::Vec};

#[cfg(feature = "parallel")]
use crate::error::Error;

/// Below this number of values, a second thread costs more than it brings.
#[cfg(feature = "parallel")]
const PARALLEL: usize = 1 << 18;

/// Memory that must be free for threads to start: one that finds none for itself ends the process.
/// More than allocators keep of what was given back (glibc: 32 MiB), so that it is free still.
#[cfg(feature = "parallel")]
const ROOM: usize = 34 << 20;

/// Threads that draw, in place of one for each processor.
///
/// ```
/// use varscale::{Pool, Scheme};
/// let draw = Scheme::he_normal().with_seed(42).draw([784, 256])?;
/// let pool = Pool::new(2)?;
/// assert_eq!(pool.install(|| draw.to_vec::<f32>())?, draw.to_vec::<f32>()?);
/// # Ok::<(), varscale::Error>(())
/// ```
#[cfg(feature = "parallel")]
#[derive(Debug)]
pub struct Pool(rayon::ThreadPool);

#[cfg(feature = "parallel")]
impl Pool {
    /// Fills of fewer values use one thread, whatever the pool.
    pub const FEWEST: usize = PARALLEL;

    /// No pool has more threads: a system asked for any number may stop answering before it refuses.
    pub const MOST: usize = 1024;

    /// Starts `threads` threads, 0 for one per processor, or as many as `RAYON_NUM_THREADS` says, up
    /// to [`Pool::MOST`].
    ///
    /// # Errors
    /// [`Error::Threads`] above [`Pool::MOST`], and where the system starts none or has no memory.
    ///
    /// ```
    /// let error = varscale::Pool::new(70_000).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "cannot start 70000 threads: 0 (one per processor) to 1024 are allowed"
    /// );
    /// ```
    pub fn new(threads: usize) -> Result<Self, Error> {
        if threads > Self::MOST {
            let reason = format!("0 (one per processor) to {} are allowed", Self::MOST);
            return Err(Error::Threads { threads, reason });
        }
        if Vec::<u8>::new().try_reserve_exact(ROOM).is_err() {
            let reason = format!("less than {ROOM} bytes of memory are free");
            return Err(Error::Threads { threads, reason });
        }
        let started = if threads == 0 { default_threads() } else { threads };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(started).build();
        pool.map(Self).map_err(|error| Error::Threads { threads, reason: error.to_string() })
    }

    /// Does `work` on one of these threads: the fills in it use them all.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }
}

/// As rayon's own, which knows no limit.
#[cfg(feature = "parallel")]
fn default_threads() -> usize {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|asked| asked.parse().ok());
    let threads = match asked {
        None | Some(0) => std::thread::available_parallelism().map_or(1, usize::from),
        Some(threads) => threads,
    };
    threads.min(Pool::MOST)
}

/// Whether so many values are to be drawn on several threads of the current pool.
pub(super) fn is_parallel(elements: usize) -> bool {
    #[cfg(feature = "parallel")]
    if elements >= PARALLEL {
        return rayon::current_num_threads() > 1;
    }
    let _ = elements;
    false
}
