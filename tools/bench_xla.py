"""Measures what compiled functions draw, beside JAX's own initializers, in shuffled turns of one run.

    python tools/bench_xla.py RECORD.json [ROUNDS]    # in an environment with varscale and JAX

The record is of one machine that does nothing else; its tables are printed. Each number of devices
has a process of its own, since XLA divides the CPU into devices once; so has each way to initialize
a model, for the sake of its peak memory.
"""

import json
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jax
import numpy as np
import varscale.jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

SIZES = [(4096, 4096), (64, 64)]
DTYPES = ["float32", "bfloat16"]
DEVICES = [1, 8]
# What a sample takes at least, in seconds; a case, compiled or called once.
LEAST = 0.02

# Laws by our names, JAX's initializers of the same names and arguments, and its random functions.
LAWS: dict[str, tuple[str, tuple[Any, ...], Callable[..., Any]]] = {
    "truncated normal": (
        "he_normal",
        (),
        lambda *of: jax.random.truncated_normal(of[0], -2.0, 2.0, *of[1:]),
    ),
    "uniform": (
        "he_uniform",
        (),
        lambda *of: jax.random.uniform(*of, minval=-0.05, maxval=0.05),
    ),
    "normal": ("normal", (0.02,), jax.random.normal),
    "normal in [-1, 3]": (
        "truncated_normal",
        (0.02, None, -1.0, 3.0),
        lambda *of: jax.random.truncated_normal(of[0], -1.0, 3.0, *of[1:]),
    ),
}

# 166 million parameters: layers of attention and a gated network, an embedding and a head.
WIDTH, HIDDEN, LAYERS, TOKENS = 768, 2048, 12, 52736
_LAYER = 4 * [(WIDTH, WIDTH)] + 2 * [(WIDTH, HIDDEN)] + [(HIDDEN, WIDTH)]
MODEL = LAYERS * _LAYER + [(TOKENS, WIDTH), (WIDTH, TOKENS)]
MODELS = ["ours", "ours, callback", "jax.nn"]
MODEL_ROUNDS = 5


def sharding() -> NamedSharding:
    """The first axis, divided among all devices."""
    mesh = jax.make_mesh((jax.device_count(),), ("x",), (AxisType.Auto,))
    return NamedSharding(mesh, PartitionSpec("x"))


def seconds(call: Callable[[], Any], times: int = 1) -> float:
    """What some calls take, one after another."""
    start = time.perf_counter()
    for _ in range(times):
        jax.block_until_ready(call())
    return (time.perf_counter() - start) / times


def case(law: str, way: str, size: tuple[int, ...], dtype: str) -> dict[str, Any]:
    """One way to draw, compiled: what to call, and what is known of it."""
    name, arguments, function = LAWS[law]
    ours = getattr(varscale.jax, name)(*arguments)
    theirs = getattr(jax.nn.initializers, name)(*arguments)
    to, key = sharding(), jax.random.key(42)
    known = {"law": law, "way": way, "size": size, "dtype": dtype, "samples": []}
    if way == "ours, eager":
        placed = to if jax.device_count() > 1 else None
        call = lambda: ours(key, size, dtype, out_sharding=placed)
    else:
        draw = {"jax.random": function, "jax.nn": theirs}.get(way, ours)
        with varscale.jax.host() if way == "ours, callback" else nullcontext():
            start = time.perf_counter()
            placed = to if way == "ours, callback" and jax.device_count() > 1 else None
            options = {"out_sharding": placed} if placed else {}
            traced = jax.jit(lambda key: draw(key, size, dtype, **options), out_shardings=to)
            compiled = traced.lower(key).compile()
            known["compile_seconds"] = time.perf_counter() - start
        known["temporary_bytes"] = compiled.memory_analysis().temp_size_in_bytes
        call = lambda: compiled(key)
    seconds(call)
    known["times"] = max(1, math.ceil(LEAST / seconds(call)))
    return {**known, "call": call}


WAYS = ["ours", "ours, eager", "ours, callback", "jax.random", "jax.nn"]


def draws(rounds: int) -> list[dict[str, Any]]:
    """All cases of this process's devices, in shuffled turns."""
    keys = [
        (law, way, size, dtype)
        for law in LAWS
        for way in WAYS
        for size in SIZES
        for dtype in DTYPES
    ]
    cases = [case(*of) for of in keys]
    for _ in range(rounds):
        for one in random.sample(cases, len(cases)):
            one["samples"].append(seconds(one["call"], one["times"]))
    for one in cases:
        del one["call"]
        one["devices"], one["seconds"] = (
            jax.device_count(),
            statistics.median(one["samples"]),
        )
    return cases


def model(way: str) -> list[dict[str, Any]]:
    """A model's tensors in one program, divided among all devices."""
    init = (jax.nn.initializers if way == "jax.nn" else varscale.jax).lecun_normal()
    to = sharding()
    options = {"out_sharding": to} if way == "ours, callback" else {}

    def draw(key: Any) -> list[Any]:
        keys = jax.random.split(key, len(MODEL))
        return [init(keys[number], shape, **options) for number, shape in enumerate(MODEL)]

    key = jax.random.key(42)
    with varscale.jax.host() if options else nullcontext():
        start = time.perf_counter()
        compiled = jax.jit(draw, out_shardings=to).lower(key).compile()
        compile_seconds = time.perf_counter() - start
    samples = [seconds(lambda: compiled(key)) for _ in range(MODEL_ROUNDS)]
    status = Path("/proc/self/status").read_text()
    return [
        {
            "way": way,
            "parameters": sum(map(math.prod, MODEL)),
            "devices": jax.device_count(),
            "compile_seconds": compile_seconds,
            "first_seconds": samples[0],
            "samples": samples,
            "seconds": statistics.median(samples),
            "temporary_bytes": compiled.memory_analysis().temp_size_in_bytes,
            "most_memory_bytes": int(status.split("VmHWM:")[1].split()[0]) * 1024,
        }
    ]


def run(devices: int, *arguments: str) -> list[dict[str, Any]]:
    """What a process of so many devices measures."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, __file__, "--measure", *arguments]
    shown = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(shown.stdout.splitlines()[-1])


def tables(found: dict[str, Any]) -> str:
    """The record in Markdown."""
    lines = []
    for devices in DEVICES:
        for size in SIZES:
            shape = "x".join(map(str, size))
            columns = "".join(f" {way} |" for way in WAYS)
            lines += [
                f"Microseconds, {shape}, devices: {devices} (temporaries; compiled in):",
                "",
            ]
            lines += [
                f"| law | dtype |{columns}",
                f"| --- | --- |{' ---: |' * len(WAYS)}",
            ]
            for law in LAWS:
                for dtype in DTYPES:
                    cells = []
                    for way in WAYS:
                        (one,) = [
                            one
                            for one in found["draws"]
                            if (one["law"], one["way"], one["dtype"]) == (law, way, dtype)
                            and (tuple(one["size"]), one["devices"]) == (size, devices)
                        ]
                        cell = f"{one['seconds'] * 1e6:.0f}"
                        if "compile_seconds" in one:
                            mebibytes = one["temporary_bytes"] / 2**20
                            cell += f" ({mebibytes:.1f} MiB; {one['compile_seconds']:.2f} s)"
                        cells.append(cell)
                    lines.append(f"| {law} | {dtype} | {' | '.join(cells)} |")
            lines.append("")
    millions = sum(map(math.prod, MODEL)) / 1e6
    lines += [f"{millions:.0f} million parameters in one program, 8 devices:", ""]
    lines += ["| | s | first | compiled in | temporaries | peak memory |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
    for one in found["models"]:
        memory = [
            f"{one[name] / 2**20:.0f} MiB" for name in ("temporary_bytes", "most_memory_bytes")
        ]
        taken = [f"{one[name]:.2f} s" for name in ("seconds", "first_seconds", "compile_seconds")]
        lines.append(f"| {one['way']} | {' | '.join(taken + memory)} |")
    return "\n".join(lines)


def main() -> None:
    """Measures, writes the record, and prints its tables."""
    if sys.argv[1] == "--measure":
        print(json.dumps(draws(int(sys.argv[3])) if sys.argv[2] == "draws" else model(sys.argv[3])))
        return
    record, rounds = Path(sys.argv[1]), (sys.argv[2:] or ["15"])[0]
    cpu = Path("/proc/cpuinfo").read_text().split("model name\t: ")[-1].splitlines()[0]
    machine = {"cpu": cpu, "processors": os.cpu_count(), "kernel": platform.release()}
    found = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine,
        "versions": {
            "varscale": varscale.__version__,
            "jax": jax.__version__,
            "numpy": np.__version__,
        },
        "draws": [one for devices in DEVICES for one in run(devices, "draws", rounds)],
        "models": [one for way in MODELS for one in run(8, "model", way)],
    }
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(found, indent=1) + "\n")
    print(tables(found))


if __name__ == "__main__":
    main()
