"""Python environments with one framework each, made from pinned requirements.

    python3 tools/environments.py jax tensorflow torch

creates `target/environments/NAME` from `tools/requirements/NAME.txt`, or does nothing where it is
up to date, and prints its interpreter. Without names: all of them. Needs Python 3.11 or later with
`venv`; on disk jax takes 0.8 GB, tensorflow 1.6 GB and torch 5 GB.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "tools" / "requirements"
NAMES = sorted(path.stem for path in REQUIREMENTS.glob("*.txt"))


def python(name: str) -> Path:
    """The interpreter of an environment, which is created if it is missing or outdated."""
    requirements = (REQUIREMENTS / f"{name}.txt").read_text()
    folder = ROOT / "target" / "environments" / name
    interpreter = folder / "bin" / "python"
    # Written last, so that an interrupted installation is not taken for a finished one.
    installed = folder / "requirements.txt"
    if installed.is_file() and installed.read_text() == requirements:
        return interpreter
    print(f"creating {folder}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    # Without a cache: it would keep gigabytes a second time.
    options: list[str | Path] = [
        "--quiet",
        "--no-deps",
        "--no-cache-dir",
        "--disable-pip-version-check",
    ]
    options += ["--requirement", REQUIREMENTS / f"{name}.txt"]
    # What this script prints is the interpreter alone.
    command = [interpreter, "-m", "pip", "install", *options]
    subprocess.run(command, check=True, stdout=sys.stderr)
    installed.write_text(requirements)
    return interpreter


def main() -> None:
    """Creates the environments named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", nargs="*", help=f"of {', '.join(NAMES)}; default: all")
    names = parser.parse_args().name or NAMES
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"no environment {', '.join(unknown)}; there are {', '.join(NAMES)}")
    for name in names:
        print(python(name))


if __name__ == "__main__":
    main()
