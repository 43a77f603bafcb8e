"""Writes the tables of BENCHMARKS.md and its plot from recorded runs of `varscale-bench --json`.

    python3 tools/plot_benchmarks.py bench/record/*.json

with matplotlib, from the repository root. The tables stand between two markers; the rest of
BENCHMARKS.md is written by hand.
"""

import json
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")
DTYPES = ("float32", "bfloat16", "float16", "float64", "float8_e4m3fn", "float8_e5m2")
SMALL = 1 << 14
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
PREFAULTED = "prefaulted"


def number(value, digits=3):
    """`value` to `digits` significant digits, without an exponent."""
    if value is None:
        return ""
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e" in text else text


def duration(seconds):
    for limit, scale, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1, 1e3, "ms")):
        if seconds < limit:
            return f"{number(seconds * scale)} {unit}"
    return f"{number(seconds)} s"


def table(header, rows, names):
    """A Markdown table; all columns but the first `names` are numbers."""
    rule = ["---"] * names + ["---:"] * (len(header) - names)
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows])


def unique(items):
    return list(dict.fromkeys(items))


def find(lines, **wanted):
    return next((x for x in lines if all(x[key] == value for key, value in wanted.items())), None)


def headline(record):
    machine, versions = record["machine"], record["versions"]
    memory = machine["memory_bytes"]
    parts = [
        record["date"],
        f"{machine['cpu'] or 'unknown CPU'} (family {machine['cpu_family']}, model "
        f"{machine['cpu_model']}), {machine['processors']} processors",
        f"{memory / 2**30:.0f} GiB" if memory else "unknown memory",
        f"{machine['os']} {machine['kernel']}, {machine['architecture']}",
        f"huge pages: {machine['transparent_huge_pages']}",
        f"instruction set **{machine['instruction_set']}**",
        f"varscale {versions['varscale']}, {versions['rustc']}",
        f"medians of {record['parameters']['repeats']}",
    ]
    return "; ".join(parts) + "."


def limits(record):
    rows = []
    for limit in record["store_limits"]:
        if limit["bytes"] < 1 << 26:
            continue
        rate = limit["bytes_per_second"]
        store = limit["stores"][0]["store"]
        row = [limit["memory"], str(limit["bytes"]), str(limit["threads"]), store]
        rows.append([*row, number(rate / 4e6, 4), number(rate / 1e9)])
    header = ["memory", "bytes", "threads", "fastest store", "M f32/s", "GB/s"]
    return "Store limit of large buffers:\n\n" + table(header, rows, 4)


def draws(record, memory, small):
    lines = [
        line
        for line in record["draws"]
        if line["stream"] == "native"
        and line["memory"] == memory
        and (line["values"] < SMALL) == small
    ]
    if not lines:
        return None
    dtypes = [dtype for dtype in DTYPES if find(lines, dtype=dtype)]
    rows = []
    for size, threads, distribution in unique(
        (line["size"], line["threads"], line["distribution"]) for line in lines
    ):
        row = [size, str(threads), distribution]
        for dtype in dtypes:
            line = find(lines, size=size, threads=threads, distribution=distribution, dtype=dtype)
            if line is None:
                row += ["", ""]
                continue
            seconds, rate = line["seconds"]["median"], line["values_per_second"]
            row.append(duration(seconds) if small else number(rate / 1e6, 4))
            row.append(f"{line['ratio_to_store_limit']:.2f}")
        rows.append(row)
    header = ["size", "threads", "distribution"]
    for dtype in dtypes:
        header += [dtype, "ratio"]
    unit = "Time per call" if small else "Million values per second"
    return f"{unit}, and ratio to the store limit; {memory}:\n\n" + table(header, rows, 3)


def scaling(record):
    """How much faster all threads are than one."""
    large = [x for x in record["draws"] if x["stream"] == "native" and x["bytes"] >= 1 << 26]
    most = max((line["threads"] for line in large), default=1)
    rows = []
    for line in large:
        key = {k: line[k] for k in ("distribution", "dtype", "size", "memory")}
        one = find(large, threads=1, **key)
        if line["threads"] == most > 1 and one and line["memory"].startswith(PREFAULTED):
            times = line["values_per_second"] / one["values_per_second"]
            rows.append([*key.values(), f"{times:.2f}"])
    header = ["distribution", "dtype", "size", "memory", "times"]
    return f"{most} threads against one:\n\n" + table(header, rows, 4) if rows else None


def peers(record):
    native = [line for line in record["draws"] if line["stream"] == "native"]
    rows = []
    for line in record["peer_draws"]:
        key = {k: line[k] for k in ("distribution", "dtype", "size", "threads")}
        own = [x for x in native if all(x[k] == v for k, v in key.items())]
        buffer = next((x for x in own if x["memory"].startswith(PREFAULTED)), None)
        allocated = find(own, memory="allocated by the call")
        stream = find(record["draws"], stream=line["peer"], **key)
        seconds = line["seconds"]["median"]
        rows.append(
            [line["peer"], f"`{line['call']}`", line["distribution"], line["dtype"], line["size"]]
            + [duration(seconds), number(line["values_per_second"] / 1e6)]
            + [number(seconds / x["seconds"]["median"]) if x else "" for x in (buffer, allocated)]
            + [number(seconds / stream["seconds"]["median"]) if stream else ""]
        )
    if not rows:
        return None
    header = ["peer", "call", "distribution", "dtype", "size", "per call", "M values/s"]
    header += ["into a buffer", "allocating", "same values"]
    versions = "; ".join(
        f"{peer['peer']}: " + ", ".join(f"{k} {v}" for k, v in peer["versions"].items())
        for peer in record["peers"]
    )
    text = "Peers, and how many times as fast varscale is: its native stream into a prefaulted "
    text += "buffer, its native stream with an allocation of its own, and its stream of the very "
    text += f"values that the peer draws. {versions}.\n\n"
    return text + table(header, rows, 5)


def streams(record):
    lines = [line for line in record["draws"] if line["stream"] != "native"]
    if not lines:
        return None
    rows = [
        [x["stream"], x["distribution"], x["dtype"], x["size"], str(x["threads"])]
        + [number(x["values_per_second"] / 1e6, 4), f"{x['ratio_to_store_limit']:.2f}"]
        for x in lines
    ]
    header = ["stream", "distribution", "dtype", "size", "threads", "M values/s", "ratio"]
    return "Frameworks' own streams:\n\n" + table(header, rows, 4)


def section(path, record):
    parts = [f"## {path.stem}", headline(record), limits(record)]
    for memory in unique(line["memory"] for line in record["draws"]):
        parts += [draws(record, memory, small) for small in (False, True)]
    parts += [scaling(record), streams(record), peers(record)]
    return "\n\n".join(part for part in parts if part)


def plot(record, path):
    """Rates of the largest prefaulted buffers on all threads, and of the fastest peers."""
    native = [
        line
        for line in record["draws"]
        if line["stream"] == "native" and line["memory"].startswith(PREFAULTED)
    ]
    most = max(line["threads"] for line in native)
    largest = max(line["bytes"] for line in native if line["dtype"] == "float32")
    bars = []
    for distribution in DISTRIBUTIONS:
        key = {"distribution": distribution, "dtype": "float32"}
        own = find(native, threads=most, bytes=largest, **key)
        if own:
            bars.append((f"varscale {distribution}", own["values_per_second"] / 1e6, "#b3411e"))
        large = [x for x in record["peer_draws"] if x["values"] > SMALL]
        rivals = [x for x in large if all(x[k] == v for k, v in key.items())]
        for rival in sorted(rivals, key=lambda x: -x["values_per_second"])[:4]:
            rate = rival["values_per_second"] / 1e6
            bars.append((f"{rival['peer']} {rival['call']}", rate, "#7aa6c2"))
    limit = max(
        (x for x in record["store_limits"] if x["bytes"] == largest and x["threads"] == most),
        key=lambda x: x["bytes_per_second"],
    )
    limit = limit["bytes_per_second"] / 4e6

    labels, rates, colors = zip(*bars)
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.27 * len(bars)), layout="constrained")
    drawn = axes.barh(range(len(bars)), rates, color=colors)
    axes.bar_label(drawn, [number(rate) for rate in rates], padding=3, fontsize=8)
    axes.set_yticks(range(len(bars)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(limit, color="#444444", linewidth=1, linestyle="--")
    axes.set(xscale="log", xlim=(1, 3 * max(limit, *rates)))
    axes.set_xlabel(f"million float32 values a second, {most} threads (log scale)")
    axes.set_title(f"Dashed: the store limit, {number(limit)} million a second", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main():
    """Rewrites BENCHMARKS.md and docs/benchmarks.png."""
    paths = [Path(argument) for argument in sys.argv[1:]]
    if not paths:
        sys.exit(__doc__)
    records = [json.loads(path.read_text()) for path in paths]
    page = Path("BENCHMARKS.md")
    tables = "\n\n".join(map(section, paths, records))
    marked = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    text, count = marked.subn(lambda _: f"{BEGIN}\n\n{tables}\n\n{END}", page.read_text())
    if count != 1:
        sys.exit(f"{page} must hold {BEGIN} and {END} once each")
    page.write_text(text)
    # The record with the most to show.
    plot(max(records, key=lambda record: len(record["peer_draws"])), Path("docs/benchmarks.png"))


if __name__ == "__main__":
    main()
