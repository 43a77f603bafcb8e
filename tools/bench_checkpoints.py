"""Measures checkpoints as files: written beside zeros, read beside a plain read, in turns of one run.

    python3 tools/bench_checkpoints.py target/release/varscale examples/llama-3-8b.toml FOLDER RECORD.json

FOLDER is on the disk that is measured, with room for one checkpoint; the record is of one machine that
does nothing else. A file is cold when it was dropped from the system's cache (posix_fadvise).
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

SHARD = "2GB"
ROUNDS = 3
PARTS = 16
BLOCK = 8 << 20


def run(*command: object) -> tuple[float, int]:
    """Seconds and the most memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{command} failed: {status}")
    return seconds, usage.ru_maxrss * 1024


def zeros(folder: Path, sizes: list[int]) -> float:
    """Seconds that dd takes to write files of these sizes, past the cache and to the disk."""
    start = time.perf_counter()
    for number, size in enumerate(sizes):
        command = [
            "dd",
            "if=/dev/zero",
            f"of={folder / str(number)}",
            f"bs={BLOCK}",
            "oflag=direct",
        ]
        count = [f"count={-(-size // BLOCK)}", "conv=fsync", "status=none"]
        subprocess.run([*command, *count], check=True)
    return time.perf_counter() - start


def plain_read(paths: list[Path]) -> float:
    """Seconds that dd takes to read files once."""
    start = time.perf_counter()
    for path in paths:
        command = ["dd", f"if={path}", "of=/dev/null", "bs=16M", "status=none"]
        subprocess.run(command, check=True)
    return time.perf_counter() - start


def cool(paths: list[Path]) -> None:
    """Drops files from the system's cache."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    time.sleep(1)


def empty(folder: Path) -> Path:
    """The folder, with nothing in it, after a pause for the disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.sync()
    time.sleep(2)
    return folder


def main() -> None:
    """Measures, and writes the record."""
    varscale, plan, folder, record = sys.argv[1:]
    output = Path(folder) / "checkpoint" / "model.safetensors"
    limit = ["--max-shard-size", SHARD]
    taken: dict[str, list[float]] = {}
    memory: dict[str, int] = {}

    def take(name: str, measured: float | tuple[float, int]) -> None:
        seconds, bytes_ = measured if isinstance(measured, tuple) else (measured, 0)
        taken.setdefault(name, []).append(seconds)
        memory[name] = max(memory.get(name, 0), bytes_)
        print(f"{name:24} {seconds:8.3f} s", flush=True)

    sizes: list[int] = []
    for _ in range(ROUNDS):
        if sizes:
            take("zeros", zeros(empty(output.parent), sizes))
        empty(output.parent)
        write = (varscale, "init", plan, "-o", output, *limit, "--quiet")
        take("init in shards", run(*write))
        paths = sorted(output.parent.glob("*.safetensors"))
        if not sizes:
            sizes = [path.stat().st_size for path in paths]
            take("zeros", zeros(empty(output.parent), sizes))
            empty(output.parent)
            run(*write)
        dry = (varscale, "init", plan, "-o", output, *limit, "--quiet", "--dry-run")
        take("init --dry-run", run(*dry))
        parts = [run(*dry, "--part", f"{part}/{PARTS}") for part in range(1, PARTS + 1)]
        parts_memory = max(part[1] for part in parts)
        take(
            f"init --dry-run, {PARTS} parts",
            (sum(part[0] for part in parts), parts_memory),
        )
        cool(paths)
        take("plain read", plain_read(paths))
        for command in ["inspect", "verify"]:
            cool(paths)
            take(command, run(varscale, command, output.parent))
    write = (varscale, "init", plan, "-o", output, *limit, "--quiet", "--digests")
    empty(output.parent)
    take("init --digests", run(*write))
    shutil.rmtree(output.parent)

    cpu = Path("/proc/cpuinfo").read_text().split("model name\t: ")[-1].splitlines()[0]
    found = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cpu": cpu,
            "processors": os.cpu_count(),
            "kernel": platform.release(),
        },
        "versions": subprocess.run(
            [varscale, "--version"], check=True, capture_output=True, text=True
        ).stdout.strip(),
        "plan": plan,
        "max_shard_size": SHARD,
        "bytes": sum(sizes),
        "seconds": {
            name: {"median": statistics.median(samples), "samples": samples}
            for name, samples in taken.items()
        },
        "most_memory_bytes": {
            name: bytes_ for name, bytes_ in memory.items() if bytes_
        },
    }
    Path(record).parent.mkdir(parents=True, exist_ok=True)
    Path(record).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
