"""`cx status`, and how long the newest night took."""

from __future__ import annotations

import json
import statistics
import sys
import time

from benchmarks.figure import Figure, at_most
from cxlib.clients import process
from cxlib.settings import CHECKOUT, runs_root

TURNS = 3
REACH_SECONDS = 3.0
NIGHT_MINUTES = 10.0


def measure() -> list[Figure]:
    """The middle of three looks at the local site. Raises ``ProcessFailed`` when there is none."""
    argv = [sys.executable, "-m", "cxlib.cli", "status", "--json"]
    taken = []
    for _ in range(TURNS):
        began = time.monotonic()
        done = process.run(argv, timeout=60, cwd=CHECKOUT, expect=(0, 1))
        taken.append(time.monotonic() - began)
    told = json.loads(done.stdout)
    if not told["exists"]:
        return [Figure("cx status", "no site is up", f"{REACH_SECONDS:g} s")]
    note = "all agree" if told["agrees"] else f"{len(told['disagreements'])} disagree"
    return [at_most("cx status", statistics.median(taken), REACH_SECONDS, "s", note), night()]


def night() -> Figure:
    """The newest nightly run that this checkout keeps."""
    what, reach = "nightly", f"{NIGHT_MINUTES:g} min"
    for path in sorted(runs_root().glob("*/nightly.json"), reverse=True):
        record = path.with_name("record.json")
        if record.is_file():
            told = json.loads(record.read_text())
            return at_most(what, told["seconds"] / 60, NIGHT_MINUTES, "min", told["verdict"])
    return Figure(what, "none was run: pytest features/ -m nightly", reach)
