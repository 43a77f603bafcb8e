//! TensorFlow's CPU sampling with Philox: from a key and a counter to the values of a tensor.
//!
//! ```text
//! group g: G values, G = 4 (2 for f64)        block(n) = Philox4x32-10(counter + n, key), 4 words
//! uniform:   block(g), one word a value (two for f64): its low mantissa bits as 1.m, less 1
//! normal:    block(g), pairs of words (all four for f64) by Box and Muller, sine first
//! truncated: block(64 G g), block(64 G g + 1), ... likewise; values with |z| < 2 are kept, in
//!            order, until there are G
//! Box-Muller(a, b): u = max(unit(a), 1e-7); v = 2 pi unit(b), rounded to f32
//!                   r = sqrt(-2 ln u); (r sin v, r cos v)
//! tensor:    uniform: value * (high - low) + low; else value * stddev + mean: each in the dtype
//! ```
//!
//! Source: TensorFlow 2.21, `xla/tsl/lib/random/philox_random.h`, `random_distributions.h`,
//! `random_distributions_utils.h`, `tensorflow/core/kernels/random_op_cpu.h`,
//! `tensorflow/python/ops/stateless_random_ops.py`. The same since 1.0, but for the order of files.
//!
//! A group is a function of its index, whatever the number of threads, so that any range costs what
//! its groups cost. 16-bit normals are computed and truncated in f32, then rounded.
//!
//! Deviations: groups are computed side by side, in tiles. In a tile of truncated normals every
//! group takes its first block, then those that lack values (17 %) their second one, and so on.
//!
//! Faults of TensorFlow, kept: f32 has 2^23 uniforms, bf16 only 128 and f16 1024. The smallest u is
//! 1e-7, which bounds normals to |z| <= 5.68, in f64 also. A 16-bit value is rounded after
//! truncation, and then again when it is scaled, so that bf16 goes beyond two standard deviations.

use super::philox_sample::{LANES, Planes, Real, Sample, Words};
use crate::{
    bits::philox,
    schemes::Law,
    simd::{Fma, Kernel},
};

/// Groups of one tile: those of it that lack values are put side by side again.
const TILE: usize = 512;

/// Value k of group i is `tile[k][i]`.
type Tile<R> = [[R; TILE]; 4];

/// TensorFlow's `PhiloxRandom`: a key and the counter of the next block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PhiloxRandom {
    pub(crate) key: [u32; 2],
    pub(crate) counter: u128,
}

impl PhiloxRandom {
    /// The start of TensorFlow's stateless operations (`GenerateKey`): a pair of seeds, scrambled.
    pub(crate) fn stateless(seed0: u64, seed1: u64) -> Self {
        const KEY: [u32; 2] = [0x3ec8_f720, 0x0246_1e29];

        let counter = [seed0 as u32, (seed0 >> 32) as u32, seed1 as u32, (seed1 >> 32) as u32];
        let [k0, k1, c2, c3] = philox::philox4x32(counter, KEY);
        let high = (u128::from(c3) << 32) | u128::from(c2);
        Self { key: [k0, k1], counter: high << 64 }
    }
}

/// A run of consecutive values of a tensor.
pub(crate) struct Run<'a, T> {
    pub(crate) random: PhiloxRandom,
    /// With its numbers as handed to TensorFlow.
    pub(crate) law: Law,
    /// Row-major index of the first value.
    pub(crate) start: u64,
    pub(crate) out: &'a mut [T],
}

impl<T: Sample> Kernel for Run<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: Fma>(self) {
        match self.law {
            Law::Uniform { low, high } => self.fill(
                1,
                #[inline(always)]
                |source, groups, tile| {
                    source.blocks::<T>(
                        1,
                        groups,
                        tile,
                        #[inline(always)]
                        |words, values| T::uniform(words, values),
                    );
                },
                T::between(T::parameter(low), T::parameter(high)),
            ),
            Law::Normal { mean, stddev } => self.fill(
                1,
                #[inline(always)]
                |source, groups, tile| {
                    source.blocks::<T>(
                        1,
                        groups,
                        tile,
                        #[inline(always)]
                        |words, values| T::normal(words, values),
                    );
                },
                T::scaled(T::parameter(mean), T::parameter(stddev)),
            ),
            Law::TruncatedNormal { mean, stddev, .. } => self.fill(
                T::STRIDE,
                #[inline(always)]
                |source, groups, tile| source.truncated::<T>(groups, tile),
                T::scaled(T::parameter(mean), T::parameter(stddev)),
            ),
            // Refused by `Stream::check_law`.
            Law::LogUniform { .. } => {}
        }
    }
}

impl<T: Sample> Run<'_, T> {
    /// Fills the run tile by tile, with `stride` blocks a group. The groups that the run starts
    /// and ends in are drawn whole.
    #[inline(always)]
    fn fill(
        self,
        stride: u64,
        draw: impl Fn(&Source, usize, &mut Tile<T::Computing>),
        value: impl Fn(T::Computing) -> T,
    ) {
        let key = philox::Key::new(self.random.key);
        let mut tile = [[T::Computing::default(); TILE]; 4];
        let (mut start, mut out) = (self.start, self.out);
        while !out.is_empty() {
            let (group, within) = (start / T::GROUP as u64, (start % T::GROUP as u64) as usize);
            let block = u128::from(group) * u128::from(stride);
            let source = Source::new(key, self.random.counter.wrapping_add(block));
            let groups = match within {
                0 => out.len().div_ceil(T::GROUP).min(TILE).min(source.groups_before_carry(stride)),
                _ => 1,
            };
            let length = out.len().min(groups * T::GROUP - within);
            let (now, later) = out.split_at_mut(length);
            draw(&source, groups, &mut tile);
            write(&tile, within, now, &value);
            (start, out) = (start.wrapping_add(length as u64), later);
        }
    }
}

/// Writes a tile in the order of the tensor, from value `within` of its first group.
#[inline(always)]
fn write<T: Sample>(
    tile: &Tile<T::Computing>,
    within: usize,
    out: &mut [T],
    value: &impl Fn(T::Computing) -> T,
) {
    let whole = if within == 0 { out.len() / T::GROUP } else { 0 };
    let (groups, rest) = out.split_at_mut(whole * T::GROUP);
    for (i, slots) in groups.chunks_exact_mut(T::GROUP).enumerate() {
        for (slot, plane) in slots.iter_mut().zip(tile) {
            *slot = value(plane[i]);
        }
    }
    for (slot, plane) in rest.iter_mut().zip(&tile[within..]) {
        *slot = value(plane[whole]);
    }
}

/// The blocks from one counter on.
struct Source {
    key: philox::Key,
    low: u64,
    high: u64,
}

impl Source {
    #[inline(always)]
    fn new(key: philox::Key, counter: u128) -> Self {
        Self { key, low: counter as u64, high: (counter >> 64) as u64 }
    }

    /// The groups, at least one, that start before the lower half of the counter overflows. It
    /// does so between two groups: a tile that ends there needs no carry.
    #[inline(always)]
    fn groups_before_carry(&self, stride: u64) -> usize {
        let last = (u64::MAX - self.low) / stride;
        usize::try_from(last).map_or(usize::MAX, |last| last.saturating_add(1))
    }

    /// The words of these blocks.
    #[inline(always)]
    fn words(&self, blocks: &[u64; LANES]) -> Words {
        let mut words = [[0; LANES]; 4];
        for lane in 0..LANES {
            let block = philox::block(&self.key, self.low.wrapping_add(blocks[lane]), self.high);
            for (plane, word) in words.iter_mut().zip(block) {
                plane[lane] = word;
            }
        }
        words
    }

    /// The values of one block for each of `groups` groups, `stride` blocks apart.
    #[inline(always)]
    fn blocks<T: Sample>(
        &self,
        stride: u64,
        groups: usize,
        tile: &mut Tile<T::Computing>,
        sample: impl Fn(&Words, &mut Planes<T::Computing>),
    ) {
        let mut blocks = [0; LANES];
        let mut values = [[T::Computing::default(); LANES]; 4];
        for first in (0..groups).step_by(LANES) {
            for (lane, block) in blocks.iter_mut().enumerate() {
                *block = (first + lane) as u64 * stride;
            }
            sample(&self.words(&blocks), &mut values);
            for (plane, values) in tile.iter_mut().zip(&values) {
                plane[first..first + LANES].copy_from_slice(values);
            }
        }
    }

    /// The truncated normals of `groups` groups.
    #[inline(always)]
    fn truncated<T: Sample>(&self, groups: usize, tile: &mut Tile<T::Computing>) {
        self.blocks::<T>(
            T::STRIDE,
            groups,
            tile,
            #[inline(always)]
            |words, values| T::normal(words, values),
        );
        let mut lacking = Lacking::default();
        lacking.find::<T>(groups, tile);
        let mut blocks = [0; LANES];
        let mut values = [[T::Computing::default(); LANES]; 4];
        for round in 1.. {
            if lacking.length == 0 {
                break;
            }
            for first in (0..lacking.length).step_by(LANES) {
                let groups = &lacking.groups[first..first + LANES];
                for (block, &group) in blocks.iter_mut().zip(groups) {
                    *block = u64::from(group) * T::STRIDE + round;
                }
                T::normal(&self.words(&blocks), &mut values);
                lacking.append::<T>(first, &values, tile);
            }
            lacking.shorten::<T>();
        }
    }
}

/// The groups of a tile that lack values, and how many values every group has.
struct Lacking {
    groups: [u32; TILE],
    length: usize,
    kept: [u8; TILE],
}

impl Default for Lacking {
    fn default() -> Self {
        Self { groups: [0; TILE], length: 0, kept: [0; TILE] }
    }
}

impl Lacking {
    /// Finds the groups with values to reject, and moves those that they keep to the front.
    #[inline(always)]
    fn find<T: Sample>(&mut self, groups: usize, tile: &mut Tile<T::Computing>) {
        let mut rejects = [0_u32; TILE];
        for plane in &tile[..T::GROUP] {
            for (rejects, value) in rejects.iter_mut().zip(plane) {
                *rejects += u32::from(!value.is_within_two());
            }
        }
        for (group, &rejects) in rejects[..groups].iter().enumerate() {
            // Written always, kept by its length: a branch here would be mispredicted.
            self.groups[self.length] = group as u32;
            self.length += usize::from(rejects != 0);
        }
        for &group in &self.groups[..self.length] {
            let group = group as usize;
            let values = core::array::from_fn(|k| tile[k][group]);
            keep::<T>(values, group, &mut self.kept[group], tile);
        }
    }

    /// Hands one block more to the groups from `first` in the list.
    #[inline(always)]
    fn append<T: Sample>(
        &mut self,
        first: usize,
        values: &Planes<T::Computing>,
        tile: &mut Tile<T::Computing>,
    ) {
        for (lane, &group) in self.groups[first..self.length].iter().take(LANES).enumerate() {
            let values = core::array::from_fn(|k| values[k][lane]);
            let group = group as usize;
            keep::<T>(values, group, &mut self.kept[group], tile);
        }
    }

    /// Strikes the groups off the list that have all their values.
    #[inline(always)]
    fn shorten<T: Sample>(&mut self) {
        let mut length = 0;
        for at in 0..self.length {
            let group = self.groups[at];
            self.groups[length] = group;
            length += usize::from(usize::from(self.kept[group as usize]) < T::GROUP);
        }
        self.length = length;
    }
}

/// Adds to a group those of `values` that are within two, up to its size.
#[inline(always)]
fn keep<T: Sample>(
    values: [T::Computing; 4],
    group: usize,
    kept: &mut u8,
    tile: &mut Tile<T::Computing>,
) {
    for &value in &values[..T::GROUP] {
        if usize::from(*kept) < T::GROUP {
            tile[usize::from(*kept)][group] = value;
            *kept += u8::from(value.is_within_two());
        }
    }
}
