"""A module of the toolchain built by us and by plain `go build`, each with an empty build cache."""

from __future__ import annotations

import os
import sys
import tempfile

from benchmarks.figure import Figure
from cxlib.clients import process
from cxlib.settings import CHECKOUT
from cxlib.stage import toolchain

MODULE, ROUNDS = "etcd", 1
OURS = f"from cxlib.stage import toolchain; print(toolchain.ensure(only=['{MODULE}']))"


def measure() -> list[Figure]:
    """Times of both, and ours over plain; Python's own start is in ours."""
    ours, plain = [], []
    for _ in range(ROUNDS):
        plain.append(_plain())
        ours.append(_ours())
    ratio = min(ours) / min(plain)
    told = f"{ratio:.2f} x ({min(ours):.0f} s, plain {min(plain):.0f} s)"
    return [Figure(f"toolchain module {MODULE} built", told, "1.1 x plain go build", ratio <= 1.1)]


def _ours() -> float:
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as work:
        env = os.environ | {"GOCACHE": f"{work}/go", "CX_CACHE": f"{work}/cx"}
        return process.run([sys.executable, "-c", OURS], timeout=1800, cwd=CHECKOUT, env=env).seconds


def _plain() -> float:
    here = toolchain.SUPPLY / "modules" / MODULE
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as work:
        env = os.environ | {"GOCACHE": f"{work}/go", "CGO_ENABLED": "0"}
        argv = ["go", "build", "-trimpath", "-ldflags", "-s -w"]
        programs = toolchain.modules()[MODULE].programs
        return sum(
            process.run([*argv, "-o", f"{work}/{name}", package], timeout=1800, cwd=here, env=env).seconds
            for name, package in programs.items()
        )
