"""JAX: `jax.nn.initializers.variance_scaling`, compiled."""

import jax
import jax.numpy as jnp
from worker import serve

NAMES = {"truncated_normal": "truncated_normal", "untruncated_normal": "normal", "uniform": "uniform"}


def make(distribution, dtype):
    initializer = jax.nn.initializers.variance_scaling(1.0, "fan_in", NAMES[distribution])
    compiled = jax.jit(initializer, static_argnums=(1, 2))

    def prepare(shape):
        key = jax.random.key(42)
        return lambda: compiled(key, shape, jnp.dtype(dtype)).block_until_ready()

    return prepare


CALLS = {
    ("jit of nn.initializers.variance_scaling", distribution, dtype): make(distribution, dtype)
    for distribution in NAMES
    for dtype in ("float32", "bfloat16")
    if dtype == "float32" or distribution == "truncated_normal"
}

serve(["jax", "jaxlib"], CALLS)
