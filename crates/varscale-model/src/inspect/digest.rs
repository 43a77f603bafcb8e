//! Digests of bytes, which tell what may be equal: rows of a tensor, and whole tensors.

use twox_hash::XxHash3_128;

/// Rows of fewer bytes may be equal by chance, and are none to tell apart.
const SHORTEST: usize = 64;

/// Rows whose digests are kept of one tensor: the smallest ones, so that rows that are equal are kept
/// or dropped together.
const KEPT: usize = 1 << 20;

/// How a tensor's bytes are cut for digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes of a piece that has a digest, but for the last of each row.
    piece: usize,
    /// Whether a piece is a row.
    pub(super) is_row: bool,
}

impl Cut {
    /// Of a tensor of this shape, with elements of `size` bytes, that is read by up to `chunk` bytes.
    pub(super) fn new(shape: &[usize], size: usize, chunk: usize) -> Self {
        let row = match shape {
            [_, row @ ..] if !row.is_empty() => {
                row.iter().try_fold(size, |bytes, &axis| bytes.checked_mul(axis))
            }
            _ => None,
        };
        match row {
            Some(row) if (SHORTEST..=chunk).contains(&row) => Self { piece: row, is_row: true },
            _ => Self { piece: chunk, is_row: false },
        }
    }

    /// Bytes to be read at a time: a whole number of pieces, up to `chunk` bytes.
    pub(super) fn stride(self, chunk: usize) -> usize {
        chunk / self.piece * self.piece
    }

    /// The digests of the pieces of a chunk.
    pub(super) fn digests(self, bytes: &[u8]) -> Vec<u128> {
        bytes.chunks(self.piece).map(XxHash3_128::oneshot).collect()
    }
}

/// The digests of a tensor's pieces, taken in their order.
pub(super) struct Digests {
    whole: XxHash3_128,
    rows: Vec<(u128, u64)>,
    keeps_rows: bool,
    count: u64,
    /// Digests above it are not among the smallest.
    limit: u128,
}

impl Digests {
    pub(super) fn new(cut: Cut) -> Self {
        let (rows, whole) = (Vec::new(), XxHash3_128::new());
        Self { whole, rows, keeps_rows: cut.is_row, count: 0, limit: u128::MAX }
    }

    /// Takes the next ones.
    pub(super) fn extend(&mut self, digests: &[u128]) {
        for digest in digests {
            self.whole.write(&digest.to_le_bytes());
            if self.keeps_rows && *digest <= self.limit {
                self.rows.push((*digest, self.count));
                if self.rows.len() >= 2 * KEPT {
                    self.limit = self.rows.select_nth_unstable(KEPT - 1).1.0;
                    self.rows.retain(|&(digest, _)| digest <= self.limit);
                    // So many are equal that none can be dropped.
                    self.keeps_rows &= self.rows.len() < KEPT + KEPT / 2;
                }
            }
            self.count += 1;
        }
    }

    /// Of all of them in their order.
    pub(super) fn whole(&self) -> u128 {
        self.whole.finish_128()
    }

    /// Sets of rows with one digest, by their numbers; the largest set first.
    pub(super) fn equal_rows(mut self) -> Vec<Vec<u64>> {
        self.rows.sort_unstable();
        let sets = self.rows.chunk_by(|a, b| a.0 == b.0).filter(|set| set.len() > 1);
        let mut sets: Vec<Vec<u64>> =
            sets.map(|set| set.iter().map(|&(_, row)| row).collect()).collect();
        sets.sort_by_key(|set| (std::cmp::Reverse(set.len()), set[0]));
        sets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_where_they_are_long_and_fit() {
        let cut = |shape: &[usize]| {
            let cut = Cut::new(shape, 4, 1 << 20);
            (cut.is_row, cut.stride(1 << 20))
        };
        assert_eq!(cut(&[100, 3, 7]), (true, (1 << 20) / 84 * 84));
        for other in [&[100][..], &[], &[100, 3], &[2, 1 << 20], &[3, 0], &[2, usize::MAX, 2]] {
            assert_eq!(cut(other), (false, 1 << 20), "{other:?}");
        }
    }

    #[test]
    fn equal_rows_are_found() {
        let cut = Cut::new(&[5, 64], 1, 320);
        let mut bytes: Vec<u8> = (0..5).flat_map(|row| [row; 64]).collect();
        bytes.copy_within(0..64, 4 * 64);
        let mut digests = Digests::new(cut);
        digests.extend(&cut.digests(&bytes));
        let mut parts = Digests::new(cut);
        bytes.chunks(128).for_each(|part| parts.extend(&cut.digests(part)));
        assert_eq!(digests.whole(), parts.whole());
        assert_eq!(digests.equal_rows(), [[0, 4]]);
    }
}
