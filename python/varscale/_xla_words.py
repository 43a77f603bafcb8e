"""The words of the native stream, in integers of XLA: Philox4x32-10 of a tensor's indices."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# 32 bits.
Word = Any

# A part of a tensor: where it begins, and how far it reaches.
Box = tuple[tuple[int, ...], tuple[int, ...]]

_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10

# FNV-1a with 128 bits: what a hash starts from, and the prime's words but the one that shifts.
_BASIS = 0x62B82175_6295C58D, 0x6C62272E_07BB0142
_PRIME = 0x13B


def word(value: int) -> np.uint32:
    """The low 32 bits."""
    return np.uint32(value & 0xFFFFFFFF)


class Products(NamedTuple):
    """How a platform multiplies words.

    `type`: what holds a word from one product to the next, so that none is packed and unpacked in
    between. `of`: the product of two such words, by its high and its low one.
    """

    type: Any
    of: Callable[[Word, Word], tuple[Word, Word]]

    def hold(self, given: Word) -> Word:
        """A word in that type."""
        return lax.convert_element_type(given, self.type)


def _by_16_bits(a: Word, b: Word) -> tuple[Word, Word]:
    low, high = b & word(0xFFFF), b >> word(16)
    first, second = a & word(0xFFFF), a >> word(16)
    middle = second * low + ((first * low) >> word(16))
    rest = first * high + (middle & word(0xFFFF))
    return second * high + (middle >> word(16)) + (rest >> word(16)), a * b


def _by_64_bits(a: Word, b: Word) -> tuple[Word, Word]:
    wide = a.astype(jnp.uint64) * b.astype(jnp.uint64)
    return wide >> np.uint64(32), wide & np.uint64(0xFFFFFFFF)


def _by_64_bits_of_32(a: Word, b: Word) -> tuple[Word, Word]:
    high, low = _by_64_bits(a, b)
    return high.astype(jnp.uint32), low.astype(jnp.uint32)


# TPUs have no 64-bit products, a GPU has one of 32-bit words, and the vectors of a CPU multiply the
# lower halves of 64-bit ones. JAX has 64 bits under `jax.enable_x64`.
PRODUCTS = {
    "tpu": Products(jnp.uint32, _by_16_bits),
    "default": Products(jnp.uint32, _by_64_bits_of_32),
    "cpu": Products(jnp.uint64, _by_64_bits),
}


def philox(
    counter: Sequence[Word], key: Sequence[Word], last: Any, products: Products
) -> tuple[Word, Word]:
    """Two of a counter's four words: the first ones or, where it says so, the last ones, each of
    which a single product of the last round makes."""
    hold = products.hold
    c0, c1, c2, c3 = map(hold, counter)
    k0, k1 = (jnp.asarray(part, jnp.uint32) for part in key)
    m0, m1 = (hold(word(multiplier)) for multiplier in _MULTIPLIERS)
    for _ in range(_ROUNDS - 1):
        (high0, low0), (high1, low1) = products.of(c0, m0), products.of(c2, m1)
        c0, c1, c2, c3 = high1 ^ c1 ^ hold(k0), low1, high0 ^ c3 ^ hold(k1), low0
        k0, k1 = k0 + word(_WEYL[0]), k1 + word(_WEYL[1])
    high, low = products.of(jnp.where(last, c0, c2), jnp.where(last, m0, m1))
    high = high ^ jnp.where(last, c3 ^ hold(k1), c1 ^ hold(k0))
    return high.astype(jnp.uint32), low.astype(jnp.uint32)


def by_products(compute: Callable[..., Any], *operands: Any) -> Any:
    """`compute` of the operands and, last, of the products that the platform has."""

    def on(platform: str) -> Callable[..., Any]:
        def computed(*operands: Any) -> Any:
            with jax.enable_x64(platform != "tpu"):
                return compute(*operands, PRODUCTS[platform])

        return computed

    return lax.platform_dependent(*operands, **{platform: on(platform) for platform in PRODUCTS})


def key_of(seed: Any, name: Sequence[Word]) -> tuple[Word, Word]:
    """The key of a seed's two words, high word first, and of the digest of a name."""
    return _key([jnp.asarray(part, jnp.uint32) for part in name], [seed[1], seed[0]])


@jax.jit  # type: ignore[untyped-decorator]
def _key(name: Sequence[Word], seed: Sequence[Word]) -> tuple[Word, Word]:
    def first(name: Sequence[Word], seed: Sequence[Word], products: Products) -> Any:
        return philox(name, seed, False, products)

    return by_products(first, name, seed)


def digest_of_numbers(words: Any) -> list[Word]:
    """The digest of a name that consists of these words in decimal, with commas between them."""
    # Of the words' type, as a loop keeps it.
    basis = [word(half >> shift) for half in _BASIS for shift in (0, 32)]
    state: list[Word] = [(words[0] & word(0)) | part for part in basis]
    for at in range(words.shape[0]):
        if at:
            state = _with_byte(state, jnp.uint32(ord(",")))
        # A loop: it takes a fraction of the time to compile.
        state = lax.fori_loop(0, 10, partial(_with_digit, words[at]), state)
    return state


def _with_digit(number: Word, at: Any, state: list[Word]) -> list[Word]:
    """A hash with one of a number's ten digits, where that is written: leading zeros are not."""
    power = jnp.array([10**power for power in range(9, -1, -1)], jnp.uint32)[at]
    further = _with_byte(state, number // power % word(10) + word(ord("0")))
    written = (number >= power) | (power == word(1))
    return [jnp.where(written, new, old) for new, old in zip(further, state, strict=True)]


def _with_byte(state: Sequence[Word], byte: Word) -> list[Word]:
    """A hash with one more byte: times 2^88 + 0x13b."""
    first, *others = state
    state = [first ^ byte, *others]
    carry, product = jnp.zeros_like(byte), []
    for part in state:
        high, low = _by_16_bits(part, word(_PRIME))
        total = low + carry
        carry = high + (total < low).astype(jnp.uint32)
        product.append(total)
    shifted = state[0] << word(24)
    product[2], carry = product[2] + shifted, (product[2] + shifted < shifted).astype(jnp.uint32)
    product[3] = product[3] + carry + ((state[1] << word(24)) | (state[0] >> word(8)))
    return product


def _places(shape: tuple[int, ...], box: Box | None = None) -> tuple[Word, Word, Word]:
    """Of every element, or of those in a box, the high and the low word of its counter, and which
    word it takes.

    An index is a sum over the axes, as a compiler that divides an axis among devices needs it.
    """
    rows = bool(shape) and shape[-1] % 4 == 0
    # Where four neighbours share a counter, counters are counted along the last axis.
    sizes = (*shape[:-1], shape[-1] // 4) if rows else shape
    wide = math.prod(sizes) > 1 << 32
    offset, extent = box or ((0,) * len(shape), shape)
    high, low = jnp.zeros(extent, jnp.uint32), jnp.zeros(extent, jnp.uint32)
    within, stride = low, 1
    for axis in reversed(range(len(shape))):
        index = lax.broadcasted_iota(jnp.uint32, extent, axis)
        if offset[axis]:
            index = index + word(offset[axis])
        if rows and axis == len(shape) - 1:
            within, index = index & word(3), index >> word(2)
        part = index * word(stride)
        if wide:
            over, _ = _by_16_bits(index, word(stride))
            total = low + part
            high = high + over + index * word(stride >> 32) + (total < part).astype(jnp.uint32)
            low = total
        else:
            low = low + part
        stride *= sizes[axis]
    if rows:
        return high, low, within
    return high >> word(2), (low >> word(2)) | (high << word(30)), low & word(3)


def pairs_of(
    shape: tuple[int, ...],
    box: Box | None,
    key: tuple[Word, Word],
    call: Any,
    products: Products,
) -> tuple[tuple[Word, Word], Any]:
    """Of every element, or of those in a box, the pair of words among its counter's four that it is
    of, and whether it is the second of it."""
    high, low, within = _places(shape, box)
    call = jnp.broadcast_to(jnp.asarray(call, jnp.uint32), low.shape)
    counter = [low, high, call, jnp.zeros_like(low)]
    pair = philox(counter, key, within >= word(2), products)
    return pair, (within & word(1)) != word(0)
