"""`make test` from a warm environment."""

from __future__ import annotations

from benchmarks.figure import Figure, at_most
from cxlib.clients import process
from cxlib.settings import CHECKOUT


def measure() -> list[Figure]:
    """All of it once, as a developer runs it; the exhaustive tier is CI's.

    Raises ``ProcessFailed`` when it isn't green.
    """
    done = process.run(["make", "test"], timeout=900, cwd=CHECKOUT)
    return [at_most("make test", done.seconds / 60, 3, "min")]
