"""Rules of plans, with initializers as objects."""

import importlib

import numpy as np
import pytest
from models import SPEC, read

import varscale

try:
    import keras

    import varscale.keras
except ImportError:
    keras = None

needs_keras = pytest.mark.skipif(keras is None, reason="Keras is not installed")


@pytest.mark.parametrize(
    ("made", "written"),
    [
        (varscale.HeNormal(), {"class_name": "HeNormal", "config": {}}),
        (varscale.HeNormal, "he_normal"),
        (varscale.VarianceScaling(3, "fan_out", "uniform"), None),
        (varscale.RandomUniform(-1, 2**33, seed=9), None),
        (varscale.TruncatedNormal(seed=varscale.SeedGenerator(4)), None),
        (varscale.VarianceScaling(input_axes=[], output_axes=[0]), None),
        (varscale.Constant(0.5), {"class_name": "Constant", "config": {"value": 0.5}}),
        (varscale.get("zeros"), "zeros"),
    ],
)
def test_rules_take_objects(made, written, tmp_path):
    rules = [{"match": "*", "initializer": written or varscale.serialize(made)}]
    plan = {"spec": SPEC, "seed": np.int64(5), "rules": rules}
    expected = varscale.init(plan, tmp_path / "written")
    rules = [{"match": "*", "initializer": made}]
    assert varscale.init({**plan, "rules": rules}, tmp_path / "made") == expected
    assert read(tmp_path / "made") == read(tmp_path / "written")


def somebody_elses(name, *bases):
    """A class of somebody else's, under the name of one of Keras's."""
    members = {"get_config": lambda self: {}, "__call__": lambda self, shape, dtype=None: 0}
    return type(name, bases, members)


def own_classes():
    yield somebody_elses("Zeros")
    yield somebody_elses("HeNormal", varscale.HeNormal)
    if keras is not None:
        yield somebody_elses("HeNormal", keras.initializers.Initializer)
        yield somebody_elses("HeNormal", varscale.keras.HeNormal)


@pytest.mark.parametrize("made", list(own_classes()), ids=repr)
@pytest.mark.parametrize("way", ["object", "class", "serialized", "registered"])
def test_nobody_elses_class_is_taken_for_keras_s(made, way, tmp_path):
    initializer = made() if way == "object" else made
    if way in ("serialized", "registered"):
        registered = made.__name__ if way == "serialized" else f"my>{made.__name__}"
        # As `keras.saving.serialize_keras_object` writes it.
        initializer = {
            "module": None,
            "class_name": made.__name__,
            "config": {},
            "registered_name": registered,
        }
        with pytest.raises(ValueError, match="module|registered_name"):
            varscale.get(initializer)
    rules = [{"match": "*", "initializer": initializer}]
    with pytest.raises(ValueError, match=r"^Rule 1: .*\b(module|registered_name)\b"):
        varscale.init({"spec": SPEC, "rules": rules}, tmp_path / "out")
    assert not any(tmp_path.iterdir())


def used(generator):
    generator.next() if hasattr(generator, "next") else varscale.HeNormal(generator)((2,))
    return generator


def refused_objects():
    yield varscale.HeNormal(used(varscale.SeedGenerator(3))), "first call of a seed generator"
    yield varscale.HeNormal(stream="keras-jax"), "the stream 'keras-jax'$"
    if keras is not None:
        generator = used(keras.random.SeedGenerator(3))
        yield keras.initializers.HeNormal(generator), "first call of a seed generator"
        yield varscale.keras.HeNormal(generator), "first call of a seed generator"


@pytest.mark.parametrize(("made", "message"), list(refused_objects()))
def test_objects_that_no_plan_has_are_refused(made, message, tmp_path):
    rules = [{"match": "*", "initializer": made}]
    with pytest.raises(ValueError, match=f"^Rule 1: .*{message}"):
        varscale.init({"spec": SPEC, "rules": rules}, tmp_path / "out")


@needs_keras
@pytest.mark.parametrize("name", ["HeNormal", "RandomUniform", "Zeros"])
@pytest.mark.parametrize("module", ["keras.initializers", "varscale.keras"])
def test_rules_take_keras_s_objects(name, module, tmp_path):
    expected = varscale.init(
        {"spec": SPEC, "seed": 1, "rules": [{"match": "*", "initializer": name}]}, tmp_path / "one"
    )
    made = getattr(importlib.import_module(module), name)
    for number, initializer in enumerate([made, made()]):
        rules = [{"match": "*", "initializer": initializer}]
        plan = {"spec": SPEC, "seed": 1, "rules": rules}
        assert varscale.init(plan, tmp_path / str(number)) == expected


def test_infinite_bounds_are_left_out(tmp_path):
    def drawn(name, initializer):
        rules = [{"match": "*", "initializer": initializer}]
        varscale.init({"spec": SPEC, "seed": 1, "rules": rules}, tmp_path / name)
        return (tmp_path / name).read_bytes()

    for bounds in [{"lower": 0.5, "upper": np.inf}, {"b": 0.01, "a": -np.inf}]:
        finite = {key: bound for key, bound in bounds.items() if np.isfinite(bound)}
        ours = drawn(f"{bounds}", varscale.TruncatedNormal(**bounds))
        assert ours == drawn(f"{finite}", varscale.TruncatedNormal(**finite))


def test_regions_take_objects(tmp_path):
    def drawn(name, initializer):
        region = {"slice": "0:2, :", "initializer": initializer}
        rules = [{"match": "*", "initializer": "zeros", "regions": [region]}]
        plan = {"spec": {"w": SPEC["fc/kernel"]}, "seed": 1, "rules": rules}
        varscale.init(plan, tmp_path / name)
        return (tmp_path / name).read_bytes()

    named = drawn("named", "he_normal")
    for number, initializer in enumerate([varscale.HeNormal, varscale.HeNormal()]):
        assert drawn(str(number), initializer) == named


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"initializer": "zeros"}, "missing field `match`"),
        ({"match": 3, "initializer": "zeros"}, "expected a string"),
        ({"match": "*", "initializer": None}, "`initializer` must be a name"),
        ({"match": "*", "initializer": "typo"}, 'unknown initializer "typo"'),
        ({"match": "*", "initializer": "stft"}, "not drawn here yet"),
        ({"match": "*", "initializer": {"class_name": "HeNormal"}}, "`config`"),
        ({"match": "*", "initializer": "zeros", "layout": "bad"}, 'invalid layout "bad"'),
        ({"match": "*", "initializer": "zeros", "dtype": "int99"}, 'invalid dtype "int99"'),
        ({"match": "[", "initializer": "zeros"}, "without its \\]"),
        ({"match": "*", "initializer": "zeros", "seeds": 1}, "unknown field `seeds`"),
        ({"match": b"*", "initializer": "zeros"}, "JSON"),
        ({"match": "*", "regions": 3}, "expected a sequence"),
        ({"match": "*", "regions": [{"slice": "0", "initializer": 3}]}, "region 1: `initializer`"),
        (
            {"match": "*", "regions": [{"slice": np.s_[0:1], "initializer": "ones"}]},
            "region 1 holds what JSON cannot",
        ),
        (
            {"match": "*", "initializer": {"class_name": "Constant", "config": {"value": np.nan}}},
            "JSON",
        ),
        (
            {"match": "*", "initializer": {"class_name": "HeNormal", "config": {"sed": 1}}},
            "sed",
        ),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_with_its_number(rule, message, tmp_path):
    rules = [{"match": "x", "initializer": "ones", "optional": True}, rule]
    with pytest.raises((TypeError, ValueError), match=f"[Rr]ule 2:? .*{message}") as raised:
        varscale.init({"spec": SPEC, "rules": rules}, tmp_path / "out")
    assert "column" not in str(raised.value)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"*": "zeros"}, "`rules` must be a list, as in"),
        ("zeros", "`rules` must be a list, as in"),
        ([None], "Rule 1 must be a mapping, as in"),
        ([{"match": "*", "initializer": 3}], "Rule 1: `initializer` must be a name"),
        ([{"match": "*", "initializer": np.zeros}], "Rule 1: `initializer` must be a name"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_number(rules, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        varscale.init({"spec": SPEC, "rules": rules}, tmp_path / "out")
    assert not any(tmp_path.iterdir())
