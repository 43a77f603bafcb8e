//! Threefry-2x32-20: counter to two random words.
//!
//! Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011); in JAX
//! 0.10.2 `jax/_src/random/threefry2x32.py`, `threefry2x32`.
//!
//! ```text
//! k2 = k0 ^ k1 ^ 0x1BD11BDA; (x, y) = (c0 + k0, c1 + k1)
//! for group g of 0..5:
//!     four times, with the rotations of even or odd groups: x += y; y = rotl(y, r) ^ x
//!     (x, y) += (k[(g + 1) mod 3], k[(g + 2) mod 3] + g + 1)
//! ```

/// Skein's key schedule parity, for 32 bits.
const PARITY: u32 = 0x1BD1_1BDA;
const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
const GROUPS: u32 = 5;

/// Counters whose upper words are equal: a run never crosses a multiple of it.
pub(crate) const BLOCK: usize = 256;

/// Both words of the counter (c0, c1).
#[inline(always)]
pub(crate) fn threefry2x32(key: [u32; 2], [c0, c1]: [u32; 2]) -> [u32; 2] {
    let keys = [key[0], key[1], key[0] ^ key[1] ^ PARITY];
    let (mut x, mut y) = (c0.wrapping_add(keys[0]), c1.wrapping_add(keys[1]));
    for group in 0..GROUPS {
        for rotation in ROTATIONS[group as usize % 2] {
            x = x.wrapping_add(y);
            y = y.rotate_left(rotation) ^ x;
        }
        x = x.wrapping_add(keys[(group as usize + 1) % 3]);
        y = y.wrapping_add(keys[(group as usize + 2) % 3].wrapping_add(group + 1));
    }
    [x, y]
}

/// The words of the counters `first`, `first` + 1, …, of 64 bits with the upper word first, made
/// into one by `join`. They must lie in one block.
///
/// Counters of 32 bits, and not of 64, so that a vector holds as many of them as of words.
#[inline(always)]
pub(crate) fn words<W>(key: [u32; 2], first: u64, out: &mut [W], join: impl Fn([u32; 2]) -> W) {
    let (high, low) = ((first >> 32) as u32, first as u32);
    for (index, slot) in out.iter_mut().enumerate() {
        *slot = join(threefry2x32(key, [high, low.wrapping_add(index as u32)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Random123 1.14 (`tests/kat_vectors`, `threefry2x32 20`), which JAX tests, too.
    #[test]
    fn known_answers() {
        for (counter, key, words) in [
            ([0; 2], [0; 2], [0x6b20_0159, 0x99ba_4efe]),
            ([u32::MAX; 2], [u32::MAX; 2], [0x1cb9_96fc, 0xbb00_2be7]),
            ([0x243f_6a88, 0x85a3_08d3], [0x1319_8a2e, 0x0370_7344], [0xc492_3a9c, 0x483d_f7a0]),
        ] {
            assert_eq!(threefry2x32(key, counter), words);
        }
    }
}
