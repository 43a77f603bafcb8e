//! The store limit: the fastest that plain Rust writes a buffer with a value, whatever the value.

use rayon::prelude::*;

/// Bytes that one thread writes at a time, as many as of f32 values that fills draw at a time.
const CHUNK: usize = 1 << 18;

/// Ways to fill a buffer. Which one is fastest depends on its size and on the machine, so all are
/// measured and the fastest is the limit. Stores past the caches (non-temporal ones) are what the
/// system's `memset` and `memcpy` use where they find them faster; plain Rust has no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// `memset`, chunk by chunk.
    Bytes,
    /// `memset`, one part per thread.
    BytesAtOnce,
    /// Stores of an 8-byte pattern, chunk by chunk.
    Words,
    /// `memcpy` of a small pattern, chunk by chunk.
    Copies,
}

impl Store {
    pub(super) const ALL: [Self; 4] = [Self::Bytes, Self::BytesAtOnce, Self::Words, Self::Copies];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "memset by chunks",
            Self::BytesAtOnce => "memset at once",
            Self::Words => "8-byte stores by chunks",
            Self::Copies => "memcpy of a pattern by chunks",
        }
    }

    /// Fills `out`, whose parts are multiples of 8 bytes but for the last, on the current pool.
    pub(super) fn fill(self, out: &mut [u8], threads: usize) {
        match self {
            Self::Bytes => by_chunks(out, CHUNK, threads, |chunk| chunk.fill(0x3F)),
            Self::BytesAtOnce => {
                let part = out.len().div_ceil(threads).next_multiple_of(8);
                by_chunks(out, part, threads, |chunk| chunk.fill(0x3F));
            }
            Self::Words => by_chunks(out, CHUNK, threads, |chunk| {
                const PATTERN: u64 = 0x3F80_0000_3F80_0000;
                let (head, words, tail) = bytemuck::pod_align_to_mut::<u8, u64>(chunk);
                words.fill(PATTERN);
                head.fill(0x3F);
                tail.fill(0x3F);
            }),
            Self::Copies => {
                let pattern = [0x3F; 4096];
                by_chunks(out, CHUNK, threads, |chunk| {
                    for block in chunk.chunks_mut(pattern.len()) {
                        block.copy_from_slice(&pattern[..block.len()]);
                    }
                });
            }
        }
    }
}

fn by_chunks(out: &mut [u8], chunk: usize, threads: usize, fill: impl Fn(&mut [u8]) + Send + Sync) {
    if threads == 1 || out.len() <= chunk {
        out.chunks_mut(chunk).for_each(fill);
    } else {
        out.par_chunks_mut(chunk).for_each(fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_written() {
        for length in [1, 7, 4096, CHUNK - 8, 3 * CHUNK + 17] {
            for store in Store::ALL {
                for threads in [1, 2, 3] {
                    let mut out = vec![1u8; length];
                    store.fill(&mut out, threads);
                    assert!(!out.contains(&1), "{store:?} of {length} bytes");
                }
            }
        }
    }
}
