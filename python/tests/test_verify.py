"""Verification of checkpoints from Python."""

import json

import pytest

import varscale

SPEC = {
    "w": {"dtype": "float32", "shape": [300, 40]},
    "b": {"dtype": "bfloat16", "shape": [7]},
    "old": {"dtype": "float32", "shape": [1]},
}
RULES = [
    {"match": "old", "skip": True},
    {"match": "b", "initializer": "zeros"},
    {"match": "*", "initializer": "he_normal"},
]
PLAN = {"spec": SPEC, "rules": RULES, "seed": 42}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.safetensors"
    varscale.init(PLAN, path)
    return path


def test_what_init_writes_is_identical(file):
    told = []
    found = varscale.verify(file, progress=lambda *bytes: told.append(bytes))
    assert found and found.identical and found.form == "as-written"
    assert (found.tensors, found.values, found.total) == (2, 12_007, 12_007)
    assert told[-1] == (found.bytes, found.bytes)
    assert varscale.verify(str(file), PLAN, threads=2).identical
    for sample in ["0.1%", 0.001, 1e-7, 1]:
        assert 0 < varscale.verify(file, sample=sample).values <= 12_007


def test_differences_are_told(file):
    content = bytearray(file.read_bytes())
    content[-1 - 14] ^= 1
    file.write_bytes(content)
    found = varscale.verify(file)
    assert not found
    [one] = found.differing
    assert (one["tensor"], one["index"], one["values"]) == ("w", [299, 39], 1)
    assert one["file"] == "m.safetensors"
    assert one["stored"] != one["planned"]
    other = varscale.verify(file, seed=43)
    assert other.differing[0]["values"] > 11_000


def test_digests_prove_without_a_draw(tmp_path):
    out = tmp_path / "m.safetensors"
    varscale.init(PLAN, out, max_shard_size=30_000, digests=True)
    files = sorted(tmp_path.glob("*.sha256"))
    assert len(files) == 3
    told = []
    found = varscale.verify(tmp_path, digests=files, progress=lambda *bytes: told.append(bytes))
    assert found and found.identical and isinstance(found, varscale.Proof)
    assert (found.tensors, found.bytes, len(found.files)) == (2, 48_014, 3)
    assert told == sorted(told) and told[-1][0] == told[-1][1]
    # A copy in one file: proved by its tensors.
    whole = tmp_path / "whole.safetensors"
    varscale.init(PLAN, whole)
    of_shards = [file for file in files if "index" not in file.name]
    assert varscale.verify(whole, digests=of_shards).by_tensors == [whole.name]
    content = bytearray(whole.read_bytes())
    content[-1 - 14] ^= 1
    whole.write_bytes(content)
    found = varscale.verify(whole, digests=of_shards)
    assert not found and found.differing == ["w"]

    with pytest.raises(ValueError, match="`sample` must not be given"):
        varscale.verify(whole, digests=of_shards, sample=0.1)
    with pytest.raises(ValueError, match="`plan` must not be given"):
        varscale.verify(whole, PLAN, digests=of_shards)
    with pytest.raises(ValueError, match="`digests` must name"):
        varscale.verify(whole, digests=[])
    with pytest.raises(ValueError, match="it is a digest file"):
        varscale.verify(files[0])
    with pytest.raises(FileNotFoundError, match="none"):
        varscale.verify(whole, digests=tmp_path / "none")

    def stop(done, of):
        raise KeyError(done)

    with pytest.raises(KeyError):
        varscale.verify(whole, digests=of_shards, progress=stop)


def test_what_cannot_be_verified_raises(file, tmp_path):
    with pytest.raises(FileNotFoundError):
        varscale.verify(tmp_path / "none")
    for sample, error in [("2", ValueError), (1.5, ValueError), (0, ValueError), (True, TypeError)]:
        with pytest.raises(error, match=r"`sample`.*1%"):
            varscale.verify(file, sample=sample)
    with pytest.raises(ValueError, match="no seed"):
        varscale.verify(file, {"spec": SPEC, "rules": RULES})

    def stop(done, of):
        raise KeyError(done)

    with pytest.raises(KeyError):
        varscale.verify(file, progress=stop)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut"):
        varscale.verify(file)
    header = json.dumps({}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match="no recipe.*`plan`"):
        varscale.verify(file)
