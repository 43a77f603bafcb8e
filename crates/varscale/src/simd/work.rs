//! Loops of the project's other crates, compiled as this crate's own kernels are.

use super::{
    kernel::{Cpu, Kernel},
    level::Level,
};

/// Plain Rust to be compiled for vectors. Implementations are `#[inline(always)]`, and so is all that
/// they call: what is not inlined is compiled for the baseline.
#[doc(hidden)]
pub trait Work {
    /// What comes of it.
    type Output;

    /// Does it.
    fn run(self) -> Self::Output;
}

struct Of<W>(W);

impl<W: Work> Kernel for Of<W> {
    type Output = W::Output;

    #[inline(always)]
    fn run<C: Cpu>(self) -> Self::Output {
        self.0.run()
    }
}

/// Does `work` with the best instruction set of this CPU: the same result, whichever it is.
#[doc(hidden)]
pub fn vectorized<W: Work>(work: W) -> W::Output {
    Level::best().run(Of(work))
}
