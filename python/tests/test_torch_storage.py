"""Plans as checkpoints that torch.distributed.checkpoint loads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import varscale

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
dcp = pytest.importorskip("torch.distributed.checkpoint", reason="torch has no dcp")
from safetensors.torch import load_file  # noqa: E402

import varscale.torch  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
StorageReader = varscale.torch.StorageReader

SPEC = {
    "normal": ("F32", [13, 24]),
    "tied": ("F32", [13, 24]),
    "half": ("BF16", [13, 24]),
    "eight": ("F8_E4M3", [7, 6]),
    "double": ("F64", [3, 5]),
    "uniform": ("F16", [9]),
    "regions": ("F32", [12, 10]),
    "orthogonal": ("F32", [9, 7]),
    "formula": ("F32", [11, 3]),
    "drawn.integers": ("I64", [10, 4]),
    "counts": ("U8", [2, 9]),
    "mask": ("BOOL", [5, 3]),
    "steps": ("I64", []),
    "scale": ("F32", []),
    "stack": ("F32", [3, 5, 4]),
    "none": ("F32", [0, 3]),
    "column": ("F32", [5, 1]),
    "skipped": ("F32", [4]),
}
PLAN = """
spec = "spec.json"
layout = "torch"
seed = 42
[[rules]]
match = "tied"
tie = "normal"
[[rules]]
match = "skipped"
skip = true
[[rules]]
match = "uniform"
initializer = {class_name = "RandomUniform", config = {minval = -1.0, maxval = 2.0}}
[[rules]]
match = "regions"
initializer = "he_normal"
[[rules.regions]]
slice = "3:5, :"
initializer = "zeros"
[[rules.regions]]
slice = "6:, 2:9"
initializer = "glorot_uniform"
[[rules]]
match = "orthogonal"
initializer = "orthogonal"
[[rules]]
match = "formula"
initializer = {class_name = "Formula", config = {expression = "log(1 + u) + i0"}}
[[rules]]
match = "drawn.integers"
initializer = {class_name = "Formula", config = {expression = "floor(1000 * u)"}}
[[rules]]
match = "counts"
initializer = {class_name = "Formula", config = {expression = "i0 + 2 * i1"}}
[[rules]]
match = "mask"
initializer = {class_name = "Formula", config = {expression = "i1 <= i0"}}
[[rules]]
match = "steps"
initializer = {class_name = "Constant", config = {value = 7.0}}
[[rules]]
match = "scale"
initializer = {class_name = "Constant", config = {value = 0.5}}
[[rules]]
match = "stack"
layout = "axes:2/1"
initializer = "lecun_normal"
[[rules]]
match = "*"
initializer = {class_name = "TruncatedNormal", config = {stddev = 0.02}}
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a plan of every kind of tensor, and its checkpoint."""
    spec = {name: {"dtype": dtype, "shape": shape} for name, (dtype, shape) in SPEC.items()}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    (tmp_path / "plan.toml").write_text(PLAN)
    varscale.init(tmp_path / "plan.toml", tmp_path / "model.safetensors")
    return tmp_path


def load(state, *given, planner=None, **options):
    dcp.load(state, storage_reader=StorageReader(*given, **options), planner=planner)
    return state


def same(one, other):
    """As torch.equal, which has no dtypes of 8 bits."""
    return one.dtype == other.dtype and torch.equal(one.double(), other.double())


@pytest.mark.parametrize("source", ["plan.toml", "model.safetensors"])
def test_every_kind_is_what_the_file_holds(folder, source):
    file = load_file(folder / "model.safetensors")
    file["tied"] = file["normal"]
    state = load({name: torch.empty_like(one) for name, one in file.items()}, folder / source)
    for name, tensor in file.items():
        assert same(state[name], tensor), name
    assert "skipped" not in file


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_every_sharding_gives_the_same_bits(folder, ranks):
    script = Path(__file__).with_name("stored_torch.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={ranks}", str(script), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("the same bits") == ranks


TARGETS = {
    "another dtype": lambda whole: torch.empty_like(whole, dtype=torch.bfloat16),
    "wider": lambda whole: torch.empty_like(whole, dtype=torch.float64),
    "transposed": lambda whole: torch.empty(whole.shape[::-1], dtype=whole.dtype).t(),
    "strided": lambda whole: torch.empty(50, 60, dtype=whole.dtype)[:26:2, :48:2],
    "parameter": lambda whole: torch.nn.Parameter(torch.empty_like(whole)),
}
if torch.cuda.is_available():
    TARGETS["cuda"] = lambda whole: torch.empty_like(whole, device="cuda")


@pytest.mark.parametrize("stream", ["native", "keras-torch"])
@pytest.mark.parametrize("kind", TARGETS)
def test_targets_are_filled_as_from_a_file(tmp_path, kind, stream):
    spec = {"w": {"dtype": "float32", "shape": [13, 24]}}
    rules = [{"match": "*", "initializer": "he_normal"}]
    plan = {"spec": spec, "rules": rules, "seed": 5, "stream": stream}
    varscale.init(plan, tmp_path / "model.safetensors")
    expected = load_file(tmp_path / "model.safetensors")["w"]
    target = TARGETS[kind](expected)
    state = load({"w": target}, plan)
    assert same(state["w"].cpu(), expected.to(target.dtype))
    assert state["w"] is target


def test_names_of_state_dicts(folder):
    plan = folder / "plan.toml"
    normal = load({"normal": torch.zeros(13, 24)}, plan)["normal"]
    nested = {"model": {"normal": torch.zeros(13, 24)}}
    load(nested, plan, prefix="model.")
    assert torch.equal(nested["model"]["normal"], normal)
    for name in ["skipped", "typo"]:
        state = {"normal": torch.zeros(13, 24), name: torch.zeros(4)}
        with pytest.raises(dcp.api.CheckpointException, match=f"Missing key.*{name}"):
            load(state, plan)
        partial = dcp.DefaultLoadPlanner(allow_partial_load=True)
        load(state, plan, planner=partial)
        assert torch.equal(state["normal"], normal) and not state[name].any()
    with pytest.raises(dcp.api.CheckpointException, match="Size mismatch"):
        load({"normal": torch.zeros(24, 13)}, plan)
    with pytest.raises(TypeError, match="`prefix`"):
        StorageReader(plan, prefix=None)


def test_memory_that_two_names_share(folder):
    shared = torch.zeros(13, 24)
    state = load({"normal": shared, "tied": shared}, folder / "plan.toml")
    assert torch.equal(shared, load_file(folder / "model.safetensors")["normal"])
    again = torch.zeros(9, 7)
    state = {"orthogonal": again, "column": again[:5, :1]}
    with pytest.raises(dcp.api.CheckpointException, match="tie them in the plan, or clone"):
        load(state, folder / "plan.toml")
    state = {"column": torch.zeros(1).expand(5, 1)}
    with pytest.raises(dcp.api.CheckpointException, match="share a place in memory"):
        load(state, folder / "plan.toml")
    assert not again.any() and not state["column"].any()


def test_seeds():
    spec = {"w": {"dtype": "float32", "shape": [9]}}
    plan = {"spec": spec, "rules": [{"match": "*", "initializer": "he_normal"}]}

    def drawn(**given):
        reader = StorageReader(plan, **given)
        state = {"w": torch.empty(9)}
        dcp.load(state, storage_reader=reader)
        return reader.seed, state["w"].tolist()

    torch.manual_seed(0)
    first = drawn()
    assert drawn() != first
    torch.manual_seed(0)
    assert drawn() == first == drawn(seed=first[0])
    with pytest.raises(ValueError, match="2\\^64"):
        drawn(seed=2**64)


def test_there_is_no_other_checkpoint(folder):
    reader = StorageReader(folder / "plan.toml")
    with pytest.raises(ValueError, match="leave `checkpoint_id` out"):
        dcp.load({}, checkpoint_id=folder, storage_reader=reader)
    with pytest.raises(FileNotFoundError, match=r"none\.toml"):
        StorageReader(folder / "none.toml")
