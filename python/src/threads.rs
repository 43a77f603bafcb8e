//! Threads that survive a fork, and draws that Ctrl-C ends.
//!
//! Python's processes do fork, and a child has none of its parent's threads, so that it would wait
//! forever for the work of a pool it inherited.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};
use varscale::{Draw, Element, Error, Pool, ShapeError, Slice};

use crate::error::refused;

/// Values that are drawn, or passed in a sequential stream, before anyone misses Ctrl-C.
const SOON: u64 = 1 << 22;

/// How long a signal waits.
const PATIENCE: Duration = Duration::from_millis(100);

/// The pool, and the process that it was started in. Locked with the interpreter held only: no other
/// thread can fork then, and leave a lock behind that nobody opens.
static POOL: Mutex<Option<(u32, &Pool)>> = Mutex::new(None);

/// Fills `out` with a box of a draw, with the interpreter free and the process's own pool. Where that
/// takes long, whatever Python's signal handlers raise ends it.
pub(crate) fn fill<T: Element>(
    py: Python<'_>,
    draw: &Draw,
    slice: &Slice,
    out: &mut [T],
) -> PyResult<()> {
    let elements = out.len();
    let pool = if elements < Pool::FEWEST { None } else { pool() };
    let interrupted = AtomicBool::new(false);
    let work = || -> Result<bool, Error> {
        let mut reader = draw.reader::<T>(slice)?;
        if reader.remaining() != elements as u64 {
            let expected = reader.remaining();
            return Err(ShapeError::BufferLength { expected, received: elements }.into());
        }
        match pool {
            Some(pool) => pool.install(|| reader.fill_unless(out, &interrupted)),
            None => reader.fill_unless(out, &interrupted),
        }
    };
    let random_access = draw.native().is_some();
    let done = if draw.elements() < SOON || random_access && (elements as u64) < SOON {
        py.detach(work)
    } else {
        py.detach(|| watched(work, &interrupted))?
    };
    done.map(drop).map_err(refused)
}

/// Does `work` on another thread, while this one looks for signals: Python handles them on its main
/// thread alone.
pub(crate) fn watched<R: Send>(
    work: impl FnOnce() -> R + Send,
    interrupted: &AtomicBool,
) -> PyResult<R> {
    let (done, wait) = sync_channel(1);
    thread::scope(|scope| {
        let worker = move || drop(done.send(work()));
        thread::Builder::new().spawn_scoped(scope, worker)?;
        let mut raised = Ok(());
        loop {
            match wait.recv_timeout(PATIENCE) {
                Ok(result) => return raised.map(|()| result),
                Err(RecvTimeoutError::Timeout) if raised.is_ok() => {
                    raised = Python::attach(|py| py.check_signals());
                    // What another one raised stays.
                    interrupted.fetch_or(raised.is_err(), Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    // It panicked, and so does the scope.
                    return Err(PyRuntimeError::new_err("a thread ended without a result"));
                }
            }
        }
    })
}

fn pool() -> Option<&'static Pool> {
    let process = std::process::id();
    let mut current = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    match *current {
        Some((owner, pool)) if owner == process => Some(pool),
        _ => {
            // Never dropped: a forked child must not wait for the threads of its parent's pool.
            let pool: &'static _ = Box::leak(Box::new(Pool::new(0).ok()?));
            *current = Some((process, pool));
            Some(pool)
        }
    }
}
