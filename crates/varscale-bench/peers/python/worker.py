"""The protocol of `varscale-bench --peers`: draws when told to, and says how long it took.

A peer describes its calls, one JSON object a line; then each request names one, with a shape and how
often to call it, and is answered with the seconds that all these calls took. See
`crates/varscale-bench/src/peer.rs`.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

# (call, distribution, dtype) -> a function that takes a shape and returns what to call, which
# returns when the values are in memory.
Calls = dict[tuple[str, str, str], Callable[[tuple[int, ...]], Callable[[], object]]]


def serve(packages: list[str], calls: Calls) -> None:
    """Answers requests until the input ends."""
    # Libraries print; only answers may stand on the standard output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict) -> None:
        print(json.dumps(message), file=answers, flush=True)

    names = ("call", "distribution", "dtype")
    answer(
        {
            "versions": {package: version(package) for package in packages}
            | {"python": sys.version.split()[0]},
            "calls": [dict(zip(names, key)) for key in calls],
        }
    )
    for line in sys.stdin:
        request = json.loads(line)
        try:
            make = calls[tuple(request[name] for name in names)]
            draw = make(tuple(request["shape"]))
            start = time.perf_counter()
            for _ in range(request["repeats"]):
                draw()
            answer({"seconds": time.perf_counter() - start})
        except Exception as error:  # noqa: BLE001: whatever it is, the benchmark reports it
            answer({"error": repr(error)})
