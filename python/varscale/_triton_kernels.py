"""The kernels in Triton that draw, and those that verify what they are made of."""

import triton
import triton.language as tl

from varscale._triton_exact import add, multiply, to_bfloat16, to_float16
from varscale._triton_laws import standard


@triton.jit
def _philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10."""
    for _ in tl.static_range(10):
        high0 = tl.umulhi(c0, 0xD2511F53)
        high2 = tl.umulhi(c2, 0xCD9E8D57)
        low0, low2 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = high2 ^ c1 ^ k0, low2, high0 ^ c3 ^ k1, low0
        k0 += 0x9E3779B9
        k1 += 0xBB67AE85
    return c0, c1, c2, c3


@triton.jit
def _stored(x, DTYPE: tl.constexpr):
    """What is stored of float32: the 16 bits, where the dtype has so many."""
    if DTYPE == "bfloat16":
        return to_bfloat16(x).to(tl.uint16)
    elif DTYPE == "float16":
        return to_float16(x).to(tl.uint16)
    else:
        tl.static_assert(DTYPE == "float32")
        return x


# Compiled once for all numbers.
_NUMBERS = ["length", "rows", "counters", "stride", "first", "key0", "key1", "call", "zero"]


@triton.jit(do_not_specialize=_NUMBERS)
def draw(
    out,
    length: tl.int64,
    rows: tl.int64,
    counters: tl.int64,
    stride: tl.int64,
    first: tl.int64,
    key0: tl.int32,
    key1: tl.int32,
    call: tl.int32,
    scale,
    shift,
    low,
    high,
    bounds,
    zero,
    LAW: tl.constexpr,
    TAILS: tl.constexpr,
    MIRRORED: tl.constexpr,
    DTYPE: tl.constexpr,
    FORM: tl.constexpr,
    COUNTERS: tl.constexpr,
):
    """Draws `rows` runs of `length` values, which lie one after the other in `out`.

    The first one starts at the index `first` of the whole tensor, each other one `stride` after the
    one before, and each is drawn from so many `counters`. FORM is "rows"; for one run, "run"; and
    "programs" where none of the values that programs draw is left out.
    """
    place = tl.program_id(0).to(tl.int64) * COUNTERS
    counter = place + tl.arange(0, COUNTERS)
    at = 4 * place + tl.arange(0, 4 * COUNTERS)
    if FORM == "rows":
        row = counter // counters
        start = first + row * stride
        within = 4 * (counter - row * counters) - (start & 3)
        counter = (start + within) >> 2
        row, within = _four_times(row), _four_times(within) + (at & 3)
        mask = (within >= 0) & (within < length) & (row < rows)
        at = row * length + within
    else:
        counter += first >> 2
        if FORM == "run":
            at -= first & 3
            mask = (at >= 0) & (at < length)
    c0, c1 = counter.to(tl.uint32), (counter >> 32).to(tl.uint32)
    c2 = tl.zeros_like(c0) + call.to(tl.uint32, bitcast=True)
    k0, k1 = key0.to(tl.uint32, bitcast=True), key1.to(tl.uint32, bitcast=True)
    c0, c1, c2, c3 = _philox(c0, c1, c2, tl.zeros_like(c0), k0, k1)
    value = standard(c0, c1, c2, c3, bounds, zero, LAW, TAILS, MIRRORED)
    value = add(multiply(value, scale, zero), shift, zero)
    value = tl.where(value < low, low, value)
    value = tl.where(value > high, high, value)
    value = _stored(value, DTYPE)
    if FORM == "programs":
        tl.store(out + at, value)
    else:
        tl.store(out + at, value, mask=mask)


@triton.jit
def _four_times(x):
    twice = tl.interleave(x, x)
    return tl.interleave(twice, twice)


@triton.jit(do_not_specialize=["length", "zero"])
def values(
    out,
    words,
    length: tl.int64,
    bounds,
    zero,
    LAW: tl.constexpr,
    TAILS: tl.constexpr,
    MIRRORED: tl.constexpr,
    COUNTERS: tl.constexpr,
):
    """The standard values of words, as many as a multiple of four, signed."""
    place = 4 * (tl.program_id(0).to(tl.int64) * COUNTERS + tl.arange(0, COUNTERS))
    mask = place < length
    c0 = tl.load(words + place, mask=mask, other=0).to(tl.uint32, bitcast=True)
    c1 = tl.load(words + place + 1, mask=mask, other=0).to(tl.uint32, bitcast=True)
    c2 = tl.load(words + place + 2, mask=mask, other=0).to(tl.uint32, bitcast=True)
    c3 = tl.load(words + place + 3, mask=mask, other=0).to(tl.uint32, bitcast=True)
    value = standard(c0, c1, c2, c3, bounds, zero, LAW, TAILS, MIRRORED)
    at = 4 * tl.program_id(0).to(tl.int64) * COUNTERS + tl.arange(0, 4 * COUNTERS)
    tl.store(out + at, value, mask=at < length)


@triton.jit(do_not_specialize=["length"])
def rounded(out, numbers, length: tl.int64, DTYPE: tl.constexpr, COUNTERS: tl.constexpr):
    """Numbers of float32, rounded: four for each counter that would draw them."""
    at = 4 * tl.program_id(0).to(tl.int64) * COUNTERS + tl.arange(0, 4 * COUNTERS)
    mask = at < length
    number = tl.load(numbers + at, mask=mask, other=0)
    tl.store(out + at, _stored(number, DTYPE), mask=mask)
