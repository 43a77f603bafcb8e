"""TensorFlow: `tf.random.stateless_*`, eager, which on a CPU returns when the values are there."""

import math

import tensorflow as tf
from worker import serve

SEED = (42, 0)


def truncated_normal(shape, dtype):
    stddev = math.sqrt(1 / shape[0]) / 0.87962566103423978
    return lambda: tf.random.stateless_truncated_normal(shape, SEED, 0.0, stddev, dtype)


def untruncated_normal(shape, dtype):
    stddev = math.sqrt(1 / shape[0])
    return lambda: tf.random.stateless_normal(shape, SEED, 0.0, stddev, dtype)


def uniform(shape, dtype):
    limit = math.sqrt(3 / shape[0])
    return lambda: tf.random.stateless_uniform(shape, SEED, -limit, limit, dtype)


def make(prepare, dtype):
    return lambda shape: prepare(shape, getattr(tf, dtype))


serve(
    ["tensorflow-cpu"],
    {
        (f"random.stateless_{call}", distribution, dtype): make(prepare, dtype)
        for call, distribution, prepare, dtype in (
            ("truncated_normal", "truncated_normal", truncated_normal, "float32"),
            ("normal", "untruncated_normal", untruncated_normal, "float32"),
            ("uniform", "uniform", uniform, "float32"),
            ("truncated_normal", "truncated_normal", truncated_normal, "bfloat16"),
        )
    },
)
