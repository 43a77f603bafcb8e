"""Operations on float32 in Triton that give IEEE's bits, whatever a compiler makes of them.

`zero` decides between two forms. Where it is None, the device's own rounded operations are used,
and the compiler is told not to fuse any: so it is on NVIDIA. Elsewhere it is the number 0, of which
the compiler does not know that it is: added to the bits of every result, it keeps operations apart,
so that none can be contracted or reordered; and what a division or a square root gives is a guess,
put right by its remainder, which is exact in integers modulo 2^32.
"""

import triton
import triton.language as tl


@triton.jit
def bits(x):
    """The bits of a float32."""
    return x.to(tl.uint32, bitcast=True)


@triton.jit
def signed(x):
    """Bits as a signed integer."""
    return x.to(tl.int32, bitcast=True)


@triton.jit
def real(x):
    """The float32 with these bits."""
    return x.to(tl.float32, bitcast=True)


@triton.jit
def _apart(x, zero):
    if zero is None:
        return x
    else:
        return real(bits(x) + zero.to(tl.uint32))


@triton.jit
def converted(x, zero):
    """A signed integer, rounded."""
    return _apart(x.to(tl.float32), zero)


@triton.jit
def add(x, y, zero):
    """x + y."""
    return _apart(x + y, zero)


@triton.jit
def multiply(x, y, zero):
    """x · y."""
    return _apart(x * y, zero)


@triton.jit
def divide(x, y, zero):
    """x / y of positive numbers, where neither of them nor the result is subnormal."""
    if zero is None:
        return tl.div_rn(x, y)
    else:
        return _corrected_quotient(x, y)


@triton.jit
def _corrected_quotient(x, y):
    a, b, guess = bits(x), bits(y), bits(guessed_quotient(x, y))
    m, n = _mantissa(a), _mantissa(b)
    # The quotient's mantissa is that of m 2^shift / n.
    below = (m < n).to(tl.uint32)
    scale = (a & 0x7F800000) - (b & 0x7F800000) + ((126 - below) << 23)
    rest = signed((m << (23 + below)) - (guess - scale) * n)
    # Right where it is at most half of n: a tie there is none.
    twice, n = 2 * rest, signed(n)
    off = (twice > n).to(tl.int32) - (twice < -n).to(tl.int32)
    off += (twice > 3 * n).to(tl.int32) - (twice < -3 * n).to(tl.int32)
    return real(guess + off.to(tl.uint32, bitcast=True))


@triton.jit
def square_root(x, zero):
    """The root of a positive number that is not subnormal."""
    if zero is None:
        return tl.sqrt_rn(x)
    else:
        return _corrected_root(x)


@triton.jit
def _corrected_root(x):
    a, guess = bits(x), bits(guessed_root(x))
    exponent = a >> 23
    shift = 24 - (exponent & 1)
    # The root's mantissa is that of m 2^shift, whose root g has 24 bits.
    scale = (((exponent + 150 - shift) >> 1) - 1) << 23
    g = guess - scale
    rest = signed((_mantissa(a) << shift) - g * g)
    # Right where the number is between (g - 1/2)^2 and (g + 1/2)^2; one off up to (g + 3/2)^2.
    g = signed(g)
    off = (rest > g).to(tl.int32) - (rest <= -g).to(tl.int32)
    off += (rest > 3 * g + 2).to(tl.int32) - (rest <= 2 - 3 * g).to(tl.int32)
    return real(guess + off.to(tl.uint32, bitcast=True))


@triton.jit
def _mantissa(a):
    return (a & 0x7FFFFF) | 0x800000


@triton.jit
def guessed_quotient(x, y):
    """x / y, up to two units in the last place off."""
    return x / y


@triton.jit
def guessed_root(x):
    """The root of x, up to two units in the last place off."""
    return tl.sqrt(x)


@triton.jit
def to_bfloat16(x):
    """The nearest bfloat16, ties to even, by its bits."""
    a = bits(x)
    return (a + 0x7FFF + ((a >> 16) & 1)) >> 16


@triton.jit
def to_float16(x):
    """The nearest float16, ties to even, by its bits."""
    sign = bits(x) & 0x80000000
    a = bits(x) ^ sign
    usual = (a - 0x38000000 + 0xFFF + ((a >> 13) & 1)) >> 13
    # Subnormal there: so many places are dropped.
    drop = tl.minimum(126 - (a >> 23), 31)
    one = tl.full(drop.shape, 1, tl.uint32)
    m = _mantissa(a)
    small = (m + ((one << (drop - 1)) - 1) + ((m >> drop) & 1)) >> drop
    rounded = tl.where(a < 0x38800000, small, usual)
    return tl.where(a < 0x47800000, rounded, 0x7C00) | (sign >> 16)
