"""Keras's own `VarianceScaling`, on the backend that `KERAS_BACKEND` names."""

import keras
from worker import DISTRIBUTIONS, serve

BACKEND = keras.backend.backend()
PACKAGES = {
    "jax": ["keras", "jax", "jaxlib"],
    "tensorflow": ["keras", "tensorflow-cpu"],
    "torch": ["keras", "torch"],
    "numpy": ["keras", "numpy"],
}


def make(distribution, dtype):
    def prepare(shape):
        initializer = keras.initializers.VarianceScaling(1.0, "fan_in", distribution, seed=42)
        # JAX returns before the values are there.
        wait = (lambda x: x.block_until_ready()) if BACKEND == "jax" else (lambda x: x)
        return lambda: wait(initializer(shape, dtype=dtype))

    return prepare


CALLS = {
    ("VarianceScaling", distribution, dtype): make(distribution, dtype)
    for distribution in DISTRIBUTIONS
    for dtype in ("float32", "bfloat16")
    # NumPy has no bfloat16 of its own; the others' is timed for the truncated normal alone.
    if dtype == "float32" or (BACKEND != "numpy" and distribution == "truncated_normal")
}

serve(PACKAGES[BACKEND], CALLS)
