"""The gate around a load run against plain Locust with the same arguments, on a service of its own."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure
from cxlib.clients import locustfile, process
from cxlib.clients.locust import STOP_SECONDS
from cxlib.judge.warmup import WarmUpRule
from cxlib.model.load import LoadLevel
from cxlib.model.run import Served
from cxlib.stage.gate import run_gate
from tests.load.known_delay import answering

USERS, SECONDS, ROUNDS = 8, 20.0, 2
METRICS = ("p95 of POST /predict < 5 s", "fail of POST /predict < 5 %")
# A run this short has no time to become steady; that it is judged costs the same.
ANY = WarmUpRule(seconds=0.5, needed=2, most=100, tolerance=1.0)


def measure() -> list[Figure]:
    """Both in turns; the gate may take 1.05 times plain Locust's time and 2 s."""
    plain, gated = [], []
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as folder, answering(Path(folder), 0.0) as url:
        for _ in range(ROUNDS):
            plain.append(_plain(url))
            gated.append(_gated(url))
    # The gate's first run also imports what it judges with, as a run of the features does.
    limit = 1.05 * min(plain) + 2
    told = f"{gated[0]:.1f} s, again {min(gated):.1f} s; plain Locust {min(plain):.1f} s"
    return [Figure("gate around a load run", told, f"1.05 x plain + 2 s = {limit:.1f} s", gated[0] <= limit)]


def _plain(url: str) -> float:
    argv = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--host", url]
    argv += [
        "--locustfile",
        str(locustfile.FOLDER / "classify.py"),
        "--users",
        str(USERS),
        "--spawn-rate",
        "1000",
    ]
    argv += ["--run-time", f"{SECONDS:.0f}s", "--stop-timeout", str(STOP_SECONDS), "--loglevel", "WARNING"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LOCUST_")}
    return process.run(argv, timeout=SECONDS + 60, env=kept).seconds


def _gated(url: str) -> float:
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as folder:
        begun = time.monotonic()
        run_gate(
            name="bench",
            host=url,
            profile="classify",
            criteria_lines=[f"{metric} at {USERS} users" for metric in METRICS],
            levels=[LoadLevel(USERS, SECONDS)],
            served=lambda: Served(digest="sha256:0", model_version="0"),
            folder=Path(folder) / "run",
            site="bench",
            warm_up=ANY,
        )
        return time.monotonic() - begun
