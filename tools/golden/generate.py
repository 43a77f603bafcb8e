"""Makes the golden data of the tests by running the frameworks, or checks that they still agree.

    python3 tools/golden/generate.py [--check] [NAME ...]

A NAME is a backend (numpy, torch, jax_x64, tensorflow, tf_keras, tf_legacy, jax, jax_avx2), or
`configs` for keras_configs.json; without any, all are made. keras_fans.json follows from the draws.
Environments are created as needed, with the versions of tools/requirements. With --check nothing
is written: what is made is compared with crates/varscale/tests/data, and the exit status is 1 if anything
differs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import compare
import store
from cases import BACKENDS, Backend, cases

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = ROOT / "crates" / "varscale" / "tests" / "data"
CONFIGS = "configs"
NAMES = [*(backend.name for backend in BACKENDS), CONFIGS]
FANS = ("distribution", "mode", "scale", "shape", "input_axes", "output_axes")
FANS_FOUND = ("fan_in", "fan_out", "param_bits")


def interpreter(environment: str) -> str:
    """The Python of an environment, which is created if need be."""
    command: list[str | Path] = [sys.executable, ROOT / "tools" / "environments.py", environment]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def run(backend: Backend, script: str, *arguments: str | Path) -> None:
    """Runs a worker as a process of the backend's environment, on the CPU."""
    # None of the caller's other settings, many of which change results.
    kept = [name for name in ("HOME", "PATH", "TMPDIR") if name in os.environ]
    variables = {name: os.environ[name] for name in kept}
    variables |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"} | backend.variables
    command = [interpreter(backend.environment), HERE / script, *arguments]
    result = subprocess.run(command, env=variables, stderr=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"{result.stderr}\n{script} failed for {backend.name}")


def make_draws(names: list[str], recorded: Path, folder: Path) -> None:
    """Draws the cases of some backends into a folder; the others stay as they are recorded."""
    index: dict[str, Any] = {"backends": {}, "cases": []}
    if (recorded / "index.json").is_file():
        index = store.read_json(recorded / "index.json")
    folder.mkdir(parents=True)
    made: dict[str, Any] = {"backends": {}, "cases": []}
    for backend in BACKENDS:
        if backend.name in names:
            print(f"drawing {backend.name}", file=sys.stderr)
            run(backend, "draw.py", backend.name, folder)
            worker = store.read_json(folder / f"{backend.name}.json")
            (folder / f"{backend.name}.json").unlink()
            made["backends"][backend.name] = {
                "file": f"{backend.name}.safetensors",
                "made_on": worker["made_on"],
                "cases": len(worker["cases"]),
            }
            made["cases"] += worker["cases"]
        elif backend.name in index["backends"]:
            made["backends"][backend.name] = index["backends"][backend.name]
            made["cases"] += [case for case in index["cases"] if case["backend"] == backend.name]
    store.write_json(folder / "index.json", made)


def make_fans(index: Path, path: Path) -> None:
    """Writes each different outcome of the fans' arithmetic in an index."""
    found = {}
    for case in store.read_json(index)["cases"]:
        if "mode" in case:
            fans = {name: case[name] for name in (*FANS, *FANS_FOUND) if name in case}
            found[str(fans)] = fans
    store.write_json(path, {"cases": list(found.values())})


def make_configs(folder: Path) -> None:
    """Writes each different result of serialization, in Keras 3 on each backend and in tf_keras."""
    found: dict[str, dict[str, Any]] = {"serialized": {}, "get_config": {}}
    aliases: dict[str, Any] = {}
    # The file's order is that of the versions, newest first.
    for backend in sorted(BACKENDS, key=lambda backend: backend.name == "tf_keras"):
        if backend.name in ("numpy", "torch", "jax", "tensorflow", "tf_keras"):
            print(f"serializing in {backend.name}", file=sys.stderr)
            package = "tf_keras" if backend.name == "tf_keras" else "keras"
            result = folder / "configs.json"
            run(backend, "configs.py", package, result)
            content = store.read_json(result)
            result.unlink()
            for name, items in found.items():
                # As text, because True is 1 to Python, and not to JSON.
                items |= {str(item): item for item in content[name] if str(item) not in items}
            aliases = content["aliases"] | aliases
    lists = {name: list(items.values()) for name, items in found.items()}
    store.write_json(folder / "keras_configs.json", {**lists, "aliases": aliases})


def complete(folder: Path, names: list[str]) -> bool:
    """Whether every case could be drawn on this machine; says which not."""
    recorded = store.read_json(folder / "index.json")["backends"]
    whole = True
    for backend in BACKENDS:
        expected = sum(1 for _ in cases(backend))
        if backend.name in names and recorded[backend.name]["cases"] < expected:
            flag, drawn = backend.float16_cpu_flag, recorded[backend.name]["cases"]
            print(f"{backend.name}: {drawn} of {expected} cases; float16 needs a CPU with {flag}")
            whole = False
    return whole


def main() -> int:
    """Runs the command line; the result is the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(NAMES)}; default: all")
    arguments = parser.parse_args()
    names = arguments.name or NAMES
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"no backend {', '.join(unknown)}; there are {', '.join(NAMES)}")

    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary)
        drawn = [name for name in names if name != CONFIGS]
        files = []
        if drawn:
            make_draws(drawn, DATA / "golden", made / "golden")
            make_fans(made / "golden" / "index.json", made / "keras_fans.json")
            files += [f"golden/{name}.safetensors" for name in drawn]
            files += ["golden/index.json", "keras_fans.json"]
        if CONFIGS in names:
            make_configs(made)
            files.append("keras_configs.json")
        whole = not drawn or complete(made / "golden", drawn)
        if arguments.check:
            return 0 if check(made, files, drawn) and whole else 1
        if not whole:
            print("nothing is written")
            return 1
        (DATA / "golden").mkdir(exist_ok=True)
        for file in files:
            shutil.copyfile(made / file, DATA / file)
        print(f"wrote {len(files)} files to {DATA}")
        return 0


def check(made: Path, files: list[str], drawn: list[str]) -> bool:
    """Reports how what was made compares with the recorded data, and whether it is the same."""
    reports = {}
    for name in drawn:
        reports[name] = compare.draws(DATA / "golden", made / "golden", name)
    for file in files:
        if file.startswith("keras_"):
            reports[file] = compare.lists(DATA / file, made / file)
    for name, report in reports.items():
        print(f"{name}: {report}")
    same = [file for file in files if (DATA / file).read_bytes() == (made / file).read_bytes()]
    print(f"{len(same)} of {len(files)} files are the same byte for byte")
    return all(report.clean for report in reports.values())


if __name__ == "__main__":
    sys.exit(main())
