"""Builds the Python package and tests its wheel, with one framework at a time.

    python3 tools/test_python.py jax tensorflow torch

puts the sdist and a wheel built from it into `target/python/dist`, as a release publishes them, and
installs the wheel into a fresh virtual environment under `target/python` for each framework named,
which sees the packages of `tools/environments.py`. Keras's tests run on each of its backends that
the environment has. What needs another framework is skipped, and counted as such.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import environments

TARGET = environments.ROOT / "target" / "python"
DIST = TARGET / "dist"
PACKAGE = environments.ROOT / "python"
# Keras's backends in each environment. All tests run on the first, Keras's on the others, too.
BACKENDS = {"jax": ["jax", "numpy"], "tensorflow": ["tensorflow"], "torch": ["torch"]}


def site_packages(interpreter: Path) -> str:
    """The folder in which an environment keeps its packages."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return subprocess.run(
        [interpreter, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def lint(tools: Path) -> None:
    """Checks how the package's Python code is written."""
    for check in [["check"], ["format", "--check"]]:
        command = [tools, "-m", "ruff", *check, "--no-cache", "--quiet", PACKAGE]
        subprocess.run(command, check=True)


def maturin(tools: Path, task: str, package: Path, *options: str) -> None:
    """Runs a task of maturin, which finds zig in the same environment."""
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(environments.ROOT / "target"),
        "CARGO_ZIGBUILD_PYTHON_PATH": str(tools),
    }
    command = [tools, "-m", "maturin", task, "--out", DIST, *options]
    command += ["--manifest-path", package / "Cargo.toml"]
    subprocess.run(command, check=True, env=environment)


def build(tools: Path) -> Path:
    """The wheel, built from the sdist, as pip builds it where there is no wheel."""
    shutil.rmtree(DIST, ignore_errors=True)
    maturin(tools, "sdist", PACKAGE)
    (sdist,) = DIST.glob("*.tar.gz")
    # All its files bear one old date, by which cargo would not see that one has changed: they are
    # unpacked as of now, and left alone while the archive is the same.
    source = TARGET / "source"
    unpacked = source / sdist.name
    if not (unpacked.is_file() and filecmp.cmp(sdist, unpacked, shallow=False)):
        shutil.rmtree(source, ignore_errors=True)
        with tarfile.open(sdist) as archive:
            archive.extractall(source, filter=undated)
        shutil.copyfile(sdist, unpacked)
    # zig links for a glibc as old as Rust's own minimum; what runs is the system's all the same.
    portable = ["--zig", "--compatibility", "manylinux2014"] if sys.platform == "linux" else []
    # Not locked: the lock file is the repository's, and cargo drops what the sdist does not need.
    package = source / sdist.name.removesuffix(".tar.gz") / "python"
    maturin(tools, "build", package, "--quiet", "--release", *portable)
    (wheel,) = DIST.glob("*.whl")
    return wheel


def undated(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """What is unpacked of an archive's member: all but its date."""
    safe = tarfile.data_filter(member, folder)
    return safe and safe.replace(mtime=None, deep=False)


def install(framework: str, wheel: Path, tools: Path) -> Path:
    """The interpreter of a fresh environment with the wheel, a framework and the test tools."""
    # A folder called as a framework would be imported in its place.
    folder = TARGET / f"with-{framework}"
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    interpreter = folder / "bin" / "python"
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([interpreter, *pip, "--disable-pip-version-check", wheel], check=True)
    paths = [site_packages(environments.python(framework)), site_packages(tools)]
    Path(site_packages(interpreter), "framework.pth").write_text("\n".join(paths) + "\n")
    return interpreter


def test(interpreter: Path, backend: str, *what: str) -> None:
    """Runs tests of the installed package, with Keras on this backend."""
    print(f"\n== Python tests, Keras on {backend}", flush=True)
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    options = ["-q", "-p", "no:cacheprovider", "-c", PACKAGE / "pyproject.toml"]
    # Files side by side; in order within one, as the blocks of a document stand. Each process takes 2 GB.
    options += ["--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile"]
    command = [interpreter, "-m", "pytest", *options, *what]
    # Not from the package's own folder: it has no compiled module.
    subprocess.run(command, check=True, cwd=TARGET, env=environment)


def main() -> None:
    """Tests with the frameworks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("framework", nargs="+", choices=BACKENDS)
    frameworks = parser.parse_args().framework
    tools = environments.python("tests")
    lint(tools)
    wheel = build(tools)
    for framework in frameworks:
        interpreter = install(framework, wheel, tools)
        first, *others = BACKENDS[framework]
        doctests = ["--doctest-modules", "--doctest-ignore-import-errors", "--pyargs", "varscale"]
        test(interpreter, first, str(PACKAGE / "tests"))
        test(interpreter, first, *doctests)
        for backend in others:
            keras_tests = (PACKAGE / "tests").glob("test_keras*.py")
            test(interpreter, backend, *map(str, sorted(keras_tests)))


if __name__ == "__main__":
    main()
