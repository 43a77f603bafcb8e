//! Ctrl-C: a flag that the work looks at, so that it can clean up.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::Failure;

/// A flag that Ctrl-C (or a request to terminate) raises from now on.
pub fn interrupt_flag() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .map_err(|error| Failure::System(format!("cannot watch for Ctrl-C: {error}")))?;
    Ok(interrupted)
}
