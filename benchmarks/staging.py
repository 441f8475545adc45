"""Whole runs to staging: what earlier ones took, and, when asked, one from nothing and one more."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, at_most
from cxlib import settings
from cxlib.clients import podman, process

SHOWN = 4


def stored() -> list[Figure]:
    """The last green runs by the records in their folders, without their load's own duration."""
    figures: list[Figure] = []
    for folder in sorted(settings.runs_root().glob("2*"), reverse=True):
        record = _record(folder)
        other = bool(record and (record.get("history") or record.get("part")))
        if record and not other and (record["verdict"], record["environment"]) == ("GREEN", "staging"):
            figures.append(Figure(f"staging at {record['started'][:16]}", _told(record, _load(folder))))
    return figures[:SHOWN] or [Figure("staging", "no green run is stored in .cx/runs")]


def measure() -> list[Figure]:
    """`pytest features/ --env=staging`, twice; the first counts as from nothing only without a site."""
    there = bool(podman.states("local"))
    first, second = _run(), _run()
    what = "staging with caches" + (", site there already" if there else ", no site")
    return [
        at_most(f"{what}, less load", first / 60, 6, "min"),
        at_most("staging again, all in place", second, 45, "s", "less load"),
    ]


def _run() -> float:
    """Seconds of a whole green run, less its load."""
    argv = [sys.executable, "-m", "pytest", "features/", "--env=staging"]
    seconds = process.run(argv, timeout=3600, cwd=settings.CHECKOUT).seconds
    return seconds - _load((settings.runs_root() / "latest").resolve())


def _record(folder: Path) -> dict[str, Any] | None:
    path = folder / "record.json"
    return dict(json.loads(path.read_text())) if path.is_file() else None


def _load(folder: Path) -> float:
    """Seconds of load in a run: what its load runs' own records say."""
    return float(sum(json.loads(p.read_text())["actual_seconds"] for p in folder.rglob("run.json")))


def _told(record: dict[str, Any], load: float) -> str:
    stages = ", ".join(f"{s['name']} {s['seconds']:.0f}" for s in record["stages"])
    count = len(record["scenarios"])
    return f"{record['seconds'] - load:.0f} s and {load:.0f} s of load, {count} scenarios ({stages})"
