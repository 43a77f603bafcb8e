"""Compares golden data, made again, with the recorded ones: case by case, wherever they stand."""

import collections
import dataclasses
import json
from pathlib import Path
from typing import Any

import store
from cases import Case

FIELDS = tuple(field.name for field in dataclasses.fields(Case))
RESULTS = ("fan_in", "fan_out", "param_bits", "drawn_seed", "n", "sha256", "sum64")


class Report:
    """Counts what is the same, different, missing and new, and prints the rest in words."""

    def __init__(self) -> None:
        self.counts = {"same": 0, "different": 0, "missing": 0, "new": 0}

    def add(self, kind: str, *words: str) -> None:
        """Counts one item; prints it unless it is the same."""
        self.counts[kind] += 1
        if kind != "same":
            print(f"{kind}:", *words)

    @property
    def clean(self) -> bool:
        """Whether everything is the same."""
        return sum(self.counts.values()) == self.counts["same"]

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.counts.items())


def _name(entry: dict[str, Any]) -> str:
    described = [f"{name}={entry[name]}" for name in FIELDS if entry.get(name) is not None]
    return f"{entry['id']} ({', '.join(described)})"


def _differences(
    old: dict[str, Any], new: dict[str, Any], bits: tuple[list[int], list[int]]
) -> list[str]:
    """What differs between two entries for one case: nothing, if they are the same."""
    words = [
        f"{name} {old.get(name)} is now {new.get(name)}"
        for name in RESULTS
        if old.get(name) != new.get(name)
    ]
    stored = len(bits[0])
    if len(bits[1]) != stored:
        words.append(f"{stored} stored values are now {len(bits[1])}")
    elif steps := [abs(a - b) for a, b in zip(*bits, strict=True) if a != b]:
        words.append(f"{len(steps)} of {stored} stored values differ, by up to {max(steps)} ulp")
    return words


def draws(old: Path, new: Path, name: str) -> Report:
    """Compares the draws of a backend in two data folders."""
    report = Report()
    indexes = [store.read_json(folder / "index.json") for folder in (old, new)]
    made_on = [index["backends"].get(name, {}).get("made_on", {}) for index in indexes]
    for key in made_on[0] | made_on[1]:
        old_version, new_version = (versions.get(key) for versions in made_on)
        if old_version != new_version:
            print(f"note: {name}: {key} was {old_version}, and is now {new_version}")
    entries = [_by_case(index, name) for index in indexes]
    tensors = [store.read_bits(folder / f"{name}.safetensors") for folder in (old, new)]
    for case in entries[0] | entries[1]:
        if case not in entries[0]:
            report.add("new", _name(entries[1][case]))
        elif case not in entries[1]:
            report.add("missing", _name(entries[0][case]))
        else:
            was, now = (found[case] for found in entries)
            bits = store.stored(was, tensors[0]), store.stored(now, tensors[1])
            words = _differences(was, now, bits)
            report.add("different" if words else "same", _name(was), *words)
    return report


def _by_case(index: dict[str, Any], backend: str) -> dict[str, dict[str, Any]]:
    """The entries of a backend by what they describe."""
    entries = [entry for entry in index["cases"] if entry["backend"] == backend]
    found = {json.dumps([entry.get(name) for name in FIELDS]): entry for entry in entries}
    if len(found) != len(entries):
        raise ValueError(f"{backend}: {len(entries) - len(found)} cases stand twice in the index")
    return found


def lists(old: Path, new: Path) -> Report:
    """Compares two files of lists of objects: as text, with the order of their keys."""
    report = Report()
    contents = [store.read_json(path) for path in (old, new)]
    for name in contents[0] | contents[1]:
        counts = []
        for content in contents:
            items = content.get(name, [])
            items = [list(item) for item in items.items()] if isinstance(items, dict) else items
            counts.append(collections.Counter(map(json.dumps, items)))
        for item in counts[0] | counts[1]:
            kind = ("new", "missing")[counts[0][item] > counts[1][item]]
            report.add("same" if counts[0][item] == counts[1][item] else kind, name, item)
    return report
