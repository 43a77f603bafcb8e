"""The package itself: its types, its imports, its command."""

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import faces
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


@needs("mypy")
def test_stubs_of_the_classes_are_what_the_modules_are():
    options = ["--concise", "--mypy-config-file", str(CONFIG), "varscale"]
    shown = run(sys.executable, "-m", "mypy.stubtest", *options).stdout
    # Which is there for stubs alone, so that it is told at all.
    assert "varscale._signatures failed to import" in shown
    # What is private is no stub, and of the frameworks only one is installed.
    wrong = [
        line
        for line in shown.splitlines()
        if re.match(r"varscale\.[^_]", line) and "failed to import" not in line
    ]
    assert not wrong


@needs("mypy")
@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("assert_type(varscale.HeNormal.from_config({}), varscale.HeNormal)", None),
        ("assert_type(varscale.Zeros().clone(), varscale.Zeros)", None),
        ("varscale.VarianceScaling(2, 'fan_geo_avg', 'uniform', 1, stream='keras-jax')", None),
        ("varscale.VarianceScaling(mode='fan')", "arg-type"),
        ("varscale.VarianceScaling(distribution='gamma')", "arg-type"),
        ("varscale.HeNormal(stream='numpy')", "arg-type"),
        ("varscale.HeNormal(stream='keras')", "arg-type"),
    ],
)
def test_types_are_narrow(line, error, tmp_path):
    code = tmp_path / "code.py"
    code.write_text(f"from typing import assert_type\nimport varscale\n{line}\n")
    shown = run(sys.executable, "-m", "mypy", "--config-file", str(CONFIG), str(code)).stdout
    assert re.findall(r"error: .*\[(.*)\]", shown) == ([error] if error else []), shown


def test_types_name_what_the_core_has():
    tree = ast.parse((FOLDER / "_signatures.pyi").read_text())
    named = {
        node.target.id: [
            part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)
        ]
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
    }
    core = varscale._core
    assert named["Mode"] == core.MODES
    # The alias that Keras has.
    assert named["Distribution"] == [*core.DISTRIBUTIONS, "normal"]
    assert named["Stream"] == core.STREAMS


#: What `varscale` lacks of `keras.initializers`.
OTHER_FAMILIES = ["STFT", "STFTInitializer"]


@needs("keras")
def test_every_name_of_keras_is_here():
    theirs = importlib.import_module("keras.initializers")
    names = {name for name in dir(theirs) if not name.startswith("_")}
    assert sorted(names - {*varscale.__all__}) == sorted([*OTHER_FAMILIES, "stft"])


def test_the_licences_are_in_the_wheel():
    # Links in the repository: where a checkout has none, their text would be a path.
    for name in ["LICENSE-APACHE", "LICENSE-MIT"]:
        packed = importlib.metadata.distribution("varscale").read_text(f"licenses/{name}")
        assert packed == (CONFIG.parents[1] / name).read_text()


def test_no_framework_is_imported():
    code = (
        "import sys, varscale; varscale.HeNormal(1)((2, 2));"
        "print({'keras', 'tf_keras', 'jax', 'torch', 'tensorflow', 'ml_dtypes', 'ray'}"
        " & set(sys.modules))"
    )
    assert run(sys.executable, "-c", code).stdout == "set()\n"


def command(*arguments):
    return run(sys.executable, "-m", "varscale", *arguments)


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


def test_the_family_is_the_cores_table():
    for row in varscale._core.CLASSES:
        name, snake, aliases, summary, parameters, draws, has_axes, preset = row
        made, required = getattr(varscale, name), faces.REQUIRED[name]
        empty = inspect.Parameter.empty
        expected = {
            one: empty if needed else default
            for one, default, extension, needed in parameters
            if not extension
        }
        expected |= {"seed": None} if draws else {}
        expected |= {"input_axes": None, "output_axes": None} if has_axes else {}
        expected |= {one: default for one, default, extension, _ in parameters if extension}
        expected |= {"stream": "native"} if draws else {}
        taken = inspect.signature(made).parameters.values()
        assert [(one.name, one.default) for one in taken] == list(expected.items())
        assert summary[1:] in made.__doc__
        assert issubclass(made, varscale.Initializer)
        letters = (f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        assert snake == "".join(letters)[1:]
        assert {name, snake} <= set(varscale.__all__)
        for identifier in [name, snake, *aliases]:
            if required:
                with pytest.raises(TypeError, match="required"):
                    varscale.get(identifier)
            else:
                assert type(varscale.get(identifier)) is made
        if preset is not None:
            initializer, fixed = made(1), varscale.VarianceScaling(*preset, seed=1)
            assert isinstance(initializer, varscale.VarianceScaling)
            assert [initializer.scale, initializer.mode, initializer.distribution] == preset
            assert np.array_equal(initializer((5, 3)), fixed((5, 3)))


def test_a_class_of_the_table_needs_no_other_code():
    code = (
        "import sys, varscale\n"
        "parameters = [('a', 1.0, 0, 0), ('b', 2.0, 1, 0), ('c', 3.0, 0, 1)][::-1]\n"
        "row = ('NewKind', 'new_kind', ['new'], 'n', parameters, 1, 1, None)\n"
        "varscale._core.CLASSES.append(row)\n"
        "for name in [name for name in sys.modules if name.startswith('varscale')]:\n"
        "    if name != 'varscale._core': del sys.modules[name]\n"
        "import varscale, inspect\n"
        "from varscale._identifiers import IDENTIFIERS\n"
        "assert {'NewKind', 'new_kind'} <= set(varscale.__all__)\n"
        "assert IDENTIFIERS['new'] == varscale.new_kind.__name__\n"
        "print(inspect.signature(varscale.NewKind))"
    )
    shown = run(sys.executable, "-c", code)
    expected = (
        "(c, a=1.0, seed=None, input_axes=None, output_axes=None, *, b=2.0, stream='native')\n"
    )
    assert shown.stdout == expected, shown.stderr
