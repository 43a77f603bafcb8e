"""Which draws are recorded: the backends, and the cases of each."""

import dataclasses
import itertools
import math
from collections.abc import Iterator

DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")
# The grid walks through these side by side, so that every pair meets.
MODES = ("fan_in", "fan_out", "fan_avg")
SCALES = (1.0, 2.0, 0.1, 3.7)
SEEDS = (0, 1, 42, 1337, 123456789)
# Scalars, empty shapes, both sides of 4 and 16 values, 1 to 4 axes.
LINES = tuple((size,) for size in (0, 1, 3, 4, 5, 15, 16, 17, 31, 100))
SMALL_SHAPES = ((), *LINES, (4, 0), (7, 9), (2, 3, 5), (3, 3, 8, 16), (1000,))
# The second does not fit one block of any framework's.
LARGE_SHAPES = ((100, 1000), (1100, 1000))

NORMALS = ((1.5, 0.3), (-0.013, 0.7), (0.2, 1.3), (100.0, 0.01), (-3.0, 2.0))
OFF_CENTRE = {
    "RandomNormal": NORMALS,
    "TruncatedNormal": NORMALS,
    "RandomUniform": ((0.0, 1.0), (0.1, 0.7), (-0.02, 0.05), (-0.3, 1.7), (-3.0, -1.0)),
}
# Below 4 and 16 torch has other algorithms.
OFF_CENTRE_SHAPES = ((3,), (15,), (17,), (100,), (131, 93))

# Seeds next to a power of two that a framework reduces or refuses.
UNSIGNED_SEEDS = (2**31 - 2, 2**31 - 1, 2**31, 2**32 - 1)
TORCH_SEEDS = (*UNSIGNED_SEEDS, -1, 2**32, 2**32 + 5, -(2**31))
TENSORFLOW_SEEDS = (*UNSIGNED_SEEDS, -1, 2**32 + 5, 2**63 - 1, -(2**63))


@dataclasses.dataclass(frozen=True)
class Backend:
    """A framework in one configuration, which runs in a process of its own."""

    name: str
    environment: str
    variables: dict[str, str]
    packages: tuple[str, ...]
    seeds: tuple[int, ...]
    dtypes: tuple[str, ...] = ("float32", "float64", "bfloat16", "float16")
    # What the CPU must have for the float16 values.
    float16_cpu_flag: str | None = None


JAX = ("keras", "jax", "jaxlib", "numpy")
TF_KERAS = ("tf_keras", "tensorflow-cpu", "numpy")

# In the order of the index.
BACKENDS = (
    Backend("numpy", "jax", {"KERAS_BACKEND": "numpy"}, ("keras", "numpy"), UNSIGNED_SEEDS),
    Backend("torch", "torch", {"KERAS_BACKEND": "torch"}, ("keras", "torch", "numpy"), TORCH_SEEDS),
    Backend(
        "jax_x64",
        "jax",
        {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"},
        JAX,
        UNSIGNED_SEEDS,
        dtypes=("float64",),
    ),
    Backend(
        "tensorflow",
        "tensorflow",
        {"KERAS_BACKEND": "tensorflow"},
        ("keras", "tensorflow-cpu", "numpy"),
        TENSORFLOW_SEEDS,
    ),
    Backend("tf_keras", "tensorflow", {}, TF_KERAS, TENSORFLOW_SEEDS),
    Backend("tf_legacy", "tensorflow", {}, TF_KERAS, TENSORFLOW_SEEDS),
    Backend(
        "jax",
        "jax",
        {"KERAS_BACKEND": "jax"},
        JAX,
        UNSIGNED_SEEDS,
        dtypes=("float32", "bfloat16", "float16"),
        float16_cpu_flag="avx512_fp16",
    ),
    Backend(
        "jax_avx2",
        "jax",
        {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
        JAX,
        UNSIGNED_SEEDS,
        dtypes=("float16",),
    ),
)


@dataclasses.dataclass(frozen=True)
class Case:
    """One call of one initializer.

    A case with `call_index` above 0 follows on the one before it: the same initializer, or, with
    `seed_kind` "None", the next initializer made without a seed after `global_seed` was set.
    """

    distribution: str | None
    mode: str | None
    scale: float | None
    shape: tuple[int, ...]
    dtype: str
    seed: int | None
    seed_kind: str = "int"
    call_index: int = 0
    input_axes: tuple[int, ...] | None = None
    output_axes: tuple[int, ...] | None = None
    global_seed: int | None = None
    # tf_legacy: a second initializer with the same seed finds the first one's kernels in the cache,
    # whose generators have moved on by `kernel_prior_elements`.
    instance: int | None = None
    kernel_prior_elements: int | None = None
    # Another initializer than VarianceScaling, with its arguments in place of those above.
    class_name: str | None = None
    config: dict[str, float] | None = None

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)


def _grid(dtypes: tuple[str, ...]) -> Iterator[Case]:
    """Every distribution, dtype and shape, each with the next mode, scale and seed."""
    small = list(itertools.product(dtypes, DISTRIBUTIONS, SMALL_SHAPES))
    large = list(itertools.product(dtypes, DISTRIBUTIONS, LARGE_SHAPES))
    for i, (dtype, distribution, shape) in enumerate([*small, *large]):
        seed = SEEDS[(i // 2 if i < len(small) else i) % len(SEEDS)]
        mode, scale = MODES[i % len(MODES)], SCALES[i % len(SCALES)]
        yield Case(distribution, mode, scale, shape, dtype, seed)


def _off_centre(dtypes: tuple[str, ...]) -> Iterator[Case]:
    """Means and limits that are not centred on 0, where the order of the roundings shows."""
    for dtype, (class_name, numbers) in itertools.product(dtypes, OFF_CENTRE.items()):
        names = ("minval", "maxval") if class_name == "RandomUniform" else ("mean", "stddev")
        for seed, (pair, shape) in enumerate(zip(numbers, OFF_CENTRE_SHAPES, strict=True), 42):
            case = Case(None, None, None, shape, dtype, seed)
            config = dict(zip(names, pair, strict=True))
            yield dataclasses.replace(case, class_name=class_name, config=config)


def _keras_calls(dtype: str) -> Iterator[Case]:
    """Generators, explicit axes, repeated calls and unset seeds in Keras 3."""
    for seed, distribution in itertools.product((0, 42), DISTRIBUTIONS):
        for call in range(4):
            yield Case(distribution, "fan_avg", 2.0, (3, 5), dtype, seed, "SeedGenerator", call)
    for distribution in DISTRIBUTIONS:
        case = Case(distribution, "fan_avg", 1.0, (4, 5, 6), dtype, 0)
        yield dataclasses.replace(case, input_axes=(0,), output_axes=(1, 2))
    yield from _repeated(dtype)
    unseeded = Case("truncated_normal", "fan_in", 1.0, (6,), dtype, None, "None", global_seed=42)
    for call in range(3):
        yield dataclasses.replace(unseeded, call_index=call)


def _repeated(dtype: str) -> Iterator[Case]:
    """One initializer, called twice."""
    for call in range(2):
        yield Case("truncated_normal", "fan_in", 1.0, (6,), dtype, 1, "int", call)


def _legacy_calls() -> Iterator[Case]:
    """Sequences of calls in tf.keras 2.9, where the process's past enters."""
    kinds = itertools.product((None, 7), DISTRIBUTIONS, ("float32", "float64"), (0, 42))
    for global_seed, distribution, dtype, seed in kinds:
        case = Case(distribution, "fan_avg", 2.0, (3, 5), dtype, seed, global_seed=global_seed)
        for instance, call in itertools.product(range(2), range(4)):
            yield _in_process(case, call, instance)
    plain = Case("truncated_normal", "fan_in", 1.0, (9,), "float32", 0, global_seed=0)
    unseeded = dataclasses.replace(plain, seed=None, global_seed=7)
    for case, calls in ((plain, 2), (unseeded, 3)):
        for call in range(calls):
            yield _in_process(case, call)


def _in_process(case: Case, call: int = 0, instance: int = 0) -> Case:
    """The case with its place in a tf.keras 2.9 process."""
    prior = instance * case.size
    return dataclasses.replace(
        case, call_index=call, instance=instance, kernel_prior_elements=prior
    )


def cases(backend: Backend) -> Iterator[Case]:
    """All cases of a backend, in the order in which they are drawn and stored."""
    legacy = backend.name == "tf_legacy"
    first = backend.dtypes[0]
    edges = itertools.product(backend.seeds, DISTRIBUTIONS)
    edge = (Case(name, "fan_in", 1.0, (20,), first, seed) for seed, name in edges)
    for case in itertools.chain(_grid(backend.dtypes), edge):
        yield _in_process(case) if legacy else case
    if legacy:
        yield from _legacy_calls()
    elif backend.name == "tf_keras":
        yield from _repeated(first)
    else:
        yield from _keras_calls(first)
    for case in _off_centre(backend.dtypes):
        yield _in_process(case) if legacy else case
