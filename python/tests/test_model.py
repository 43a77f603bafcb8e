"""Plans: whole models from Python."""

import hashlib
import json
from pathlib import Path

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

RULES = [
    {"match": "*bias", "initializer": "ones"},
    {"match": "*", "initializer": {"class_name": "HeNormal", "config": {}}},
]


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


@pytest.mark.parametrize(("limit", "count"), [("700KB", 2), (700000, 2), ("1GiB", 1)])
def test_shards(tmp_path, limit, count):
    whole, out = tmp_path / "whole.safetensors", tmp_path / "model" / "model.safetensors"
    out.parent.mkdir()
    plan = {"spec": SPEC, "rules": RULES, "seed": 5}
    made = varscale.init(plan, out, max_shard_size=limit)
    assert made == varscale.init(plan, whole) | {"shards": count}
    assert (made["kept"], made["stale"]) == (0, [])
    files = sorted(out.parent.glob("*.safetensors"))
    assert len(files) == count and (count == 1) == (files == [out])
    assert {key: one for file in files for key, one in read(file)[0].items()} == read(whole)[0]
    with pytest.raises(FileExistsError):
        varscale.init(plan, out, max_shard_size=limit)
    for source in [out.parent] + ([] if count == 1 else [f"{out}.index.json"]):
        again = tmp_path / "again.safetensors"
        varscale.init(source, again, force=True)
        assert again.read_bytes() == whole.read_bytes()


def test_parts_that_are_repeated(tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir(), out.mkdir()
    plan = {"spec": {f"h.{i}": {"dtype": "float32", "shape": [64]} for i in range(9)}}
    plan |= {"rules": RULES[1:], "seed": 5}
    options = {"max_shard_size": 512}
    varscale.init(plan, whole / "m.safetensors", **options)
    told = []
    for part in ["3/4", "1/4", "2/4", "1/4", "4/4"]:
        given = {**options, "part": part, "resume": True}
        given["progress"] = lambda done, total: told.append((done, total))
        varscale.init(plan, out / "m.safetensors", **given)
    assert all(done <= total < 9 * 256 for done, total in told)
    files = {path.name: path.read_bytes() for path in whole.iterdir()}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files
    shard = out / "m-00002-of-00005.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\1")
    with pytest.raises(ValueError, match=r"is not what the plan says.*\(`force=True`\)"):
        varscale.init(plan, out / "m.safetensors", resume=True, **options)
    varscale.init(plan, out / "m.safetensors", resume=True, force=True, **options)
    assert shard.read_bytes() == files[shard.name]


def test_parts_that_are_missing(tmp_path):
    out = tmp_path / "m.safetensors"
    plan = {"spec": {f"h.{i}": {"dtype": "float32", "shape": [64]} for i in range(9)}}
    plan |= {"rules": RULES[1:], "seed": 5}
    with pytest.raises(ValueError, match="nothing is there.*`max_shard_size`"):
        varscale.missing(plan, out)
    whole = {"parts": 5, "missing": [1, 2, 3, 4, 5], "wrong": []}
    assert varscale.missing(plan, out, max_shard_size=512) == whole
    made = varscale.init(plan, out, max_shard_size=512, part="2/4", resume=True)
    assert (made["shards"], made["kept"]) == (1, 0)
    for given in [{}, {"max_shard_size": 512}]:
        assert varscale.missing(plan, out, **given) == whole | {"missing": [1, 3, 4, 5]}
    left = varscale.missing(plan, out, parts=4)
    assert left == {"parts": 4, "missing": [1, 3, 4], "wrong": []}
    for number in left["missing"]:
        varscale.init(plan, out, max_shard_size=512, part=f"{number}/4")
    assert varscale.missing(plan, out) == whole | {"missing": []}
    shard = tmp_path / "m-00002-of-00005.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    found = varscale.missing(plan, out)
    assert (found["missing"], found["wrong"][0]["file"]) == ([2], str(shard))
    # Of another number of shards, what is there is named and left.
    for given, count in [({"max_shard_size": 1024}, 5), ({}, 5 + 3 + 1)]:
        made = varscale.init(plan, out, force=True, **given)
        assert len(made["stale"]) == count and str(shard) in made["stale"]
    for name, what in [(tmp_path, "a folder"), (shard, 'a shard of "m"')]:
        with pytest.raises(ValueError, match=f"`out`: it is {what}"):
            varscale.missing(plan, name)
    for parts in [0, True, 2.0]:
        with pytest.raises(ValueError, match="`parts` must be"):
            varscale.missing(plan, out, parts=parts)
    # The seed is the one that a file states.
    del plan["seed"]
    other = tmp_path / "other.safetensors"
    with pytest.raises(ValueError, match="Give a `seed`"):
        varscale.missing(plan, other, max_shard_size=512)
    varscale.init(plan, other, max_shard_size=512)
    assert varscale.missing(plan, other) == whole | {"missing": []}


@pytest.mark.parametrize("stream", [{}, {"stream": "keras-numpy"}])
@pytest.mark.parametrize("given", [{}, {"max_shard_size": 1000}])
def test_a_seed_that_was_drawn_is_found_again(tmp_path, stream, given):
    plan = {"spec": SPEC, "rules": RULES, **stream}
    drawn = varscale.init(plan, tmp_path / "m.safetensors", **given)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    shard = max(path for path in files if path.suffix == ".safetensors")
    for path in [*files.keys() - {shard}, None]:
        if path is not None:
            path.unlink()
        again = varscale.init(plan, tmp_path / "m.safetensors", resume=True, **given)
        is_shard = path is not None and path.suffix == ".safetensors"
        assert again == drawn | {"shards": int(is_shard), "kept": drawn["shards"] - is_shard}
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
    with pytest.raises(ValueError, match=f"no seed.*states {drawn['seed']}"):
        varscale.verify(tmp_path, plan)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"part": "5/4"}, "`part`: .*5/4"),
        ({"part": "x"}, "`part`: .*x"),
        ({"part": "1/4", "max_shard_size": None}, "`part` needs `max_shard_size`"),
        ({"part": "1/4", "seed": None}, "Give a `seed`"),
        ({"part": "1/4", "resume": True, "seed": None}, "Give a `seed`"),
    ],
)
def test_parts_that_are_none(tmp_path, given, message):
    options = {"max_shard_size": "1KB", **given}
    plan = {"spec": SPEC, "rules": RULES, "seed": options.pop("seed", 5)}
    with pytest.raises(ValueError, match=message):
        varscale.init(plan, tmp_path / "m.safetensors", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["max_shard_size", "memory"])
@pytest.mark.parametrize("size", [0, "5XB", -1, True, ""])
def test_sizes_that_are_none(tmp_path, name, size):
    with pytest.raises(ValueError, match=f"`{name}`: invalid size .*{size}"):
        varscale.init({"spec": SPEC, "rules": RULES}, tmp_path / "m", **{name: size})


def test_memory_and_digests(tmp_path):
    plan, out = {"spec": SPEC, "rules": RULES, "seed": 5}, tmp_path / "m.safetensors"
    with pytest.raises(ValueError, match="invalid memory 1000: buffers take at least"):
        varscale.init(plan, out, memory=1000)
    assert not list(tmp_path.iterdir())
    varscale.init(plan, out, memory="1MB", digests=True)
    first, *lines = Path(f"{out}.sha256").read_text().splitlines()
    assert first == f"{hashlib.sha256(out.read_bytes()).hexdigest()}  {out.name}"
    assert [line.split('"')[1] for line in lines] == list(read(out)[0])
    assert varscale.verify(out)


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
    with pytest.raises(FileExistsError, match="`force=True`.*; `resume=True` keeps it"):
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
