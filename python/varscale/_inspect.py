"""Checkpoints: what their values are, and what is wrong with them."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from varscale import _core
from varscale._plan import resolve


def inspect(
    checkpoint: str | os.PathLike[str],
    plan: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    match: str | Sequence[str] = (),
    threads: int = 0,
    progress: Callable[[int, int], Any] | None = None,
) -> dict[str, Any]:
    """What a checkpoint's values are, and what is wrong: ``varscale inspect`` as a function.

    Args:
        checkpoint: A safetensors file of any library, an index of some, or a folder with either.
        plan: A plan whose laws the values are judged by, as `init` takes it. By default the recipe
            in the checkpoint's metadata, or else what is usual.
        match: A glob, or several: only tensors whose names one of them matches.
        threads: Threads that count; 0 for one per processor. The result is the same.
        progress: Called with the bytes read and the bytes in all; what it raises stops the work.

    Returns:
        ``judged_by`` (``"plan"``, ``"recipe"`` or ``"usual-laws"``), ``note`` (why a recipe was not
        used), ``tensors`` with their ``statistics``, ``equal`` (sets of equal tensors) and
        ``findings``, each with its ``fault``, ``tensor`` and ``text``: as ``varscale inspect
        --json`` prints it.

    Raises:
        ValueError: where it is no checkpoint, or the plan is wrong; OSError: where a file cannot be
            read.

    >>> import tempfile, varscale
    >>> spec = {"fc.weight": {"dtype": "float32", "shape": [256, 784]}}
    >>> plan = {"spec": spec, "seed": 42, "rules": [{"match": "*", "initializer": "he_normal"}]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = f"{folder}/model.safetensors"
    ...     _ = varscale.init(plan, file)
    ...     found = varscale.inspect(file)
    >>> found["judged_by"], found["findings"], found["tensors"][0]["statistics"]["zeros"]
    ('recipe', [], 0)
    """
    globs = [match] if isinstance(match, str) else list(match)
    resolved = None if plan is None else resolve(plan, None, None)
    found: dict[str, Any] = json.loads(
        _core.inspect(Path(checkpoint), resolved, globs, threads, progress)
    )
    return found
