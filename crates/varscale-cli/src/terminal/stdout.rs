//! Text on the standard output.

use std::io::{Write, stdout};

use super::Failure;

/// Prints `text` now. `print!` would panic where the reader has gone.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| Failure::stdout(&e))
}
