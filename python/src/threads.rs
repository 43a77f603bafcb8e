//! Threads that survive a fork: Python's processes do fork, and a child has none of its parent's
//! threads, so that it would wait forever for the work of a pool it inherited.

use std::sync::{Mutex, PoisonError};

use varscale::Pool;

/// The pool, and the process that it was started in.
static POOL: Mutex<Option<(u32, &Pool)>> = Mutex::new(None);

/// Does `work`, which draws this many values, where it finds this process's own pool.
pub(crate) fn with<R: Send>(elements: usize, work: impl FnOnce() -> R + Send) -> R {
    if elements < Pool::FEWEST {
        return work();
    }
    match pool() {
        Some(pool) => pool.install(work),
        None => work(),
    }
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
