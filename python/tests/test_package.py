"""The package itself: its types, its imports, its command."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import varscale

FOLDER = Path(varscale.__file__).parent
CONFIG = Path(__file__).parents[1] / "pyproject.toml"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def needs(module):
    return pytest.mark.skipif(
        importlib.util.find_spec(module) is None, reason=f"{module} is not installed"
    )


@needs("mypy")
def test_types_hold():
    result = run(sys.executable, "-m", "mypy", "--config-file", str(CONFIG), str(FOLDER))
    assert result.returncode == 0, result.stdout + result.stderr


@needs("mypy")
def test_stubs_are_what_the_module_is():
    result = run(sys.executable, "-m", "mypy.stubtest", "varscale._core")
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_framework_is_imported():
    code = (
        "import sys, varscale; varscale.HeNormal(1)((2, 2));"
        "print({'keras', 'tf_keras', 'jax', 'torch', 'tensorflow', 'ml_dtypes'} & set(sys.modules))"
    )
    assert run(sys.executable, "-c", code).stdout == "set()\n"


def command(*arguments):
    code = "import sys; from varscale._command import main; sys.exit(main())"
    return run(sys.executable, "-c", code, *arguments)


def test_the_command():
    shown = command("--version")
    assert (shown.returncode, shown.stdout) == (0, f"varscale {varscale.__version__}\n")
    wrong = command("sample")
    assert wrong.returncode == 2
    assert "--shape" in wrong.stderr


def test_the_command_writes_what_the_package_draws(tmp_path):
    out = tmp_path / "kernel.npy"
    drawn = command(
        "sample", "--shape", "5,3", "--initializer", "he_normal", "--seed", "7", "-o", str(out)
    )
    assert drawn.returncode == 0, drawn.stderr
    assert np.array_equal(np.load(out), varscale.HeNormal(7)((5, 3)))


def test_every_public_object_has_an_example():
    for name in varscale.__all__:
        made = getattr(varscale, name)
        if name != "__version__":
            assert ">>> " in made.__doc__, name
