"""A module of the toolchain built by us and by plain `go build`, each with an empty build cache."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable

from benchmarks.figure import Figure
from cxlib.clients import process
from cxlib.settings import CHECKOUT
from cxlib.stage import toolchain

# Small, but with an empty cache it compiles much of Go's library: minutes of a larger one would tell no more.
MODULE, ROUNDS = "pause", 3
OURS = f"from cxlib.stage import toolchain; print(toolchain.ensure(only=['{MODULE}']))"


def measure() -> list[Figure]:
    """Both in turns, the best of each; the processor time tells whether a busy machine spoilt the clock."""
    plain, ours = [], []
    for _ in range(ROUNDS):
        plain.append(_timed(_plain))
        ours.append(_timed(_ours))
    (wall, work), (plain_wall, plain_work) = map(_best, (ours, plain))
    ratio = wall / plain_wall
    told = f"{ratio:.2f} x ({wall:.1f} s, plain {plain_wall:.1f} s; processor {work / plain_work:.2f} x)"
    return [Figure(f"toolchain module {MODULE} built", told, "1.1 x plain go build", ratio <= 1.1)]


def _timed(build: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock and of processor time of a build and all its children."""
    begun, before = time.monotonic(), _processor()
    build()
    return time.monotonic() - begun, _processor() - before


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _best(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    return min(wall for wall, _ in rounds), min(work for _, work in rounds)


def _ours() -> None:
    """As `cx setup` does it; Python's own start is in it."""
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as work:
        env = os.environ | {"GOCACHE": f"{work}/go", "CX_CACHE": f"{work}/cx"}
        process.run([sys.executable, "-c", OURS], timeout=1800, cwd=CHECKOUT, env=env)


def _plain() -> None:
    here = toolchain.SUPPLY / "modules" / MODULE
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as work:
        env = os.environ | {"GOCACHE": f"{work}/go", "CGO_ENABLED": "0"}
        argv = ["go", "build", "-trimpath", "-ldflags", "-s -w"]
        for name, package in toolchain.modules()[MODULE].programs.items():
            process.run([*argv, "-o", f"{work}/{name}", package], timeout=1800, cwd=here, env=env)
