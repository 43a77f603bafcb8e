//! PCG64 (128-bit state, XSL-RR output), seeded by NumPy's `SeedSequence` of two words.
//!
//! O'Neill: "PCG" (HMC-CS-2014-0905), and `numpy/random/src/pcg64/pcg64.h`; O'Neill's "seed_seq"
//! construction in `numpy/random/bit_generator.pyx`, NumPy 2.4.6.
//!
//! ```text
//! pool of 4 words: the entropy, hashed and mixed; w0..w3 = 64-bit words hashed out of the pool
//! inc = (w2 w3) · 2 + 1; state = 0; step; state += (w0 w1); step
//! step: state = state · M + inc                word: step; rotate(high ^ low, state >> 122)
//! ```
//!
//! Deviations: runs of words are computed in four lanes, each of which steps by four (the same
//! recurrence with M^4 and another increment), because one step waits for the product of the one
//! before. Jumping ahead n steps takes log n products (Brown: "Random number generation with
//! arbitrary strides", 1994).

const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;
const LANES: usize = 4;

/// The generator, in front of its next word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pcg64 {
    state: u128,
    increment: u128,
}

impl Pcg64 {
    /// `PCG64(SeedSequence(entropy))`.
    pub(crate) fn new(entropy: [u32; 2]) -> Self {
        let [w0, w1, w2, w3] = seed_sequence(entropy);
        let increment = (wide(w2, w3) << 1) | 1;
        let mut generator = Self { state: increment.wrapping_add(wide(w0, w1)), increment };
        generator.state = step(generator.state, MULTIPLIER, increment);
        generator
    }

    /// The same generator, `words` words further on.
    #[must_use]
    pub(crate) fn advanced(self, words: u64) -> Self {
        let (multiplier, increment) = stride(words, self.increment);
        Self { state: step(self.state, multiplier, increment), ..self }
    }

    #[inline]
    pub(crate) fn word(&mut self) -> u64 {
        self.state = step(self.state, MULTIPLIER, self.increment);
        output(self.state)
    }

    /// The next words.
    #[inline(always)]
    pub(crate) fn fill(&mut self, out: &mut [u64]) {
        let (multiplier, increment) = stride(LANES as u64, self.increment);
        let (blocks, rest) = out.as_chunks_mut::<LANES>();
        let mut state = self.state;
        let mut lanes = [0; LANES];
        for lane in &mut lanes {
            state = step(state, MULTIPLIER, self.increment);
            *lane = state;
        }
        for block in blocks {
            self.state = lanes[LANES - 1];
            for (word, lane) in block.iter_mut().zip(&mut lanes) {
                *word = output(*lane);
                *lane = step(*lane, multiplier, increment);
            }
        }
        for word in rest {
            *word = self.word();
        }
    }
}

#[inline(always)]
fn step(state: u128, multiplier: u128, increment: u128) -> u128 {
    state.wrapping_mul(multiplier).wrapping_add(increment)
}

/// XSL-RR: both halves, rotated by the upper six bits.
#[inline(always)]
fn output(state: u128) -> u64 {
    let high = (state >> 64) as u64;
    (high ^ state as u64).rotate_right((high >> 58) as u32)
}

/// Multiplier and increment of `steps` steps at once.
fn stride(mut steps: u64, increment: u128) -> (u128, u128) {
    let (mut multiplier, mut sum) = (1_u128, 0_u128);
    let (mut power, mut power_sum) = (MULTIPLIER, increment);
    while steps > 0 {
        if steps & 1 == 1 {
            multiplier = multiplier.wrapping_mul(power);
            sum = step(sum, power, power_sum);
        }
        power_sum = step(power_sum, power, power_sum);
        power = power.wrapping_mul(power);
        steps >>= 1;
    }
    (multiplier, sum)
}

fn wide(high: u64, low: u64) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}

/// `SeedSequence(entropy).generate_state(4, uint64)`.
fn seed_sequence(entropy: [u32; 2]) -> [u64; 4] {
    const MULTIPLY: u32 = 0x58F3_8DED;

    let pool = pool(entropy);
    let mut constant = 0x8B51_F9DD_u32;
    let mut words = [0; 8];
    for (word, pooled) in words.iter_mut().zip(pool.into_iter().cycle()) {
        let value = pooled ^ constant;
        constant = constant.wrapping_mul(MULTIPLY);
        let value = value.wrapping_mul(constant);
        *word = value ^ (value >> 16);
    }
    core::array::from_fn(|index| {
        u64::from(words[2 * index]) | (u64::from(words[2 * index + 1]) << 32)
    })
}

fn pool(entropy: [u32; 2]) -> [u32; 4] {
    const MULTIPLY: u32 = 0x931E_8875;
    const MIX: [u32; 2] = [0xCA01_F9DD, 0x4973_F715];

    let mut constant = 0x43B0_D7E5_u32;
    let mut hash = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(MULTIPLY);
        let value = value.wrapping_mul(constant);
        value ^ (value >> 16)
    };
    let mut pool = [entropy[0], entropy[1], 0, 0].map(&mut hash);
    for source in 0..pool.len() {
        for target in 0..pool.len() {
            if source != target {
                let hashed = hash(pool[source]);
                let mixed =
                    MIX[0].wrapping_mul(pool[target]).wrapping_sub(MIX[1].wrapping_mul(hashed));
                pool[target] = mixed ^ (mixed >> 16);
            }
        }
    }
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.SeedSequence([s, c]).generate_state(4, numpy.uint64)` and
    /// `numpy.random.PCG64(SeedSequence([s, c])).random_raw(3)`, NumPy 2.4.6.
    #[test]
    fn known_answers() {
        for (entropy, state, words) in [
            (
                [0, 0],
                [
                    0xDB2C_D7E7_B0F4_78BE,
                    0xABF4_641A_2C71_BA49,
                    0x20C6_ED6D_9D7B_8D41,
                    0x2C40_99DE_223C_39D4,
                ],
                [0xA30F_EBCF_D9C2_825F, 0x4510_BDF8_82D9_D721, 0x0A7D_3DA9_4ECD_E8B8],
            ),
            (
                [42, 0],
                [
                    0x9F1E_2E6D_CD54_0AB7,
                    0xD578_73DC_79FB_94B6,
                    0x7D28_2A1B_64D4_20B7,
                    0x3365_7971_4692_D5FF,
                ],
                [0xC621_FBCD_16D9_2688, 0x705A_5661_A791_FFC1, 0xDBCD_12C2_6EDA_1624],
            ),
            (
                [123_456_789, 5],
                [
                    0xEEE0_6B71_3E85_65E0,
                    0x75C9_E014_47B5_8A2F,
                    0xA948_E479_F640_0D25,
                    0x6D8C_0851_0F4F_FC25,
                ],
                [0x0B85_7F28_FCA6_A57F, 0xC9F5_8A11_8A13_2D35, 0x57B2_C794_C0CA_2111],
            ),
            (
                [4_294_967_295, 4_294_967_295],
                [
                    0xAEBC_A151_928C_AD0D,
                    0x119C_3044_8638_DC7A,
                    0x1BBB_1556_59E6_42A7,
                    0xA76B_11E3_E8C4_A8F6,
                ],
                [0xAE16_3A7A_8C47_568F, 0xD866_59F5_F338_2359, 0x01E5_2B19_5BC2_D24A],
            ),
        ] {
            assert_eq!(seed_sequence(entropy), state);
            let mut generator = Pcg64::new(entropy);
            assert_eq!([(); 3].map(|()| generator.word()), words);
        }
    }

    #[test]
    fn runs_and_jumps_equal_single_words() {
        let mut single = Pcg64::new([7, 3]);
        let words: alloc::vec::Vec<u64> = (0..1000).map(|_| single.word()).collect();
        for start in [0, 1, 2, 3, 4, 5, 63, 64, 511] {
            for length in [0, 1, 3, 4, 5, 8, 100] {
                let mut generator = Pcg64::new([7, 3]).advanced(start as u64);
                let mut run = alloc::vec![0; length];
                generator.fill(&mut run);
                assert_eq!(run, words[start..start + length]);
                assert_eq!(generator.word(), words[start + length]);
            }
        }
    }
}
