"""How long it takes to find every scenario and bind its steps' modules."""

from __future__ import annotations

import sys

from benchmarks.figure import Figure, at_most
from cxlib.clients import process
from cxlib.settings import CHECKOUT

ROUNDS = 3


def measure() -> list[Figure]:
    """The best of a few runs of pytest, start and end of Python included."""
    argv = [sys.executable, "-m", "pytest", "features/", "--collect-only", "--quiet"]
    seconds = [process.run(argv, timeout=60, cwd=CHECKOUT).seconds for _ in range(ROUNDS)]
    return [at_most("collection of all features", min(seconds), 2, "s")]
