"""The command `varscale`, as the wheel installs it."""

import sys

from varscale import _core


def main() -> int:
    """Runs the command with the process's arguments."""
    sys.stdout.flush()
    return _core.main(["varscale", *sys.argv[1:]])
