"""Records what the adapters' examples print: varscale beside the framework's own initialization.

    python3 tools/record_adapters.py digits [ADAPTER]...   # how networks learn; plots it
    python3 tools/record_adapters.py speed [ADAPTER]...    # time and memory; a machine that rests

with matplotlib, from the repository root. Writes bench/record/digits/ADAPTER.json and
docs/digits-ADAPTER.svg, or bench/record/adapters/ADAPTER.json and a table, on the standard output.
"""

import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, MaxNLocator

# The crates of each adapter's framework that decide what is recorded.
CRATES = {
    "burn": ["burn-core", "burn-flex", "rand"],
    "candle": ["candle-core", "candle-nn", "rand"],
    "ndarray": ["ndarray", "ndarray-rand", "rand"],
}
TURNS = 15
# They stand out from white and from black, as the grey of the text does.
COLORS = ("#d1603d", "#3d8fd1")
GREY = "#808080"


def output(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def example(adapter: str, *arguments: str) -> list[list[str]]:
    """The lines of an example, by columns."""
    printed = output("cargo", "run", "--package", f"varscale-{adapter}", "--example", *arguments)
    return [re.split(" {2,}", line.strip()) for line in printed.splitlines()]


def circumstances(adapter: str) -> dict:
    """When, where and with what something is recorded."""
    tree = ["cargo", "tree", "--package", f"varscale-{adapter}", "--edges", "normal,dev"]
    crates = {tuple(line.split()[:2]) for line in output(*tree, "--prefix", "none").splitlines()}
    cpu = Path("/proc/cpuinfo").read_text().split("model name\t: ")[-1].splitlines()[0]
    versions = {
        name: ", ".join(
            version[1:] for crate, version in sorted(filter(len, crates)) if crate == name
        )
        for name in ("varscale", *CRATES[adapter])
    }
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cpu": cpu,
            "processors": os.cpu_count(),
            "kernel": platform.release(),
            "load_average": os.getloadavg()[0],
        },
        "versions": {"rustc": output("rustc", "--version").strip()} | versions,
    }


def write(folder: str, adapter: str, recorded: list[dict]) -> None:
    """A record of this adapter."""
    path = Path("bench/record", folder, f"{adapter}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(circumstances(adapter) | {folder: recorded}, indent=2) + "\n")


def digits(adapter: str) -> None:
    """Records and plots the losses of each seed."""
    runs = [
        {
            "initializer": initializer,
            "seed": seed,
            "accuracy": float(accuracy),
            "losses": json.loads(losses),
        }
        for initializer, seed, accuracy, losses in example(adapter, "digits")[1:]
    ]
    write("digits", adapter, runs)
    plot(runs, Path(f"docs/digits-{adapter}.svg"))


def plot(runs: list[dict], path: Path) -> None:
    """A thin line for each run, and the median of each initializer's."""
    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": path.stem}
    grey = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    plt.rcParams |= dict.fromkeys(grey, GREY)
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for initializer, color in zip(dict.fromkeys(run["initializer"] for run in runs), COLORS):
        losses = [run["losses"] for run in runs if run["initializer"] == initializer]
        for line in losses:
            axes.plot(line, color=color, linewidth=0.6, alpha=0.6)
        median = list(map(statistics.median, zip(*losses)))
        axes.plot(
            median, color=color, linewidth=2.2, label=f"{initializer}: median of {len(losses)}"
        )
    axes.set(yscale="log", xlim=(0, None), xlabel="epochs of 1,500 images")
    axes.set_ylabel("cross-entropy of 297 unseen images (nats)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, transparent=True, metadata={"Date": None})
    path.write_text(re.sub(" +$", "", path.read_text(), flags=re.MULTILINE))


def speed(adapter: str) -> None:
    """Records and prints the time and the memory of each way, each in turn."""
    taken: dict[tuple[str, ...], list[tuple[float, int]]] = {}
    ways = [way[:2] for way in example(adapter, "speed", "--release")[1:]]
    for _ in range(TURNS):
        # In any order: what one frees, in large pages or small ones, the next one gets.
        for one in random.sample(ways, len(ways)):
            ((*way, seconds, most),) = example(adapter, "speed", "--release", "--", *one)
            taken.setdefault(tuple(way), []).append((float(seconds), int(most)))
    found = []
    for way, dtype, parameters in sorted(taken, key=lambda way: ways.index(list(way[:2]))):
        seconds, most = zip(*taken[way, dtype, parameters])
        median = statistics.median(seconds)
        print(f"| {way} | {dtype} | {median:.2f} | {max(most)} |")
        found.append({"way": way, "dtype": dtype, "parameters": int(parameters)})
        found[-1] |= {"seconds": {"median": median, "samples": seconds}, "most_mib": max(most)}
    write("adapters", adapter, found)


def main() -> None:
    """Records what is asked for, of all adapters if none is named."""
    record = {"digits": digits, "speed": speed}.get("".join(sys.argv[1:2]))
    if record is None:
        sys.exit(__doc__)
    for adapter in sys.argv[2:] or CRATES:
        record(adapter)


if __name__ == "__main__":
    main()
