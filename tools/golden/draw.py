"""Draws all cases of one backend, in this process: draw.py BACKEND FOLDER.

`generate.py` starts it in the backend's environment. It leaves BACKEND.safetensors and BACKEND.json
(the versions it ran, and the entries of the index) in FOLDER.
"""

import importlib.metadata
import json
import platform
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import store
from cases import BACKENDS, Backend, Case, cases

CPU_FLAGS = ("avx2", "fma", "avx512f", "avx512_fp16")


def cpu_flags() -> list[str]:
    """Which extensions that frameworks' results may depend on the CPU has."""
    try:
        words = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        words = set()
    return [flag for flag in CPU_FLAGS if flag in words]


class Recorder:
    """Passes calls on to a sampler, and keeps the standard deviation or limit that it was given."""

    SAMPLERS = ("truncated_normal", "normal", "uniform", "random_normal", "random_uniform")

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler
        self.parameter = 0.0

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.sampler, name)
        if name not in self.SAMPLERS:
            return function

        def call(*args: Any, **kwargs: Any) -> Any:
            # Shape, mean or lower limit, standard deviation or upper limit.
            named = kwargs["maxval" if "maxval" in kwargs else "stddev"] if kwargs else None
            self.parameter = args[2] if named is None else named
            return function(*args, **kwargs)

        return call


class Keras3:
    """Keras 3, on the backend that KERAS_BACKEND names."""

    def __init__(self) -> None:
        import keras
        from keras.src.initializers import random_initializers

        self.keras = keras
        self.initializers = random_initializers
        self.recorder = random_initializers.random = Recorder(random_initializers.random)
        self.initializer: Any = None

    def draw(self, case: Case) -> tuple[np.ndarray, dict[str, Any]]:
        """The values of a case, and what Keras computed on the way."""
        axes = {"input_axes": case.input_axes, "output_axes": case.output_axes}
        if case.call_index == 0 and case.global_seed is not None:
            self.keras.utils.set_random_seed(case.global_seed)
        if case.call_index == 0 or case.seed_kind == "None":
            seed = case.seed
            if case.seed_kind == "SeedGenerator":
                seed = self.keras.random.SeedGenerator(seed)
            if case.class_name:
                made = getattr(self.keras.initializers, case.class_name)
                self.initializer = made(**case.config, seed=seed)
            else:
                self.initializer = self.keras.initializers.VarianceScaling(
                    case.scale, case.mode, case.distribution, seed, **axes
                )
        values = self.initializer(case.shape, dtype=case.dtype)
        fans = self.initializers.compute_fans(case.shape, **axes)
        drawn = {"drawn_seed": self.initializer.seed} if case.seed is None else {}
        # Keras's conversion fails for TensorFlow's scalars.
        tensorflow = self.keras.backend.backend() == "tensorflow"
        values = values.numpy() if tensorflow else self.keras.ops.convert_to_numpy(values)
        return values, drawn | ({} if case.class_name else found(fans, self.recorder))


class TfKeras:
    """tf_keras, with the rule of its own version or, `legacy`, that of tf.keras up to 2.9.

    The latter is still in tf_keras (RandomGenerator's "legacy_stateful", over TensorFlow's stateful
    operations), but its initializers no longer choose it: here it is put into them.
    """

    def __init__(self, legacy: bool) -> None:
        import tensorflow
        import tf_keras
        from tf_keras.src import backend
        from tf_keras.src.initializers import initializers

        self.tensorflow, self.tf_keras = tensorflow, tf_keras
        self.backend, self.initializers = backend, initializers
        self.legacy = legacy
        self.initializer: Any = None
        self.recorder: Any = None

    def draw(self, case: Case) -> tuple[np.ndarray, dict[str, Any]]:
        """The values of a case, and what tf_keras computed on the way."""
        if self.legacy and case.call_index == 0 and case.instance == 0:
            # Empties the kernel cache, too.
            self.tensorflow.random.set_seed(case.global_seed)
        if case.call_index == 0:
            if case.class_name:
                made = getattr(self.tf_keras.initializers, case.class_name)
                initializer = made(**case.config, seed=case.seed)
            else:
                initializer = self.tf_keras.initializers.VarianceScaling(
                    case.scale, case.mode, case.distribution, case.seed
                )
            generator = initializer._random_generator
            if self.legacy:
                generator = self.backend.RandomGenerator(case.seed, rng_type="legacy_stateful")
            self.initializer, self.recorder = initializer, Recorder(generator)
            initializer._random_generator = self.recorder
        values = self.initializer(case.shape, dtype=case.dtype)
        fans = self.initializers._compute_fans(case.shape)
        return values.numpy(), {} if case.class_name else found(fans, self.recorder)


def found(fans: tuple[int, int], recorder: Recorder) -> dict[str, Any]:
    """The fans and the parameter, as in the index."""
    bits = struct.pack(">d", recorder.parameter).hex()
    return {"fan_in": fans[0], "fan_out": fans[1], "param_bits": bits}


def described(case: Case) -> dict[str, Any]:
    """The fields of a case that mean something in it."""
    fields = vars(case).items()
    return {name: value for name, value in fields if name == "seed" or value is not None}


def draw_all(backend: Backend, folder: Path) -> None:
    """Draws and stores what this CPU can draw of a backend's cases."""
    framework: Keras3 | TfKeras
    if backend.name.startswith("tf_"):
        framework = TfKeras(legacy=backend.name == "tf_legacy")
    else:
        framework = Keras3()
    flags = cpu_flags()
    bits, entries = store.Bits(), []
    for number, case in enumerate(cases(backend)):
        values, computed = framework.draw(case)
        values = np.ascontiguousarray(values).reshape(-1)
        if values.dtype.name != case.dtype or values.size != case.size:
            raise TypeError(f"{case}: drew {values.size} values of {values.dtype}")
        if case.dtype == "float16" and backend.float16_cpu_flag not in (None, *flags):
            continue
        little = values.view(f"u{values.itemsize}").astype(f"<u{values.itemsize}").tobytes()
        entry = {"id": f"{backend.name}-{number:04}", "backend": backend.name}
        entries.append(entry | described(case) | computed | bits.add(little, values.itemsize))
    versions = {name: importlib.metadata.version(name) for name in backend.packages}
    made_on = versions | {"glibc": platform.libc_ver()[1], "cpu": flags}
    bits.write(folder / f"{backend.name}.safetensors")
    content = {"made_on": made_on, "cases": entries}
    (folder / f"{backend.name}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    (chosen,) = (backend for backend in BACKENDS if backend.name == sys.argv[1])
    draw_all(chosen, Path(sys.argv[2]))
