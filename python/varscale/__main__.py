"""The command `varscale`, as ``python -m varscale``."""

import sys

from varscale._command import main

sys.exit(main())
