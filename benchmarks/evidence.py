"""Broken envelopes: each is refused with a reason, none with a traceback, and none opens a gate."""

from __future__ import annotations

import random
import time

from benchmarks.figure import Figure
from tests.evidence import fuzz, made

ENVELOPES = 10_000


def measure() -> list[Figure]:
    """Fuzz with a fixed seed. A believed one or an error of another kind ends it."""
    keys, begun = made.keys(), time.monotonic()
    rng = random.Random(4)  # noqa: S311 (the same envelopes every time)
    told = fuzz.run(keys.private, keys.public, ENVELOPES, rng)
    refused, seconds = sum(told.values()), time.monotonic() - begun
    said = f"{refused:,} refused, {len(told)} kinds of reason ({seconds:.0f} s)"
    return [Figure("fuzzed envelopes", said, f"{ENVELOPES:,} reasons, no PASS", refused == ENVELOPES)]
