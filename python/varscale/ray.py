"""Sharded checkpoints by Ray: each task writes a part, on whatever node Ray runs it.

How-to: https://github.com/varscale/varscale/blob/main/docs/many-machines.md#ray
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import ray

import varscale
from varscale._plan import resolve
from varscale._rules import rules_of

__all__ = ["init"]


def init(
    plan: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    max_shard_size: str | int = "5GB",
    parts: int | None = None,
    seed: Any = None,
    seeds: Literal["by-name", "same"] | None = None,
    num_cpus: int = 1,
    max_retries: int = 3,
    force: bool = False,
    progress: Callable[[int, int], Any] | None = None,
) -> dict[str, Any]:
    """Writes a plan's checkpoint in shards, as `varscale.init` does, by tasks of Ray.

    Connect to a cluster by `ray.init` before; else Ray starts one on this machine. All nodes must
    have this version of varscale, and see `out` and the files of `plan` under the same paths as the
    caller, as in a shared folder. The bytes are those of one machine.

    What is there already is kept where it is right and refused where it is not: Ray repeats the
    tasks of nodes that are lost, and a call that failed can be made again.

    Args:
        plan, seed, seeds, max_shard_size, force: As for `varscale.init`.
        out: The name that a single file would have; shards stand beside it.
        parts: Number of tasks. By default, one for each processor of the cluster.
        num_cpus: Processors that a task takes, and threads that it draws by.
        max_retries: How often Ray repeats a task whose process or node is lost; -1: always.
        progress: Called with the parts that are written and the number of parts, in the caller's
            process; what it raises stops the work.

    Returns:
        What `varscale.init` does, of all parts; under ``"parts"``, for each part the ``"node"``
        that wrote it, the ``"seconds"`` that this took, and its own ``"shards"``, ``"kept"`` and
        ``"stale"``.

    Raises:
        As `varscale.init`, at once where the plan is wrong or `out` has no folder here; and what
        Ray raises where it gives up.
    """
    for name, number in [("parts", 1 if parts is None else parts), ("num_cpus", num_cpus)]:
        if type(number) is not int or number < 1:
            raise ValueError(f"`{name}` must be an integer of at least 1. Received: {number!r}")
    resolved = resolve(plan, seed, seeds)
    value, drawn = resolved.seed()
    described: dict[str, Any] = json.loads(resolved.to_json())
    if drawn:
        # One for all tasks, to which it is given: that of what an earlier call has written.
        stated = resolved.stated_seed(out, max_shard_size)
        seed, seeds = value if stated is None else stated, described["seeds"]
        described = json.loads(resolve(plan, seed, seeds).to_json())
    folder = os.path.dirname(os.path.abspath(out))
    if not os.path.isdir(folder):
        # Else each task finds it, and Ray raises an error of its own.
        raise FileNotFoundError(f"cannot write {os.fspath(out)}: there is no folder {folder}")
    if not ray.is_initialized():
        ray.init()
    if parts is None:
        parts = max(1, int(ray.cluster_resources().get("CPU", 1)) // num_cpus)
    options = {"max_shard_size": max_shard_size, "seed": seed, "seeds": seeds, "force": force}
    options |= {"threads": num_cpus, "resume": True}
    task = ray.remote(_write).options(
        num_cpus=num_cpus, max_retries=max_retries, scheduling_strategy="SPREAD"
    )
    given = ray.put((_movable(plan), os.path.abspath(out), options, varscale.__version__))
    pending = {task.remote(f"{part}/{parts}", given): part for part in range(1, parts + 1)}
    written = {}
    try:
        while pending:
            (done,), _ = ray.wait(list(pending))
            written[pending.pop(done)] = ray.get(done)
            if progress is not None:
                progress(len(written), parts)
    except BaseException:
        for left in pending:
            ray.cancel(left)
        raise
    made = [written[part] for part in sorted(written)]
    totals: dict[str, Any] = {key: sum(part[key] for part in made) for key in ("shards", "kept")}
    totals["stale"] = sorted({name for part in made for name in part["stale"]})
    return described | totals | {"parts": made}


def _write(part: str, given: Any) -> dict[str, Any]:
    """Writes a part, in a process of Ray's."""
    plan, out, options, version = given
    if varscale.__version__ != version:
        raise RuntimeError(
            f"The node has varscale {varscale.__version__}, and {version} asks it for a part"
        )
    start = time.monotonic()
    made = varscale.init(plan, out, part=part, **options)
    node = ray.get_runtime_context().get_node_id()
    done = {"part": part, "node": node, "seconds": time.monotonic() - start}
    return done | {key: made[key] for key in ("shards", "kept", "stale")}


def _movable(plan: Any) -> Any:
    """A plan as another process reads it, which starts in another folder."""
    if not isinstance(plan, Mapping):
        return os.path.abspath(plan)
    content = dict(plan)
    if "rules" in content:
        content["rules"] = rules_of(content["rules"])
    if not isinstance(content["spec"], Mapping):
        content["spec"] = os.path.abspath(content["spec"])
    include = content.get("include", [])
    names = [include] if isinstance(include, str) else include
    content["include"] = [
        os.path.abspath(name) if name.endswith(".toml") else name for name in names
    ]
    return content
