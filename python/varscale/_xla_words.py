"""The words of the native stream, in integers of XLA: Philox4x32-10 of a tensor's indices."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# 32-bit words, and the product of two by its high and its low word.
Word = Any
Product = Callable[[Word, int], tuple[Word, Word]]

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


def by_32_bits(a: Word, m: int) -> tuple[Word, Word]:
    """A product by parts of 16 bits."""
    low, high = word(m & 0xFFFF), word(m >> 16)
    first, second = a & word(0xFFFF), a >> word(16)
    middle = second * low + ((first * low) >> word(16))
    rest = first * high + (middle & word(0xFFFF))
    return second * high + (middle >> word(16)) + (rest >> word(16)), a * word(m)


def by_64_bits(a: Word, m: int) -> tuple[Word, Word]:
    """A product by 64-bit integers, which JAX has under `jax.enable_x64`."""
    wide = lax.convert_element_type(a, jnp.uint64) * lax.convert_element_type(word(m), jnp.uint64)
    high = lax.shift_right_logical(wide, lax.full_like(wide, 32))
    return lax.convert_element_type(high, jnp.uint32), lax.convert_element_type(wide, jnp.uint32)


def philox(counter: Sequence[Word], key: Sequence[Word], product: Product) -> list[Word]:
    """Four words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        high0, low0 = product(c0, _MULTIPLIERS[0])
        high1, low1 = product(c2, _MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + word(_WEYL[0]), k1 + word(_WEYL[1])
    return [c0, c1, c2, c3]


def by_products(compute: Callable[..., Any], *operands: Any) -> Any:
    """`compute` of the operands and, last, of the product that the platform has."""

    def narrow(*operands: Any) -> Any:
        return compute(*operands, by_32_bits)

    def wide(*operands: Any) -> Any:
        with jax.enable_x64(True):
            return compute(*operands, by_64_bits)

    # TPUs have no 64-bit products.
    return lax.platform_dependent(*operands, tpu=narrow, default=wide)


def key_of(seed: Any, name: Sequence[Word]) -> tuple[Word, Word]:
    """The key of a seed's two words, high word first, and of the digest of a name."""
    return _key([jnp.asarray(part, jnp.uint32) for part in name], [seed[1], seed[0]])


@jax.jit  # type: ignore[untyped-decorator]
def _key(name: Sequence[Word], seed: Sequence[Word]) -> tuple[Word, Word]:
    first, second, *_ = by_products(philox, name, seed)
    return first, second


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
        high, low = by_32_bits(part, _PRIME)
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
            over, _ = by_32_bits(index, stride & 0xFFFFFFFF)
            total = low + part
            high = high + over + index * word(stride >> 32) + (total < part).astype(jnp.uint32)
            low = total
        else:
            low = low + part
        stride *= sizes[axis]
    if rows:
        return high, low, within
    return high >> word(2), (low >> word(2)) | (high << word(30)), low & word(3)


def words_of(
    shape: tuple[int, ...],
    box: Box | None,
    key: tuple[Word, Word],
    call: Any,
    product: Product,
) -> tuple[list[Word], Word]:
    """Of every element, or of those in a box, the four words of its counter, and which of them it
    takes."""
    high, low, within = _places(shape, box)
    counter = [
        low,
        high,
        jnp.broadcast_to(jnp.asarray(call, jnp.uint32), low.shape),
        jnp.zeros_like(low),
    ]
    return philox(counter, key, product), within


def chosen(words: list[Word], within: Word) -> Word:
    """The word of each element."""
    upper, odd = within >= word(2), (within & word(1)) != word(0)
    pairs = [jnp.where(odd, words[i + 1], words[i]) for i in (0, 2)]
    return jnp.where(upper, pairs[1], pairs[0])
