//! Python's `random`, as far as Keras draws seeds with it.
//!
//! ```text
//! seed(n):       MT19937's init_by_array of the 32-bit digits of |n|, lowest first
//! getrandbits k: the upper k bits of the next word, k <= 32
//! randint(a, b): k = bit length of b - a + 1; draw k bits until they are below b - a + 1; add a
//! ```
//!
//! Source: CPython 3.11, `Lib/random.py` (`randint`, `_randbelow_with_getrandbits`) and
//! `Modules/_randommodule.c` (`random_seed`, `getrandbits`); unchanged since 3.2.
//!
//! - Keras 3 and `tf_keras` draw a seed that was not given as `randint(1, 10**9)` when the
//!   initializer is made. Under `keras.utils.set_random_seed(n)`, which calls `random.seed(n)`,
//!   these are the first draws after it, unless other code draws from `random` too.
//! - TensorFlow's eager context draws the seeds of operations that have none, under
//!   `tf.random.set_seed(n)`, as `Random(n).randint(0, 2**31 - 1)`.
//!
//! Fault of Python: the sign of a seed is lost, so that n and -n give the same sequence.

use super::mt19937::{BLOCK, Mt19937, temper};
use crate::simd::Level;

/// Python's `random.Random(seed)`: the seeds that Keras draws for initializers without one, after
/// `keras.utils.set_random_seed(seed)`.
///
/// ```
/// use varscale::{PythonRandom, Scheme, Stream};
/// // keras.utils.set_random_seed(7); GlorotUniform(); HeNormal()((2, 3))
/// let mut random = PythonRandom::new(7);
/// let _glorot = random.keras_seed();
/// let he = Scheme::he_normal().with_seed(random.keras_seed()).with_stream(Stream::KerasJax);
/// assert_eq!(he.seed().map(|seed| seed.value()), Some(161_973_070));
/// let values: Vec<f32> = he.sample([2, 3])?;
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PythonRandom {
    generator: Mt19937,
    words: [u32; BLOCK],
    next: usize,
}

impl PythonRandom {
    /// `random.Random(seed)`; the same as `random.seed(seed)` for Python's own generator.
    #[must_use]
    pub fn new(seed: i128) -> Self {
        let size = seed.unsigned_abs();
        let digits = [0, 32, 64, 96].map(|shift| (size >> shift) as u32);
        let length = digits.iter().rposition(|&digit| digit != 0).map_or(1, |last| last + 1);
        let generator = Mt19937::from_key(&digits[..length]);
        Self { generator, words: [0; BLOCK], next: BLOCK }
    }

    /// A seed that Keras 3 or `tf_keras` draws: `randint(1, 10**9)`.
    pub fn keras_seed(&mut self) -> u32 {
        1 + self.below(1_000_000_000)
    }

    /// A seed that TensorFlow draws for an operation: `randint(0, 2**31 - 1)`.
    pub fn tensorflow_seed(&mut self) -> u32 {
        self.below(1 << 31)
    }

    fn word(&mut self) -> u32 {
        if self.next == BLOCK {
            self.generator.blocks(Level::best(), &mut self.words);
            self.next = 0;
        }
        self.next += 1;
        temper(self.words[self.next - 1])
    }

    /// `_randbelow`, for a bound that is not zero. Two draws at most on average.
    fn below(&mut self, bound: u32) -> u32 {
        let unused = bound.leading_zeros();
        loop {
            let bits = self.word() >> unused;
            if bits < bound {
                return bits;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by CPython 3.11.7.
    #[test]
    fn known_answers() {
        for (seed, keras, tensorflow) in [
            (
                0_i128,
                [906_691_060, 413_654_000, 813_847_340, 955_892_129],
                [1_654_615_998, 1_806_341_205, 173_879_092, 1_112_038_970],
            ),
            (
                1_i128,
                [144_272_510, 611_178_003, 909_925_048, 861_425_549],
                [577_090_037, 271_041_745, 1_095_513_148, 506_456_969],
            ),
            (
                42_i128,
                [686_579_304, 119_540_832, 26_855_093, 796_233_791],
                [478_163_327, 107_420_369, 1_181_241_943, 1_051_802_512],
            ),
            (
                -42_i128,
                [686_579_304, 119_540_832, 26_855_093, 796_233_791],
                [478_163_327, 107_420_369, 1_181_241_943, 1_051_802_512],
            ),
            (
                7_i128,
                [347_712_783, 161_973_070, 423_938_500, 698_935_573],
                [1_390_851_128, 647_892_279, 1_695_753_998, 207_388_624],
            ),
            (
                4_294_967_295_i128,
                [682_209_859, 665_256_254, 218_184_273, 231_223_275],
                [872_737_089, 924_893_097, 1_251_276_551, 1_460_408_326],
            ),
            (
                4_294_967_296_i128,
                [121_326_710, 377_217_776, 448_640_322, 17_906_119],
                [485_306_839, 1_508_871_100, 1_794_561_286, 71_624_475],
            ),
            (
                9_223_372_036_854_775_807_i128,
                [339_994_856, 704_963_891, 677_809_523, 142_469_593],
                [1_359_979_423, 569_878_368, 2_108_559_838, 1_947_612_296],
            ),
            (
                -9_223_372_036_854_775_808_i128,
                [594_277_443, 422_938_368, 224_770_963, 259_839_419],
                [1_691_753_470, 899_083_848, 1_039_357_674, 364_023_093],
            ),
            (
                18_446_744_073_709_551_621_i128,
                [548_229_357, 771_318_297, 944_633_663, 609_155_837],
                [431_868_551, 1_490_936_539, 286_073_219, 1_349_615_284],
            ),
            (
                79_228_162_514_264_337_593_543_950_336_i128,
                [346_671_941, 773_594_274, 505_022_179, 481_738_780],
                [1_386_687_762, 2_020_088_715, 1_926_955_118, 405_140_012],
            ),
            (
                170_141_183_460_469_231_731_687_303_715_884_105_727_i128,
                [974_269_825, 687_403_585, 452_646_564, 264_135_773],
                [1_810_586_253, 1_056_543_091, 1_156_876_240, 415_857_057],
            ),
            (
                -170_141_183_460_469_231_731_687_303_715_884_105_728_i128,
                [926_338_077, 483_136_478, 134_217_904, 945_923_571],
                [1_932_545_909, 536_871_613, 1_875_239_173, 996_867_707],
            ),
        ] {
            let mut random = PythonRandom::new(seed);
            assert_eq!(core::array::from_fn(|_| random.keras_seed()), keras, "{seed}");
            let mut random = PythonRandom::new(seed);
            assert_eq!(core::array::from_fn(|_| random.tensorflow_seed()), tensorflow, "{seed}");
        }
    }
}
