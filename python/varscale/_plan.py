"""Whole models: a plan carried out."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from varscale._core import Plan
from varscale._rules import rules_of, seed_text, to_json


def init(
    plan: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    seed: Any = None,
    seeds: Literal["by-name", "same"] | None = None,
    threads: int = 0,
    force: bool = False,
    progress: Callable[[int, int], Any] | None = None,
    max_shard_size: str | int | None = None,
    part: str | None = None,
    resume: bool = False,
    memory: str | int | None = None,
    digests: bool = False,
) -> dict[str, Any]:
    """Writes the checkpoint of a plan: the command ``varscale init`` as a function.

    The file is written beside `out` and takes its name once it is whole; memory does not grow with
    the model.

    Args:
        plan: A plan file (TOML), or its content as a mapping, with a spec as ``spec``, or its file;
            or a checkpoint that was written so, to be drawn again. A rule's initializer is a name,
            a config, or an initializer of varscale or of Keras.
        out: File to write, a safetensors file, and none of the plan's own files.
        seed: An integer, in place of the plan's.
        seeds: What becomes of a seed that several tensors share, under a framework's stream, which
            knows no names: ``"by-name"`` makes each its own, ``"same"`` draws them alike. In place
            of the plan's.
        threads: Threads that draw; 0 for one per processor. The values are the same.
        force: Whether `out` is replaced where it exists.
        progress: Called with the bytes drawn and the bytes in all; what it raises stops the work.
        max_shard_size: The most bytes of values in a file, as a number or as in ``"5GB"`` (10^9)
            and ``"5GiB"`` (2^30): ``model-00001-of-00003.safetensors`` and so on are written, and
            ``model.safetensors.index.json``, unless all fits into `out`.
        part: Which of the shards are written: ``"3/16"`` is part 3 of 16; ``"auto"`` and
            ``"auto/16"`` take it from what launched the process, as the command does.
        resume: Whether files that are there and right are kept; what is there and wrong is refused
            unless `force`. A plan without a seed takes the one that they state.
        memory: The most that the buffers of all threads may take, as `max_shard_size` is given; 12
            to 48 MiB, by the number of processors, where it is not.
        digests: Whether ``NAME.sha256`` is written beside each file: its SHA-256, and that of each
            tensor.

    Returns:
        The resolved plan, as ``varscale plan --json`` shows it, with the ``seed``; how many files
        of values were written (``shards``) and how many `resume` has ``kept``; and what is
        ``stale`` beside them and left there: files of another number of shards, digests of others.

    Raises:
        ValueError: where the plan or the spec is wrong; OSError: where a file cannot be read or
            written, FileExistsError where `out` exists. `out` is what it was then.

    >>> import tempfile, varscale
    >>> rules = [{"match": "*", "initializer": varscale.VarianceScaling(2.0, "fan_out")}]
    >>> spec = {"fc.weight": {"dtype": "float32", "shape": [256, 784]}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = f"{folder}/model.safetensors"
    ...     plan = varscale.init({"spec": spec, "rules": rules, "seed": 42}, file)
    >>> plan["totals"]["parameters"]
    200704
    """
    resolved = resolve(plan, seed, seeds)
    if part is not None and max_shard_size is None:
        raise ValueError(f"`part` needs `max_shard_size`. Received: {part!r}")
    if resolved.seed()[1]:
        stated = resolved.stated_seed(Path(out), max_shard_size) if resume else None
        if stated is not None:
            resolved = resolve(plan, stated, json.loads(resolved.to_json())["seeds"])
        elif part is not None:
            raise ValueError(
                "Give a `seed`: without one, each part draws its own, and they make no "
                "checkpoint together"
            )
    shards, kept, stale = resolved.write(
        Path(out), threads, force, progress, max_shard_size, part, resume, memory, digests
    )
    described: dict[str, Any] = json.loads(resolved.to_json())
    return described | {"shards": shards, "kept": kept, "stale": stale}


def missing(
    plan: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    max_shard_size: str | int | None = None,
    parts: int | None = None,
    seed: Any = None,
    seeds: Literal["by-name", "same"] | None = None,
) -> dict[str, Any]:
    """Which parts of a checkpoint are still to be written: ``varscale missing`` as a function.

    Files that are there are told by their length and header; no values are read.

    Args:
        plan: As for `init`.
        out: File as `init` got it: the shards and the index are beside it.
        max_shard_size: The limit that `init` got. By default, what is there tells it.
        parts: How many parts there are. By default, each shard is one.
        seed: An integer, in place of the plan's. By default the plan's, or that of what is there.
        seeds: As for `init`.

    Returns:
        ``parts`` (how many there are), ``missing`` (their numbers: `init` has something to write
        for ``part=f"{number}/{parts}"``) and ``wrong`` (for each file that is there and wrong,
        ``file`` and ``difference``): as ``varscale missing --json`` prints it.

    Raises:
        ValueError: where the plan is wrong or has no seed, or `max_shard_size` is not given and
            what is there does not tell it; OSError: where a file cannot be read.

    >>> import tempfile, varscale
    >>> spec = {f"h.{i}": {"dtype": "float32", "shape": [64]} for i in range(4)}
    >>> plan = {"spec": spec, "seed": 42, "rules": [{"match": "*", "initializer": "he_normal"}]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = f"{folder}/model.safetensors"
    ...     _ = varscale.init(plan, out, max_shard_size=256, part="2/4")
    ...     varscale.missing(plan, out)
    {'parts': 4, 'missing': [1, 3, 4], 'wrong': []}
    """
    if parts is not None and (type(parts) is not int or parts < 1):
        raise ValueError(f"`parts` must be an integer of at least 1. Received: {parts!r}")
    resolved = resolve(plan, seed, seeds)
    if resolved.seed()[1]:
        stated = resolved.stated_seed(Path(out), max_shard_size, found=True)
        if stated is None:
            raise ValueError("Give a `seed`: without one, nothing can be compared")
        resolved = resolve(plan, stated, json.loads(resolved.to_json())["seeds"])
    count, left, wrong = resolved.missing(Path(out), max_shard_size, parts)
    faults = [{"file": file, "difference": difference} for file, difference in wrong]
    return {"parts": count, "missing": left, "wrong": faults}


def resolve(plan: Any, seed: Any, seeds: str | None, spec: Mapping[str, Any] | None = None) -> Plan:
    """The plan of a plan file, of its content, or of a checkpoint; `spec` goes before theirs.

    Raises:
        As `init`.
    """
    if not isinstance(plan, Mapping):
        if not isinstance(plan, (str, os.PathLike)):
            raise TypeError(f"`plan` must be a file or a mapping. Received: {plan!r}")
        return Plan.read(Path(plan), seed, seeds, None if spec is None else json.dumps(spec))
    content = dict(plan)
    if seeds is not None:
        content["seeds"] = seeds
    if "rules" in content:
        content["rules"] = rules_of(content["rules"])
    if content.get("seed") is not None:
        content["seed"] = seed_text(content["seed"])
    own = content.pop("spec", None)
    spec = own if spec is None else spec
    if spec is None:
        raise ValueError("The plan has no `spec`")
    if isinstance(spec, Mapping):
        return Plan.resolve(json.dumps(spec), to_json("The plan", {"spec": "", **content}), seed)
    return Plan.resolve(None, to_json("The plan", {"spec": os.fspath(spec), **content}), seed)
