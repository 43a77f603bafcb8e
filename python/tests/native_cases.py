"""Laws of the native stream that compiled programs draw, and what is expected of them."""

import math

import numpy as np

from varscale import _xla
from varscale._core import Scheme

_BOUNDS = {
    "wide": (-3.0, 3.0),
    "tails on both sides": (-6.0, 6.0),
    "narrow": (1e-3, 2e-3),
    "one-sided": (0.0, 1.0),
    "one-sided, with a tail": (0.0, 9.0),
    "mirrored": (-1.5, 1.0),
    "mirrored, with a tail": (-9.0, -0.2),
    "in a tail": (5.0, 6.0),
    "far": (20.0, 21.0),
    "far, mirrored": (-37.0, -30.0),
    "open above": (2.5, math.inf),
    "open below": (-math.inf, 0.5),
}

LAWS = {
    "uniform": ("RandomUniform", -0.25, 0.25),
    "uniform between two numbers": ("RandomUniform", -0.25, 1.5),
    "truncated normal": ("TruncatedNormal", 0.0, 0.05),
    "truncated normal around a mean": ("TruncatedNormal", 0.3, 0.7),
    "normal": ("RandomNormal", 0.0, 0.7),
    "normal around a mean": ("RandomNormal", -0.1, 1e-3),
    **{name: ("TruncatedNormal", 0.0, 0.7, *at) for name, at in _BOUNDS.items()},
    "bounded around a mean": ("TruncatedNormal", 0.2, 0.7, -1.0, 4.0),
    "bounded, of a small deviation": ("TruncatedNormal", 0.0, 1e-12, -1.0, 4.0),
}

# One of each formula.
FORMULAS = ["uniform", "truncated normal", "normal", "mirrored, with a tail"]

DTYPES = ["float32", "bfloat16", "float16"]


def dtypes_of(law):
    """Those that a law has values in: some are all smaller than what float16 has."""
    return DTYPES[:2] if law == "bounded, of a small deviation" else DTYPES


def draw_of(law, shape, seed=42, **options):
    """A draw of Rust's kernel."""
    return Scheme(*LAWS[law]).draw(shape, seed, "native", **options)


def key_of(seed):
    """Philox's key of a seed."""
    return np.array(draw_of("uniform", (1,), seed).native().key, np.uint32)


def values(law, shape, dtype, key, call=0):
    """The same draw in XLA, by the key."""
    return _xla.values(key, call, shape, _xla.law_of(draw_of(law, shape), dtype), dtype)


def expected(law, shape, dtype, seed=42, **options):
    """What it has to be."""
    draw = draw_of(law, shape, seed, **options)
    return draw.array(dtype, (0,) * len(shape), shape)


def same(drawn, array):
    """Whether shape, dtype and all bits are the same."""
    drawn = np.asarray(drawn)
    alike = drawn.shape == array.shape and drawn.dtype == array.dtype
    kind = f"u{array.dtype.itemsize}"
    return alike and np.array_equal(drawn.view(kind), array.view(kind))
