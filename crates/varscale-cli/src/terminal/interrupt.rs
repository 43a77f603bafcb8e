//! Ctrl-C, hangup and requests to terminate: a flag that the work looks at, so that it can clean up,
//! and an end within half a second where it does not.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Exit, Failure};

/// How long the work has to notice.
const GRACE: Duration = Duration::from_millis(500);

/// How long the user may take to hear of it.
const TELLING: Duration = Duration::from_millis(200);

/// What runs now is to stop.
static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Whether signals are watched for, or why not.
static WATCHING: OnceLock<Result<(), String>> = OnceLock::new();

/// The signal that said so.
static SIGNAL: AtomicU8 = AtomicU8::new(0);

/// Commands that run: without one, signals are not the command's.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// How many shards are whole, and how many there are.
static WHOLE: Mutex<Option<(usize, usize)>> = Mutex::new(None);

/// Whether the end has been told. Held by who tells it: nobody else ends the process meanwhile.
static TOLD: Mutex<bool> = Mutex::new(false);

/// As long as it lives, signals stop the work, and not the process at once.
#[derive(Debug)]
pub struct Watch(Arc<AtomicBool>);

impl Watch {
    /// Watches from now on. Signals that are ignored stay so (`nohup`).
    ///
    /// # Errors
    /// [`Failure::System`] where the system does not allow it.
    pub fn start() -> Result<Self, Failure> {
        let flag = STOP.get_or_init(Arc::default);
        // Before the first signal can be caught: it must find a command that runs.
        if RUNNING.fetch_add(1, Ordering::SeqCst) == 0 {
            // What a signal stopped before is done with, where a process runs several commands.
            flag.store(false, Ordering::SeqCst);
            SIGNAL.store(0, Ordering::SeqCst);
            *told() = false;
            *whole() = None;
        }
        let watched = Self(Arc::clone(flag));
        WATCHING
            .get_or_init(|| watch(flag).map_err(|error| error.to_string()))
            .as_ref()
            .map_err(|error| Failure::System(format!("cannot watch for Ctrl-C: {error}")))?;
        Ok(watched)
    }

    /// From now on, so many of all shards are whole, whatever stops the work.
    pub fn tell_whole(&self, shards: usize, all: usize) {
        *whole() = Some((shards, all));
    }

    /// A flag that a signal raises.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The signal that stopped the work.
pub(super) fn signal() -> u8 {
    match SIGNAL.load(Ordering::SeqCst) {
        // Raised by no signal: what Ctrl-C is.
        0 => 2,
        signal => signal,
    }
}

fn told() -> MutexGuard<'static, bool> {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn whole() -> MutexGuard<'static, Option<(usize, usize)>> {
    WHOLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells that the work was stopped, unless that has been told: how many shards are whole of how many.
pub(super) fn tell_once(tell: impl FnOnce(Option<(usize, usize)>)) {
    let mut told = told();
    if !*told {
        let whole = *whole();
        tell(whole);
        *told = true;
    }
}

/// What a signal does, on a thread of its own. `again` tells whether another one has come.
fn stop(signal: u8, flag: &AtomicBool, mut again: impl FnMut() -> bool) {
    SIGNAL.store(signal, Ordering::SeqCst);
    flag.store(true, Ordering::SeqCst);
    let start = Instant::now();
    while start.elapsed() < GRACE && !again() {
        thread::sleep(Duration::from_millis(10));
        if RUNNING.load(Ordering::SeqCst) == 0 {
            return;
        }
    }
    // It waits for a pipe, or skips far ahead. Nothing unfinished may stay.
    varscale_model::remove_unfinished();
    // The standard error may be that pipe.
    let telling = small_thread().spawn(|| Failure::Interrupted.report());
    let start = Instant::now();
    while telling.as_ref().is_ok_and(|telling| !telling.is_finished()) && start.elapsed() < TELLING
    {
        thread::sleep(Duration::from_millis(1));
    }
    exit(Exit::Signal(signal).code());
}

/// One that does little, and must start where memory is short.
fn small_thread() -> thread::Builder {
    thread::Builder::new().stack_size(128 << 10)
}

#[cfg(unix)]
fn watch(flag: &Arc<AtomicBool>) -> io::Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
        flag,
        iterator::Signals,
        low_level::emulate_default_handler,
    };

    // Under a limit for files, writes fail instead, and are told.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    let dispositions = Dispositions::read();
    let watched = [SIGINT, SIGTERM, SIGHUP];
    let watched =
        watched.into_iter().filter(|&signal| !Dispositions::has(dispositions.ignored, signal));
    let mut signals = Signals::new(watched)?;
    let flag = Arc::clone(flag);
    let work = move || {
        loop {
            let Some(signal) = signals.wait().next() else { continue };
            if RUNNING.load(Ordering::SeqCst) > 0 {
                stop(signal as u8, &flag, || signals.pending().any(|other| other == SIGINT));
            } else if !Dispositions::has(dispositions.caught, signal) {
                let _ = emulate_default_handler(signal);
            }
        }
    };
    small_thread().spawn(work).map(drop)
}

/// What the process did with signals before this watched them: sets of them, as bits.
#[cfg(unix)]
#[derive(Clone, Copy, Default)]
struct Dispositions {
    ignored: u64,
    caught: u64,
}

#[cfg(unix)]
impl Dispositions {
    /// As Linux tells; elsewhere there is no safe way to ask, and none is ignored.
    fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let set = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
        };
        Self { ignored: set("SigIgn:"), caught: set("SigCgt:") }
    }

    fn has(set: u64, signal: i32) -> bool {
        set >> (signal - 1) & 1 == 1
    }
}

#[cfg(unix)]
fn exit(code: u8) -> ! {
    // Nothing that other threads still use is torn down.
    signal_hook::low_level::exit(code.into())
}

#[cfg(not(unix))]
fn watch(flag: &Arc<AtomicBool>) -> io::Result<()> {
    const INTERRUPT: u8 = 2;
    let flag = Arc::clone(flag);
    ctrlc::set_handler(move || match RUNNING.load(Ordering::SeqCst) {
        0 => exit(Exit::Signal(INTERRUPT).code()),
        _ => stop(INTERRUPT, &flag, || false),
    })
    .map_err(io::Error::other)
}

#[cfg(not(unix))]
fn exit(code: u8) -> ! {
    std::process::exit(code.into())
}
