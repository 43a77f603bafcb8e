"""The command `varscale`, as the wheel installs it."""

import signal
import sys

from varscale import _core


def main() -> int:
    """Runs the command with the process's arguments."""
    sys.stdout.flush()
    # The command watches for Ctrl-C itself; Python would tell of it again, with a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _core.main(["varscale", *sys.argv[1:]])
