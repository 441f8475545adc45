"""Loads as a generator leaves them, made at once."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

from cxlib.clients.locust import Errand

BEGUN = 1_790_000_000.0


def answered(errand: Errand, scratch: Path) -> tuple[list[Path], int]:
    """A load of 60 s under which every request is answered in 10 ms."""
    return _save(scratch, status=200, error=0, seconds=0.010)


def refused(errand: Errand, scratch: Path) -> tuple[list[Path], int]:
    """The same, with every request refused."""
    return _save(scratch, status=0, error=2, seconds=0.001)


def _save(scratch: Path, *, status: int, error: int, seconds: float) -> tuple[list[Path], int]:
    n = 600
    times = array("d", (BEGUN + i / 10 for i in range(n)))
    columns: dict[str, array[float] | array[int]] = {
        "scheduled": times,
        "started": times,
        "finished": array("d", (t + seconds for t in times)),
        "status": array("h", [status] * n),
        "level": array("h", [-1] * n),
        "name": array("i", [1] * n),
        "error": array("i", [error] * n),
    }
    for name, column in columns.items():
        (scratch / f"{name}.raw").write_bytes(column.tobytes())
    facts = {"texts": ["", "POST /predict", "refused"], "level_starts": [BEGUN], "ended": BEGUN + 60}
    facts |= {"generator_cpu": 0.1, "generator_first": False}
    (scratch / "facts.json").write_text(json.dumps(facts))
    return [scratch], 0
