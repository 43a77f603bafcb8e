"""What is the same for Keras's and tf_keras's initializers, on the active backend.

What the frameworks leave to their backends (shapes, dtypes, means, standard deviations) is refused
by another class on each: there, ours are held to TypeError for the wrong kind and ValueError for
the rest.
"""

import copy
import importlib
import inspect
import pickle
import subprocess
import sys

import faces
import numpy as np
import pytest
from arguments import agree, anything, is_finite_number, raised, raised_by, some
from hypothesis import given
from hypothesis import strategies as st

import varscale
from varscale._family import FAMILY

pytestmark = pytest.mark.skipif(not faces.KERAS, reason="neither Keras nor tf_keras is installed")

SHAPE = (2, 3)


@pytest.fixture(params=sorted(faces.KERAS), scope="module")
def both(request):
    """A framework's initializers, and ours."""
    return faces.KERAS[request.param]


def test_every_class_that_the_framework_has_is_there(both):
    theirs, ours = both
    assert [name for name in faces.DRAWN if not hasattr(theirs, name)] == faces.ADDED
    for name in set(faces.DRAWN) - set(faces.ADDED):
        made, own = getattr(ours, name), getattr(theirs, name)
        assert issubclass(made, own)
        assert name in ours.__all__
        assert (made.__module__, made.__qualname__) == (ours.__name__, name)
        parameters = list(inspect.signature(made).parameters.values())
        of_framework = list(inspect.signature(own).parameters.values())
        of_numpy = inspect.signature(getattr(varscale, name)).parameters
        # What Keras lacks is taken by name alone, and stands behind what it has.
        assert parameters[: len(of_framework)] == of_framework
        assert all(one == of_numpy[one.name] for one in parameters[len(of_framework) :])
        assert all(one.kind is one.KEYWORD_ONLY for one in parameters[len(of_framework) :])
        # Keras before 3.15, and tf_keras, know no axes.
        without = [one for one in of_numpy if not one.endswith("_axes")]
        assert [one.name for one in parameters] in (list(of_numpy), without)
        assert all(one.default == of_numpy[one.name].default for one in parameters)


@pytest.mark.parametrize("name", faces.ADDED)
def test_every_class_that_the_framework_lacks_is_ours(both, name):
    theirs, ours = both
    made = getattr(ours, name)
    own = [base for base in made.__mro__ if getattr(theirs, base.__name__, None) is base]
    assert own == [theirs.Initializer]
    assert {name, FAMILY[name].snake_case} <= {*ours.__all__}
    assert inspect.signature(made) == inspect.signature(getattr(varscale, name))
    assert "eras's" not in made.__doc__.partition(".")[0]
    with pytest.raises(TypeError, match="required"):
        ours.get(name)


def test_replacing_the_import_is_enough(both):
    """Every public name of the framework's is there: our class for what it draws by, or its own."""
    theirs, ours = both
    for name in dir(theirs):
        if name.startswith("_"):
            continue
        own, made = getattr(theirs, name), getattr(ours, name)
        assert name in ours.__all__
        if own.__name__ in faces.DRAWN:
            assert issubclass(made, own)
            assert made is getattr(ours, own.__name__)
        else:
            assert made is own or name in ("get", "deserialize")


#: What no framework has: bounds beyond Keras's, and whole classes.
BEYOND = [
    ("TruncatedNormal", {"stddev": 0.02, "lower": -3, "upper": 3}),
    ("TruncatedNormal", {"mean": 1, "stddev": 0.5, "a": 0.0}),
    ("TruncatedNormal", {"lower": 0, "upper": float("inf")}),
    ("TruncatedNormal", {"lower": -1, "upper": 1, "after_truncation": True}),
    ("LogUniform", {"minval": 1e-3, "maxval": 0.1}),
    ("Formula", {"expression": "log(1 + i1)"}),
    ("Formula", {"expression": "u * d0 ** -0.5"}),
]


@pytest.mark.parametrize(("name", "config"), BEYOND, ids=str)
def test_what_the_framework_lacks_goes_where_its_own_goes(both, name, config, tmp_path):
    theirs, ours = both
    framework = importlib.import_module(theirs.__name__.partition(".")[0])
    made = getattr(ours, name)
    initializer = made(**config, seed=7)
    expected = getattr(varscale, name)(**config, seed=7)
    assert initializer.get_config().items() >= {**config, "seed": 7}.items()
    assert {**initializer.get_config()} == expected.get_config()
    values = expected((4, 3))
    layer = framework.layers.Dense(3, kernel_initializer=initializer)
    model = framework.Sequential([framework.Input((4,)), layer])
    loaded = []
    for form in ["keras", "h5"]:
        model.save(tmp_path / f"model.{form}")
        again = framework.models.load_model(tmp_path / f"model.{form}")
        loaded += [again.layers[0].kernel_initializer]
    saved = ours.serialize(initializer)
    for again in [
        *loaded,
        ours.get(saved),
        ours.deserialize(saved),
        ours.deserialize(varscale.serialize(expected)),
        ours.deserialize({"class_name": name, "config": config | {"seed": 7}}),
        made.from_config(initializer.get_config()),
        framework.models.clone_model(model).layers[0].kernel_initializer,
        copy.deepcopy(initializer),
        pickle.loads(pickle.dumps(initializer)),
    ]:
        assert type(again) is made
        assert again.get_config() == initializer.get_config()
        assert np.array_equal(np.array(again((4, 3), "float32")), values)
    # An unset seed stays that, and is drawn once.
    unset = made(**config)
    assert unset.get_config()["seed"] is None
    assert np.array_equal(np.array(unset((4, 3))), np.array(unset((4, 3))))
    # No framework's stream is drawn in its place.
    if name != "Formula" or "u" in config["expression"]:
        with pytest.raises(ValueError, match="native"):
            made(**config, seed=7, stream="keras")((4, 3))


def test_what_is_keras_own_is_written_as_its_own(both):
    theirs, ours = both
    for name in faces.DRAWN:
        written = varscale.serialize(faces.made(varscale, name))
        assert (written["module"] == "keras.initializers") == hasattr(theirs, name)
    assert "lower" not in ours.TruncatedNormal().get_config()


@pytest.mark.parametrize(
    ("name", "config", "error", "message"),
    [
        ("TruncatedNormal", {"lower": 3, "upper": -3}, ValueError, "upper -3: .* at least lower"),
        ("TruncatedNormal", {"lower": 1, "a": 1}, ValueError, "beside lower and upper"),
        ("TruncatedNormal", {"lower": float("nan")}, ValueError, "lower NaN"),
        ("TruncatedNormal", {"lower": 38}, ValueError, "no probability"),
        ("TruncatedNormal", {"lower": "3"}, TypeError, "`lower` must be a number"),
        ("TruncatedNormal", {"after_truncation": 1}, TypeError, "must be True or False"),
        ("LogUniform", {"minval": 0, "maxval": 1}, ValueError, "minval 0: .* above 0"),
        ("LogUniform", {"minval": 2, "maxval": 1}, ValueError, "maxval 1: .* above minval"),
        ("Formula", {"expression": 3}, ValueError, "`expression` must be a string"),
        ("Formula", {"expression": "log("}, ValueError, "expression"),
        ("Formula", {"expression": "width"}, ValueError, "width"),
    ],
    ids=str,
)
def test_what_is_wrong_with_it_is_said(both, name, config, error, message):
    for module in [both[1], varscale]:
        with pytest.raises(error, match=message):
            getattr(module, name)(**config)


@pytest.mark.parametrize("name", [name for name in faces.ALL if name not in faces.ADDED])
def test_every_identifier_gives_what_stands_under_its_name(both, name):
    theirs, ours = both
    made = getattr(ours, name)
    config = theirs.serialize(getattr(theirs, name)())
    snake = varscale._family.FAMILY[name].snake_case
    for identifier in [name, snake, getattr(theirs, name), made, config, ours.serialize(made())]:
        assert type(ours.get(identifier)) is made
    for identifier in [config, ours.serialize(made())]:
        assert type(ours.deserialize(identifier)) is made
    initializer = made()
    assert ours.get(initializer) is initializer
    assert ours.get(None) is None
    assert ours.get(len) is len


def read(both, saved):
    """What our faces make of a serialized initializer: the framework's, and NumPy's."""
    ours = both[1]
    return [ours.get(dict(saved)), ours.deserialize(dict(saved)), varscale.get(dict(saved))]


@pytest.mark.parametrize(
    "saved",
    [
        {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}},
        {"class_name": "Zeros", "config": {"dtype": "float32"}},
        {
            "class_name": "RandomUniform",
            "config": {"minval": -0.05, "maxval": 0.05, "seed": None, "dtype": "float32"},
        },
        {"class_name": "RandomNormal", "config": {"mean": 0, "stddev": 0.02, "seed": None}},
        {"class_name": "Ones", "config": {}, "shared_object_id": 140123},
        {"class_name": "HeNormalV2", "config": {"seed": 3}},
        {"class_name": "glorot_uniformV2", "config": {}},
        {"class_name": "VarianceScalingV2", "config": {"scale": 2.0, "distribution": "normal"}},
    ]
    + [
        {"module": module, "class_name": name, "config": {}, "registered_name": registered}
        for module in [
            "keras.initializers",
            "keras.src.initializers.random_initializers",
            "keras_core.initializers",
            "tf_keras.initializers",
            "keras.initializers.initializers_v2",
        ]
        for name in ["HeNormal", "Ones"]
        for registered in [None, name]
    ],
    ids=str,
)
def test_configs_of_every_version_of_keras(both, saved):
    expected = varscale._identifiers.read(saved)
    for initializer in read(both, saved):
        config = initializer.get_config()
        assert type(initializer).__qualname__ == expected[0]
        assert expected[1].items() - {("distribution", "normal")} <= config.items()
        assert "dtype" not in config


@pytest.mark.parametrize("value", [2, [1, 2, 3, 4, 5, 6], np.arange(6.0)], ids=str)
def test_constants_may_be_arrays(both, value):
    theirs, ours = both
    saved = ours.serialize(ours.Constant(value))
    expected = np.broadcast_to(np.asarray(value, "float32"), 6)
    for initializer in [*read(both, saved), *read(both, theirs.serialize(theirs.Constant(value)))]:
        assert np.array_equal(np.array(initializer((6,), "float32")), expected)


@pytest.mark.parametrize("identifier", ["orthogonal", "Orthogonal"])
def test_configs_of_matrices(both, identifier):
    theirs, ours = both
    saved = {"class_name": identifier, "config": {"gain": 2.0, "seed": None, "dtype": "float32"}}
    for made in [ours.get(saved), ours.deserialize(saved)]:
        assert type(made) is ours.Orthogonal and isinstance(made, theirs.Orthogonal)
        assert made.gain == 2.0
        values = np.array(made((3, 2, 5), "float32")).reshape(6, 5)
        assert np.allclose(values.T @ values, 4 * np.eye(5), atol=1e-6)
    assert type(ours.get(identifier)) is ours.Orthogonal
    with pytest.raises(ValueError, match="rank 2"):
        ours.Orthogonal(seed=1)((5,))


def test_matrices_of_the_stream_keras_are_keras(both):
    theirs, ours = both
    drawn = ours.Orthogonal(seed=1, stream="keras")((4, 3), "float32")
    assert np.array_equal(np.array(drawn), np.array(theirs.Orthogonal(seed=1)((4, 3), "float32")))


@pytest.mark.parametrize(
    "saved",
    [
        {"class_name": "HeNormal", "config": {}, "registered_name": "my_pkg>HeNormal"},
        {"class_name": "HeNormal", "config": {}, "module": "my_pkg"},
        {"class_name": "HeNormal", "config": {}, "module": None, "registered_name": "HeNormal"},
        {"class_name": "Zeros", "config": {}, "module": "my_pkg", "registered_name": "Zeros"},
        {
            "class_name": "HeNormal",
            "config": {"seed": {"class_name": "SeedGenerator", "module": "my", "config": {}}},
        },
    ],
)
def test_classes_of_others_are_refused(both, saved):
    for load in [both[1].get, both[1].deserialize, varscale.get]:
        with pytest.raises(ValueError, match="my|null"):
            load(saved)


def test_what_users_registered_is_theirs(both):
    theirs, ours = both
    framework = importlib.import_module(theirs.__name__.partition(".")[0])

    class Mine(theirs.Initializer):
        pass

    with framework.utils.custom_object_scope({"HeNormal": Mine, "my>Zeros": Mine}):
        assert type(ours.get("HeNormal")) is Mine
        saved = {"module": "my", "class_name": "Zeros", "config": {}, "registered_name": "my>Zeros"}
        assert type(ours.get(saved)) is Mine
    saved = {"module": "my", "class_name": "Other", "config": {}, "registered_name": "Other"}
    assert type(ours.deserialize(saved, {"Other": Mine})) is Mine


LOAD_ALL = """
import sys, {0}
for path in sys.argv[1:]:
    try:
        {0}.models.load_model(path)
        print("loaded")
    except Exception as error:
        print("varscale.{0}" in str(error) or "varscale>HeNormal" in str(error))
"""


def test_saved_models_say_what_to_import(both, tmp_path):
    framework = importlib.import_module(both[0].__name__.partition(".")[0])
    paths = []
    for stream in ["native", "keras"]:
        initializer = both[1].HeNormal(7, stream=stream)
        layer = framework.layers.Dense(3, kernel_initializer=initializer)
        model = framework.Sequential([framework.Input((4,)), layer])
        for form in ["keras", "h5"]:
            paths.append(str(tmp_path / f"{stream}.{form}"))
            model.save(paths[-1])
            loaded = framework.models.load_model(paths[-1]).layers[0].kernel_initializer
            assert type(loaded) is both[1].HeNormal
            assert (loaded.seed, loaded.stream) == (7, stream)
    # Elsewhere, nothing is drawn by Keras's own class of this name.
    code = LOAD_ALL.format(framework.__name__)
    lacking = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert lacking.stdout == "True\n" * len(paths), lacking.stderr


@some
@given(st.sampled_from(["scale", "mode", "distribution"]), anything)
def test_constructors(both, argument, value):
    theirs, ours = both
    refused = raised_by(lambda of: of.VarianceScaling(**{argument: value}), ours, theirs)
    # The frameworks take scales that are not finite, and draw NaN or for ever; and arrays.
    special = refused[0] in (ValueError, TypeError) and not is_finite_number(value)
    assert agree(*refused) or special


@some
@given(st.sampled_from(faces.NUMBERS), anything)
def test_numbers(both, name, value):
    made, argument = name.split(".")
    made = getattr(both[1], made)
    refused = raised(lambda: made(**{argument: value}))
    if not is_finite_number(value) or isinstance(value, (str, bytes)):
        assert refused in (TypeError, ValueError, OverflowError)
    elif refused is None:
        # The dtype may not hold it.
        assert raised(lambda: made(**{argument: value})(SHAPE)) in (None, ValueError)
    else:
        assert refused in (ValueError, TypeError)


@some
@given(anything)
def test_streams(both, stream):
    refused = raised(lambda: both[1].HeNormal(1, stream=stream))
    known = isinstance(stream, str) and stream in (*varscale._core.STREAMS, "keras")
    assert refused is (None if known else ValueError)
