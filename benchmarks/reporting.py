"""A million stored samples: read, judged and reported, in a process of its own whose memory is seen."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, at_most
from cxlib.clients import process, runfolder
from cxlib.model.run import Run
from cxlib.model.sample import Samples
from cxlib.settings import CHECKOUT

REQUESTS = 1_000_000
LEVELS = ((8, 200.0), (32, 200.0), (128, 200.0))  # users, seconds
GATE = (
    "key: p95 of POST /predict < 30 ms at 8 users",
    "p99 of POST /predict < 80 ms at 32 users",
    "p99.9 of GET /health < 0.5 s",
    "avg of POST /predict < 60 ms",
    "rps of POST /predict > 100 rps at 128 users",
    "fail of POST /predict < 1 %",
)
# Says seconds of work (wall and processor), the most memory in MB, and the report's size in MB.
CHILD = """
import json, resource, sys, time
from pathlib import Path
began = time.monotonic(), time.process_time()
from cxlib.clients import runfolder
from cxlib.judge.gate import judge
from cxlib.model.grammar import parse_gate
from cxlib.report import load
run, samples = runfolder.read(Path(sys.argv[1]))
outcome = judge(run, samples, parse_gate("million", json.loads(sys.argv[2])))
text = load.render(run, samples, outcome)
took = time.monotonic() - began[0], time.process_time() - began[1]
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([*took, most, len(text.encode()) / 1e6, len(samples)]))
"""


def measure() -> list[Figure]:
    """Raises ``ProcessFailed`` when the run can't be judged or reported."""
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as scratch:
        folder = Path(scratch)
        runfolder.write(folder, *million(REQUESTS))
        argv = [sys.executable, "-c", CHILD, str(folder), json.dumps(GATE)]
        done = process.run(argv, timeout=300, cwd=CHECKOUT)
    seconds, processor, most, size, n = json.loads(done.stdout)
    what = f"judge and report of {n:,.0f} samples"
    return [
        at_most(what, seconds, 5, "s", f"processor {processor:.2f} s"),
        at_most(f"{what}, memory", most, 500, "MB"),
        at_most("its report", size, 2, "MB"),
    ]


def million(n: int) -> tuple[Run, Samples]:
    """A seeded run of ``n`` requests at three load levels, two endpoints, some failures."""
    import numpy as np

    rng = np.random.default_rng(1)
    share = n // len(LEVELS)
    levels, at = [], 0.0
    columns: dict[str, list[Any]] = {"scheduled": [], "users": [], "latency": []}
    for users, seconds in LEVELS:
        columns["scheduled"].append(np.sort(rng.uniform(at, at + seconds, share)))
        columns["users"].append(np.full(share, users))
        columns["latency"].append(rng.lognormal(np.log(0.004 + 0.0003 * users), 0.5, share))
        levels.append({"users": users, "rate": 0, "start": at, "end": at + seconds})
        at += seconds
    scheduled, load, latency = (np.concatenate(columns[name]) for name in columns)
    failed = rng.random(len(scheduled)) < 0.002
    samples = Samples.of(
        {
            "scheduled": scheduled,
            "started": scheduled,
            "finished": scheduled + latency,
            "name": np.where(rng.random(len(scheduled)) < 0.2, "GET /health", "POST /predict"),
            "users": load,
            "rate": np.zeros(len(scheduled)),
            "status": np.where(failed, 503, 200),
            "error": np.where(failed, "HTTPError('503 Server Error: Service Unavailable')", ""),
        }
    )
    return Run.model_validate(_run(levels, at)), samples


def _run(levels: list[dict[str, float]], seconds: float) -> dict[str, object]:
    served = {"digest": "sha256:" + "ab" * 32, "model_version": "7"}
    return {
        "schema": 1,
        "profile": "classify",
        "site": "bench",
        "started": "2026-11-24T00:00:00Z",
        "planned_seconds": seconds,
        "actual_seconds": seconds,
        "planned_arrivals": None,
        "seed": 1,
        "levels": levels,
        "generator_cpu": 0.4,
        "workers_lost": 0,
        "locust": "2.47.0",
        "served": {"start": served, "end": served},
    }
