"""Checkpoints whose parts Ray writes, on a cluster of a head and two nodes."""

import os

import pytest

import varscale

ray = pytest.importorskip("ray", reason="Ray is not installed")
from ray.cluster_utils import Cluster  # noqa: E402
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: E402

import varscale.ray  # noqa: E402

SPEC = {f"h.{i}.w": {"dtype": "bfloat16", "shape": [1024, 1024]} for i in range(48)}
PLAN = {
    "spec": SPEC,
    "rules": [{"match": "*", "initializer": varscale.TruncatedNormal(stddev=0.02)}],
    "seed": 42,
}


@ray.remote(num_cpus=1)
def started():
    import varscale.ray  # noqa: F401


@pytest.fixture(scope="module")
def cluster():
    """A head that runs no tasks, and tells nobody that it does."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def nodes(cluster):
    """Two nodes, of which a test may take one away."""
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    # A first task starts its node's process: the other node could meanwhile do all there is.
    tasks = [NodeAffinitySchedulingStrategy(node.node_id, soft=False) for node in nodes]
    ray.get([started.options(scheduling_strategy=task).remote() for task in tasks])
    yield nodes
    for node in nodes:
        if node in cluster.list_all_nodes():
            cluster.remove_node(node)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_node_that_is_killed_changes_nothing(cluster, nodes, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    whole.mkdir(), out.mkdir()
    varscale.init(PLAN, whole / "model.safetensors", max_shard_size="8MB")
    told = []

    def progress(done, parts):
        told.append((done, parts))
        if done == 3:
            # As kill -9, of the processes of its tasks too.
            cluster.remove_node(nodes[1], allow_graceful=False)

    made = varscale.ray.init(
        PLAN, out / "model.safetensors", max_shard_size="8MB", parts=12, progress=progress
    )
    assert told == [(done, 12) for done in range(1, 13)]
    assert files(out) == files(whole)
    assert len(files(out)) == 17
    # What the lost process had written is kept by the one that repeats it.
    assert (made["shards"] + made["kept"], made["stale"]) == (16, [])
    assert len({part["node"] for part in made["parts"]}) == 2


def test_plans_and_folders_are_found_from_elsewhere(nodes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.json").write_text('{"w": {"dtype": "F32", "shape": [9, 9]}}')
    (tmp_path / "rules.toml").write_text('[[rules]]\nmatch = "*"\ninitializer = "he_normal"\n')
    (tmp_path / "plan.toml").write_text('spec = "spec.json"\ninclude = "rules.toml"\nseed = 5\n')
    varscale.init("plan.toml", "expected.safetensors")
    for plan in ["plan.toml", {"spec": "spec.json", "include": "rules.toml", "seed": 5}]:
        varscale.ray.init(plan, "out.safetensors", parts=2, force=True)
        assert (tmp_path / "out.safetensors").read_bytes() == files(tmp_path)[
            "expected.safetensors"
        ]
    (tmp_path / "out.safetensors").unlink()
    unseeded = {"spec": "spec.json", "include": "rules.toml"}
    made = varscale.ray.init(unseeded, "out.safetensors")
    # What is there is gone on with.
    assert varscale.ray.init(unseeded, "out.safetensors")["seed"] == made["seed"]
    varscale.init("plan.toml", "expected.safetensors", seed=made["seed"], force=True)
    assert files(tmp_path)["out.safetensors"] == files(tmp_path)["expected.safetensors"]
    # Whichever part comes first: its own file, or the one beside it.
    refused = r"out.safetensors (is not what the plan says|states seed)"
    with pytest.raises(ValueError, match=refused):
        varscale.ray.init("plan.toml", "out.safetensors")
    with pytest.raises(ValueError, match="no rule matches|sets none|initializer"):
        varscale.ray.init({"spec": "spec.json"}, "other.safetensors")


def test_a_folder_that_is_not_there_is_refused_before_tasks_start(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*none$") as error:
        varscale.ray.init(PLAN, tmp_path / "none" / "m.safetensors")
    assert not isinstance(error.value, ray.exceptions.RayError)


@pytest.mark.parametrize("given", [{"parts": 0}, {"num_cpus": 1.5}, {"parts": True}])
def test_numbers_that_are_none(given, tmp_path):
    with pytest.raises(ValueError, match=f"`{next(iter(given))}` must be"):
        varscale.ray.init(PLAN, tmp_path / "m.safetensors", **given)
