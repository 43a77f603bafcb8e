//! Digests of bytes, which tell what may be equal: rows of a tensor, and whole tensors.

use twox_hash::XxHash3_128;

/// Rows of fewer bytes may be equal by chance, and are none to tell apart.
const SHORTEST: u64 = 64;

/// Rows whose digests are kept of one tensor: the smallest ones, so that rows that are equal are kept
/// or dropped together.
const KEPT: usize = 1 << 20;

/// How a tensor's bytes are cut, into what is read at a time and into what has a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes of a row, which are those of one index of the first axis; `None` where rows are none to
    /// tell apart.
    pub(super) row: Option<u64>,
    /// Most bytes that are read at a time.
    chunk: u64,
}

impl Cut {
    /// Of a tensor of this shape, with elements of `size` bytes, that is read by up to `chunk` bytes.
    pub(super) fn new(shape: &[usize], size: usize, chunk: usize) -> Self {
        let row = match shape {
            [_, row @ ..] if !row.is_empty() => {
                let mut sizes = row.iter().map(|&axis| axis as u64);
                sizes.try_fold(size as u64, u64::checked_mul)
            }
            _ => None,
        };
        Self { row: row.filter(|&row| row >= SHORTEST), chunk: chunk as u64 }
    }

    /// Where the chunk of this number begins, and how long it is, in a tensor of so many bytes. A chunk
    /// has whole rows, or is of one.
    pub(super) fn place(self, number: u64, bytes: u64) -> Option<(u64, usize)> {
        let (first, end) = match self.row {
            Some(row) if row > self.chunk => {
                let per_row = row.div_ceil(self.chunk);
                let start = number / per_row * row;
                let first = start + number % per_row * self.chunk;
                (first, (first + self.chunk).min(start + row))
            }
            row => {
                let stride = row.map_or(self.chunk, |row| self.chunk / row * row);
                (number * stride, (number + 1) * stride)
            }
        };
        (first < bytes).then(|| (first, (end.min(bytes) - first) as usize))
    }

    /// The digests of the rows of a chunk, or of the chunk.
    pub(super) fn digests(self, bytes: &[u8]) -> Vec<u128> {
        let piece = self.row.unwrap_or(self.chunk).min(self.chunk) as usize;
        bytes.chunks(piece).map(XxHash3_128::oneshot).collect()
    }
}

/// The digests of a tensor's pieces, taken in their order.
pub(super) struct Digests {
    whole: XxHash3_128,
    /// Of the row that has several pieces, and how many it still has.
    row: XxHash3_128,
    left: u64,
    per_row: Option<u64>,
    rows: Vec<(u128, u64)>,
    count: u64,
    /// Digests above it are not among the smallest.
    limit: u128,
}

impl Digests {
    pub(super) fn new(cut: Cut) -> Self {
        let per_row = cut.row.map(|row| row.div_ceil(cut.chunk));
        Self {
            whole: XxHash3_128::new(),
            row: XxHash3_128::new(),
            left: per_row.unwrap_or(0),
            per_row,
            rows: Vec::new(),
            count: 0,
            limit: u128::MAX,
        }
    }

    /// Takes the next ones.
    pub(super) fn extend(&mut self, digests: &[u128]) {
        for &digest in digests {
            self.whole.write(&digest.to_le_bytes());
            match self.per_row {
                None => {}
                Some(1) => self.take_row(digest),
                Some(per_row) => {
                    self.row.write(&digest.to_le_bytes());
                    self.left -= 1;
                    if self.left == 0 {
                        let row = std::mem::replace(&mut self.row, XxHash3_128::new());
                        self.left = per_row;
                        self.take_row(row.finish_128());
                    }
                }
            }
        }
    }

    fn take_row(&mut self, digest: u128) {
        if digest <= self.limit {
            self.rows.push((digest, self.count));
            if self.rows.len() >= 2 * KEPT {
                self.limit = self.rows.select_nth_unstable(KEPT - 1).1.0;
                self.rows.retain(|&(digest, _)| digest <= self.limit);
                // Where very many are equal, a few of them tell.
                self.rows.truncate(KEPT + KEPT / 2);
            }
        }
        self.count += 1;
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
    fn chunks_have_whole_rows_or_are_of_one() {
        let places = |shape: &[usize], bytes| {
            let cut = Cut::new(shape, 1, 1000);
            let places = (0..).map_while(|number| cut.place(number, bytes));
            (cut.row.is_some(), places.collect::<Vec<_>>())
        };
        assert_eq!(places(&[4, 300], 1200), (true, vec![(0, 900), (900, 300)]));
        let long = vec![(0, 1000), (1000, 500), (1500, 1000), (2500, 500)];
        assert_eq!(places(&[2, 1500], 3000), (true, long));
        for shape in [&[1200][..], &[600, 2], &[]] {
            assert_eq!(places(shape, 1200), (false, vec![(0, 1000), (1000, 200)]), "{shape:?}");
        }
        assert_eq!(places(&[3, 0], 0), (false, vec![]));
        assert_eq!(places(&[0, usize::MAX, 2], 0), (false, vec![]));
    }

    #[test]
    fn long_rows_are_told_apart() {
        let cut = Cut::new(&[3, 1500], 1, 1000);
        let bytes: Vec<u8> = (0..4500_u32).map(|k| (k % 1500 % 251) as u8).collect();
        let mut digests = Digests::new(cut);
        for (first, length) in (0..).map_while(|number| cut.place(number, 4500)) {
            digests.extend(&cut.digests(&bytes[first as usize..][..length]));
        }
        assert_eq!(digests.equal_rows(), [[0, 1, 2]]);
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
