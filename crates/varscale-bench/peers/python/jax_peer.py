"""JAX: `jax.nn.initializers` and what they are made of, compiled."""

import math

import jax
import jax.numpy as jnp
from worker import serve

INIT = jax.nn.initializers
SCALED = "nn.initializers.variance_scaling"
TRUNCATED = "nn.initializers.truncated_normal"


def scaled(distribution):
    return INIT.variance_scaling(1.0, "fan_in", distribution)


def log_uniform(key, shape, dtype):
    return jnp.exp(jax.random.uniform(key, shape, dtype, math.log(0.001), math.log(0.1)))


def formula(key, shape, dtype):
    # Mamba's bias of dt, an inverse softplus.
    dt = jnp.maximum(log_uniform(key, shape, dtype), 1e-4)
    return dt + jnp.log(-jnp.expm1(-dt))


INITIALIZERS = {
    "truncated_normal": (SCALED, scaled("truncated_normal")),
    "untruncated_normal": (SCALED, scaled("normal")),
    "uniform": (SCALED, scaled("uniform")),
    "truncated_normal_3": (TRUNCATED, INIT.truncated_normal(0.02, lower=-3.0, upper=3.0)),
    "truncated_normal_tail": (TRUNCATED, INIT.truncated_normal(0.02, lower=2.0, upper=math.inf)),
    "log_uniform": ("exp, random.uniform", log_uniform),
    "formula": ("log, expm1, exp, random.uniform", formula),
}
# float64 only where all is; of 8 bits, truncated normals are NaN.
DTYPES = ["float32", "bfloat16", "float16"]


def make(initializer, dtype):
    compiled = jax.jit(initializer, static_argnums=(1, 2))

    def prepare(shape):
        key = jax.random.key(42)
        return lambda: compiled(key, shape, jnp.dtype(dtype)).block_until_ready()

    return prepare


serve(
    ["jax", "jaxlib"],
    {
        (f"jit of {call}", distribution, dtype): make(initializer, dtype)
        for distribution, (call, initializer) in INITIALIZERS.items()
        for dtype in DTYPES
    },
)
