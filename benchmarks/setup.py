"""What `make staging` pays each time before it starts."""

from __future__ import annotations

import sys

from benchmarks.figure import Figure, at_most
from cxlib.clients import process
from cxlib.settings import CHECKOUT

ROUNDS = 3


def measure() -> list[Figure]:
    """`cx setup` with everything in place. Raises ``ProcessFailed`` if it fails."""
    argv = [sys.executable, "-m", "cxlib.cli", "setup"]
    done = [process.run(argv, timeout=60, cwd=CHECKOUT) for _ in range(ROUNDS)]
    return [at_most("cx setup, all in place", min(d.seconds for d in done), 2, "s")]
