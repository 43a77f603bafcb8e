//! One thing to measure.

use varscale::{Draw, Dtype, Stream};
use varscale_cli::terminal::Failure;

use super::{
    distribution::Distribution,
    memory::{Memory, Pages},
    size::Size,
    store::Store,
};

/// What is compared with what: the same bytes, threads and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) bytes: usize,
    pub(super) threads: usize,
    pub(super) memory: Memory,
}

impl Place {
    /// Where the store limit is measured. Who allocates much gets fresh memory from the system, and
    /// who allocates little what was given back before.
    pub(super) fn limit(self) -> Self {
        let memory = match self.memory {
            Memory::Allocated if self.bytes < 1 << 20 => Memory::Prefaulted(Pages::best()),
            Memory::Allocated => Memory::Fresh(Pages::best()),
            memory => memory,
        };
        Self { memory, ..self }
    }
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) distribution: Distribution,
    pub(super) dtype: Dtype,
    pub(super) size: Size,
}

impl Tensor {
    pub(super) fn values(&self) -> usize {
        self.size.values(self.dtype)
    }

    pub(super) fn bytes(&self) -> usize {
        self.size.bytes(self.dtype)
    }
}

/// Who writes.
#[derive(Debug, Clone)]
pub(super) enum Work {
    Store(Store),
    Draw {
        tensor: Tensor,
        stream: Stream,
        draw: Box<Draw>,
    },
    /// A call of the peer with this index.
    Peer {
        tensor: Tensor,
        peer: usize,
        call: String,
    },
}

/// Who writes, and where to.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) work: Work,
    pub(super) place: Place,
}

impl Case {
    pub(super) fn store(store: Store, place: Place) -> Self {
        Self { work: Work::Store(store), place }
    }

    pub(super) fn draw(
        tensor: Tensor,
        stream: Stream,
        threads: usize,
        memory: Memory,
    ) -> Result<Self, Failure> {
        let scheme = tensor.distribution.scheme()?;
        let shape = tensor.size.shape(tensor.dtype);
        let draw = scheme.with_seed(0).with_stream(stream).draw(shape.as_slice())?;
        draw.check(tensor.dtype)?;
        let place = Place { bytes: tensor.bytes(), threads, memory };
        Ok(Self { work: Work::Draw { tensor, stream, draw: Box::new(draw) }, place })
    }
}
