"""NumPy: its generator's float32 draws, scaled in place. It has no truncated normal."""

import math

import numpy as np
from worker import serve

generator = np.random.default_rng(42)


def untruncated_normal(shape):
    stddev = np.float32(math.sqrt(1 / shape[0]))

    def draw():
        values = generator.standard_normal(shape, np.float32)
        values *= stddev
        return values

    return draw


def uniform(shape):
    limit = np.float32(math.sqrt(3 / shape[0]))

    def draw():
        values = generator.random(shape, np.float32)
        values *= 2 * limit
        values -= limit
        return values

    return draw


serve(
    ["numpy"],
    {
        ("Generator.standard_normal", "untruncated_normal", "float32"): untruncated_normal,
        ("Generator.random", "uniform", "float32"): uniform,
    },
)
