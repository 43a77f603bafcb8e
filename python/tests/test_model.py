"""Specs and plans: whole models from Python."""

import collections
import dataclasses
import importlib
import json
import sys
import types

import numpy as np
import pytest

import varscale

try:
    import keras

    import varscale.keras
except ImportError:
    keras = None

needs_keras = pytest.mark.skipif(keras is None, reason="Keras is not installed")

SPEC = {
    "fc/kernel": {"dtype": "float32", "shape": [256, 784]},
    "fc/bias": {"dtype": "bfloat16", "shape": [784]},
}
RULES = [
    {"match": "*bias", "initializer": "ones"},
    {"match": "*", "initializer": {"class_name": "HeNormal", "config": {}}},
]


def read(path):
    """Names and values of a safetensors file, and its metadata."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    values = data[8 + length :]
    parts = {name: values[slice(*entry["data_offsets"])] for name, entry in header.items()}
    return parts, metadata


def test_a_plan_as_a_mapping(tmp_path):
    path = tmp_path / "model.safetensors"
    told = []
    plan = varscale.init(
        {"spec": SPEC, "rules": RULES, "seed": 5}, path, progress=lambda *done: told.append(done)
    )
    values, metadata = read(path)
    assert values["fc/kernel"] == varscale.HeNormal(5)((256, 784), name="fc/kernel").tobytes()
    assert values["fc/bias"] == varscale.Ones()((784,), "bfloat16").tobytes()
    assert metadata["varscale.seed"] == "5"
    assert json.loads(metadata["varscale.recipe"])["plan"]["rules"] == [
        {"match": "*bias", "initializer": {"class_name": "Ones", "config": {}}},
        {"match": "*", "initializer": {"class_name": "HeNormal", "config": {}}},
    ]
    again = tmp_path / "again.safetensors"
    assert varscale.init(path, again) == plan
    assert again.read_bytes() == path.read_bytes()
    with pytest.raises(ValueError, match="is an input"):
        varscale.init(path, path, force=True)
    size = 4 * 256 * 784 + 2 * 784
    assert told[-1] == (size, size)


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
    ids=repr,
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


@pytest.mark.parametrize(("made", "message"), list(refused_objects()), ids=repr)
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
        ({"match": "[", "initializer": "zeros"}, "unclosed"),
        ({"match": "*", "initializer": "zeros", "seeds": 1}, "unknown field `seeds`"),
        ({"match": b"*", "initializer": "zeros"}, "JSON"),
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


def test_a_spec_of_a_mapping_is_any_file(tmp_path):
    first = tmp_path / "model.safetensors"
    plan = {"spec": SPEC, "rules": RULES, "seed": 5}
    varscale.init(plan, first)
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    for spec in [first, str(tmp_path / "spec.json")]:
        varscale.init({**plan, "spec": spec}, tmp_path / "again", force=True)
        assert read(tmp_path / "again")[0] == read(first)[0]
        with pytest.raises(ValueError, match="input|spec"):
            varscale.init({**plan, "spec": spec}, spec, force=True)


def test_a_plan_as_a_file(tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    (tmp_path / "plan.toml").write_text(
        'spec = "spec.json"\nseed = 5\n[[rules]]\nmatch = "*bias"\ninitializer = "ones"\n'
        '[[rules]]\nmatch = "*"\ninitializer = "he_normal"\n'
    )
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    varscale.init(tmp_path / "plan.toml", first, threads=1)
    varscale.init({"spec": str(tmp_path / "spec.json"), "rules": RULES}, second, seed=np.int64(5))
    assert read(first)[0] == read(second)[0]
    varscale.init(tmp_path / "plan.toml", second, seed=6, force=True)
    assert read(first)[0] != read(second)[0]


def test_only_force_replaces_and_never_an_input(tmp_path):
    out, spec = tmp_path / "model.safetensors", tmp_path / "spec.json"
    spec.write_text(json.dumps(SPEC))
    plan = tmp_path / "plan.toml"
    plan.write_text('spec = "spec.json"\n[[rules]]\nmatch = "*"\ninitializer = "ones"\n')
    out.write_text("old")
    with pytest.raises(FileExistsError, match="force"):
        varscale.init(plan, out)
    assert out.read_text() == "old"
    varscale.init(plan, out, force=True)
    for content in [plan, {"spec": str(spec), "rules": RULES}]:
        for name in [spec, plan] if content is plan else [spec]:
            before = name.read_bytes()
            with pytest.raises(ValueError, match="is an input"):
                varscale.init(content, name, force=True)
            assert name.read_bytes() == before


def test_a_spec_by_its_file_is_read_as_the_command_reads_it(tmp_path):
    model, again = tmp_path / "model.safetensors", tmp_path / "again.safetensors"
    plan = {"spec": SPEC, "rules": RULES, "seed": 5}
    varscale.init(plan, model)
    index = {"weight_map": dict.fromkeys(SPEC, model.name)}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    for spec in [model, str(tmp_path), tmp_path / "model.safetensors.index.json"]:
        varscale.init({**plan, "spec": spec}, again, force=True)
        assert read(again)[0] == read(model)[0]
        with pytest.raises(ValueError, match="is an input"):
            varscale.init({**plan, "spec": spec}, model, force=True)
    (tmp_path / "twice.json").write_text('{"w": {"dtype": "F32", "shape": [1]}, "w": {}}')
    with pytest.raises(ValueError, match=r"twice\.json"):
        varscale.init({**plan, "spec": tmp_path / "twice.json"}, again, force=True)
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        varscale.init({**plan, "spec": tmp_path / "none.json"}, again, force=True)


def test_an_unset_seed_is_told(tmp_path):
    path = tmp_path / "model.safetensors"
    plan = varscale.init({"spec": SPEC, "rules": RULES}, path)
    expected = varscale.HeNormal(plan["seed"])((256, 784), name="fc/kernel")
    assert read(path)[0]["fc/kernel"] == expected.tobytes()


class Stop(Exception):
    pass


def test_progress_that_raises_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text("old")

    def progress(done, total):
        raise Stop

    with pytest.raises(Stop):
        varscale.init({"spec": SPEC, "rules": RULES}, path, force=True, progress=progress)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        ("missing.toml", FileNotFoundError, "missing.toml"),
        ({"rules": RULES}, ValueError, "no `spec`"),
        ({"spec": SPEC, "rules": [{"match": "*"}]}, ValueError, "sets none"),
        ({"spec": SPEC, "rules": [{"match": "x", "initializer": "ones"}]}, ValueError, "rule 1"),
        ({"spec": SPEC, "rules": [{"match": "*", "initializer": "typo"}]}, ValueError, "typo"),
        ({"spec": SPEC, "rules": RULES, "sed": 1}, ValueError, "sed"),
        ({"spec": {"w": {"shape": [1]}}, "rules": RULES}, ValueError, '"w"'),
        ({"spec": SPEC, "rules": RULES, "seed": 2**64}, ValueError, "seed|integer|2\\^64"),
        ({"spec": SPEC, "rules": RULES, "layout": "x"}, ValueError, 'layout "x"'),
    ],
)
def test_wrong_plans(tmp_path, plan, error, message):
    with pytest.raises(error, match=message):
        varscale.init(plan, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_no_place_to_write(tmp_path):
    with pytest.raises(FileNotFoundError):
        varscale.init({"spec": SPEC, "rules": RULES}, tmp_path / "no" / "model.safetensors")


def test_specs_of_pytrees():
    tree = {"a": [np.zeros((2, 3), "float16"), None], "b": {"c": np.zeros((), "float64")}}
    assert varscale.spec(tree) == {
        "a/0": {"dtype": "float16", "shape": [2, 3]},
        "b/c": {"dtype": "float64", "shape": []},
    }


LISTED = []
LISTED.append(LISTED)


@pytest.mark.parametrize("with_jax", [False, True])
@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ({}, TypeError, "pytree of arrays"),
        (None, TypeError, "pytree of arrays"),
        (3, TypeError, "The model is no array"),
        ([object()], TypeError, "0 is no array: <class 'object'>"),
        ({"a": {"b": 3.0}}, TypeError, "a/b is no array: <class 'float'>"),
        ({"a": "text"}, TypeError, "a is no array"),
        ({"a": {1, 2}}, TypeError, "a is no array"),
        ({"a": (x for x in ())}, TypeError, "a is no array"),
        ({"a": types.MappingProxyType({})}, TypeError, "a is no array"),
        ({"a": LISTED}, ValueError, "holds itself"),
        ({"a": types.SimpleNamespace(shape=(None, 3), dtype="float32")}, ValueError, "a has the"),
        (type("Old", (), {"__module__": "tf_keras.src"})(), TypeError, "tf_keras are not read"),
    ],
    ids=str,
)
def test_what_is_no_model_is_refused(model, error, message, with_jax, monkeypatch):
    """Never left out, whether JAX is there or not."""
    if with_jax:
        pytest.importorskip("jax")
    else:
        monkeypatch.delitem(sys.modules, "jax", raising=False)
    trees = [model, {"w": np.zeros(2), **model}] if isinstance(model, dict) and model else [model]
    for tree in trees:
        with pytest.raises(error, match=message):
            varscale.spec(tree)


def test_modules_in_pytrees_are_no_arrays():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="enc is no array"):
        varscale.spec({"enc": torch.nn.Linear(2, 3), "w": torch.zeros(2)})


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (np.dtype(">f4"), "float32"),
        (">f2", "float16"),
        ("float32", "float32"),
        ("bfloat16", "bfloat16"),
        (np.float64, "float64"),
        (float, "float64"),
        (np.dtype(">i8"), "int64"),
        (lambda: varscale._arguments.dtype_of("bfloat16"), "bfloat16"),
        (lambda: varscale._arguments.dtype_of("bfloat16").newbyteorder(">"), "bfloat16"),
        (lambda: varscale._arguments.dtype_of("bfloat16").type, "bfloat16"),
        (lambda: pytest.importorskip("tensorflow").bfloat16, "bfloat16"),
        (lambda: pytest.importorskip("tensorflow").Variable([1.0]).dtype, "float32"),
        (lambda: pytest.importorskip("torch").float16, "float16"),
        (lambda: pytest.importorskip("jax.numpy").bfloat16, "bfloat16"),
    ],
)
def test_dtypes_of_arrays_are_named(dtype, name):
    dtype = dtype() if isinstance(dtype, types.FunctionType) else dtype
    tensor = types.SimpleNamespace(shape=(1,), dtype=dtype)
    assert varscale.spec({"w": tensor})["w"]["dtype"] == name


Pair = collections.namedtuple("Pair", ["first", "second"])


@pytest.mark.parametrize(
    ("tree", "places"),
    [
        (lambda x: {"a/b": x, "a": {"b": x}}, ["['a/b']", "['a']['b']"]),
        (lambda x: {1: x, "1": x}, ["[1]", "['1']"]),
        (lambda x: {"layers": [x], "layers/0": x}, ["['layers'][0]", "['layers/0']"]),
        (lambda x: {"a": (x, x), "a/1": x, "a/0": x}, ["['a'][0]", "['a/1']"]),
        (lambda x: {"a": Pair(x, x), "a/0": x}, ["['a'][0]", "['a/0']"]),
        (lambda x: {None: x, "None": {"": x}, "None/": x}, ["['None']['']", "['None/']"]),
    ],
)
def test_names_that_two_tensors_would_have(tree, places):
    with pytest.raises(ValueError, match="a name of its own") as refusal:
        varscale.spec(tree(np.zeros(2)))
    assert all(place in str(refusal.value) for place in places)


def test_nodes_of_jax_collide_too():
    jax = pytest.importorskip("jax")

    @jax.tree_util.register_dataclass
    @dataclasses.dataclass
    class Layer:
        kernel: object

    with pytest.raises(ValueError, match=r"'a/kernel' \(\['a'\]\.kernel, \['a/kernel'\]\)"):
        varscale.spec({"a": Layer(np.zeros(2)), "a/kernel": np.zeros(3)})


@needs_keras
def test_specs_of_keras_models(tmp_path):
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(
        5, name="one", kernel_initializer=varscale.keras.HeUniform(2, stream="keras")
    )(inputs)
    hidden = keras.layers.BatchNormalization(name="norm")(hidden)
    outputs = keras.layers.Dense(3, name="two", kernel_initializer="lecun_normal")(hidden)
    model = keras.Model(inputs, outputs)
    spec = varscale.spec(model)
    assert list(spec) == [variable.path for variable in model.weights]
    assert spec["one/kernel"]["shape"] == [6, 5]
    assert spec["two/kernel"]["initializer"]["class_name"] == "LecunNormal"
    assert spec["norm/moving_variance"]["initializer"]["class_name"] == "Ones"
    # Every variable's initializer stands in the spec: no rules are needed.
    path = tmp_path / "model.safetensors"
    varscale.init({"spec": spec, "seed": 7}, path)
    values, _ = read(path)
    expected = varscale.HeUniform(2)((6, 5), name="one/kernel")
    assert values["one/kernel"] == expected.tobytes()
    assert np.frombuffer(values["norm/gamma"], "float32").tolist() == [1.0] * 5
    with pytest.raises(ValueError, match="no variables yet"):
        varscale.spec(keras.Sequential([keras.layers.Dense(3)]))


def test_seeds_beyond_64_bits_reach_the_streams_that_reduce_them(tmp_path):
    spec = {"w": {"dtype": "float32", "shape": [9]}}
    rule = {"match": "*", "initializer": "he_normal"}
    wide, small = 7 + 2**70, varscale.HeNormal(7, stream="keras-torch")((9,))
    for plan in [
        {"seed": wide, "rules": [rule]},
        {"rules": [{**rule, "seed": wide}]},
    ]:
        out = tmp_path / "m.safetensors"
        made = varscale.init({"spec": spec, "stream": "keras-torch", **plan}, out, force=True)
        assert int(made["tensors"][0]["seed"]) == wide
        assert read(out)[0]["w"] == small.tobytes()
