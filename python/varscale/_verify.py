"""Verification: whether a checkpoint is what its plan draws."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

from varscale import _core
from varscale._plan import resolve


@dataclass(frozen=True)
class Verification:
    """What `verify` found; true where the checkpoint is identical.

    Attributes:
        identical: Whether every tensor is there with the plan's values, and no other is;
            conversions to another float dtype (`rounded`) aside.
        tensors: Tensors that were compared.
        values: Values that were compared.
        total: Values of these tensors: more, of a sample.
        bytes: Bytes of the checkpoint that were compared.
        differing: For each tensor with other values its name (``tensor``) and its file's
            (``file``), how many ``values`` differ, the ``index`` of the first one, what is
            ``stored`` and what is ``planned`` there, the ``largest`` distance, and how many are
            ``not_finite``.
        missing: Names of the plan that the checkpoint lacks.
        added: Names of the checkpoint that the plan lacks.
        renamed: For each tensor with another name, the one ``planned`` and the one ``stored``.
        mismatched: For each tensor of another shape or dtype, both.
        rounded: For each conversion, the dtypes ``from`` and ``to``, and how many ``tensors``.
        not_verified: Names of the checkpoint that the plan skips.
        changed_metadata: Files whose metadata was changed.
        form: ``"as-written"``, or ``"other-names"`` (of shards), ``"other-shards"``,
            ``"other-order"``, which are no differences.
        files: Files that were read.
        seconds: Time taken.

    >>> import tempfile, varscale
    >>> plan = {"spec": {"b": {"dtype": "F32", "shape": [3]}}, "seed": 1}
    >>> plan["rules"] = [{"match": "b", "initializer": "zeros"}]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = varscale.init(plan, f"{folder}/model.safetensors")
    ...     ones = plan | {"rules": [{"match": "b", "initializer": "ones"}]}
    ...     found = varscale.verify(f"{folder}/model.safetensors", ones)
    >>> found.identical, found.differing[0]["index"], found.differing[0]["largest"]
    (False, [0], 1.0)
    """

    identical: bool
    tensors: int
    values: int
    total: int
    bytes: int
    differing: list[dict[str, Any]]
    missing: list[str]
    added: list[str]
    renamed: list[dict[str, str]]
    mismatched: list[dict[str, Any]]
    rounded: list[dict[str, Any]]
    not_verified: list[str]
    changed_metadata: list[str]
    form: Literal["as-written", "other-names", "other-shards", "other-order"]
    files: int
    seconds: float

    def __bool__(self) -> bool:
        return self.identical


@dataclass(frozen=True)
class Proof:
    """What `verify` found by digests; true where the checkpoint is identical.

    Attributes:
        identical: Whether every tensor is there with the values of the digests, and no other is.
        tensors: Tensors that are the digests'.
        bytes: Bytes of their values.
        files: Files that are the digests' to the last byte.
        by_tensors: The other files, whose tensors were compared one by one.
        other_headers: Files that another program saved again, with the right values: no difference.
        differing_files: Files that are not their digests', where no digests of tensors tell more.
        changed_metadata: Files whose metadata was changed.
        differing: Names of tensors with other values.
        mismatched: For each tensor of another shape or dtype, both.
        missing: Names of the digests that the checkpoint lacks.
        added: Names of the checkpoint that the digests lack.
        seconds: Time taken.

    >>> import tempfile, varscale
    >>> plan = {"spec": {"b": {"dtype": "F32", "shape": [3]}}, "seed": 1}
    >>> plan["rules"] = [{"match": "b", "initializer": "ones"}]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = f"{folder}/model.safetensors"
    ...     _ = varscale.init(plan, file, digests=True)
    ...     proof = varscale.verify(file, digests=f"{file}.sha256")
    >>> proof.identical, proof.files
    (True, ['model.safetensors'])
    """

    identical: bool
    tensors: int
    bytes: int
    files: list[str]
    by_tensors: list[str]
    other_headers: list[str]
    differing_files: list[str]
    changed_metadata: list[str]
    differing: list[str]
    mismatched: list[dict[str, Any]]
    missing: list[str]
    added: list[str]
    seconds: float

    def __bool__(self) -> bool:
        return self.identical


@overload
def verify(
    checkpoint: str | os.PathLike[str],
    plan: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    seed: Any = None,
    seeds: Literal["by-name", "same"] | None = None,
    sample: str | float | None = None,
    digests: None = None,
    threads: int = 0,
    progress: Callable[[int, int], Any] | None = None,
) -> Verification: ...
@overload
def verify(
    checkpoint: str | os.PathLike[str],
    *,
    digests: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    threads: int = 0,
    progress: Callable[[int, int], Any] | None = None,
) -> Proof: ...
def verify(
    checkpoint: str | os.PathLike[str],
    plan: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    seed: Any = None,
    seeds: Literal["by-name", "same"] | None = None,
    sample: str | float | None = None,
    digests: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    threads: int = 0,
    progress: Callable[[int, int], Any] | None = None,
) -> Verification | Proof:
    """Draws a checkpoint's plan again and compares: the command ``varscale verify`` as a function.

    Args:
        checkpoint: A safetensors file, an index of some, or a folder with either.
        plan: Its plan, as `init` takes it, or another checkpoint; by default the one that the
            checkpoint's metadata holds.
        seed: An integer, in place of the plan's.
        seeds: As of `init`.
        sample: A share of every tensor's values, such as ``"1%"`` or 0.01, in place of all.
        digests: A digest file (``NAME.sha256``) that `init` wrote, or those of several shards: they
            are compared in place of a plan, and nothing is drawn.
        threads: Threads that draw, or read; 0 for one per processor.
        progress: Called with the bytes drawn and the bytes in all; what it raises stops the work.
            With `digests`, with the bytes read, by any thread.

    Returns:
        What was found, a `Verification` or with `digests` a `Proof`, which is true where the
        checkpoint is identical.

    Raises:
        ValueError: where `checkpoint` is none or is damaged, or the plan is wrong or has no seed;
            OSError: where a file cannot be read.

    >>> import tempfile, varscale
    >>> spec = {"fc.weight": {"dtype": "float32", "shape": [256, 784]}}
    >>> rules = [{"match": "*", "initializer": "he_normal"}]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = f"{folder}/model.safetensors"
    ...     plan = varscale.init({"spec": spec, "rules": rules, "seed": 42}, file)
    ...     found = varscale.verify(file)
    >>> found.identical, found.values
    (True, 200704)
    """
    path = Path(checkpoint)
    if digests is not None:
        of_plan = {"plan": plan, "seed": seed, "seeds": seeds, "sample": sample}
        for name, value in of_plan.items():
            if value is not None:
                raise ValueError(f"`digests` are compared, and no plan: `{name}` must not be given")
        if isinstance(digests, (str, os.PathLike)):
            digests = [digests]
        files = [Path(file) for file in digests]
        if not files:
            raise ValueError("`digests` must name a digest file or several. Received: none")
        return Proof(**json.loads(_core.prove(path, files, threads, progress)))
    resolved = None if plan is None else resolve(plan, seed, seeds)
    if resolved is not None:
        seed, seeds = None, None
    found = _core.verify(path, resolved, seed, seeds, sample, threads, progress)
    return Verification(**json.loads(found))
