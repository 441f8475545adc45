"""Runs and samples made for a test: steady load at one level unless it says otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from cxlib.judge.observed import Observed, Span
from cxlib.model.run import Run
from cxlib.model.sample import Samples

DIGEST = "sha256:" + "ab" * 32
SERVED = {"digest": DIGEST, "model_version": "7"}


def run_json(**changes: Any) -> dict[str, Any]:
    """A valid run.json of 60 s at 8 users."""
    return {
        "schema": 1,
        "profile": "classify",
        "site": "local:6c1f",
        "started": "2026-11-23T20:00:00Z",
        "planned_seconds": 60.0,
        "actual_seconds": 60.2,
        "planned_arrivals": None,
        "seed": 1,
        "levels": [{"users": 8, "rate": 0, "start": 0.0, "end": 60.0}],
        "generator_cpu": 0.41,
        "workers_lost": 0,
        "locust": "2.47.0",
        "served": {"start": SERVED, "end": SERVED},
        **changes,
    }


def run(**changes: Any) -> Run:
    return Run.model_validate(run_json(**changes))


def samples(
    n: int = 1000,
    *,
    over: int = 0,
    failed: int = 0,
    fast: float = 0.010,
    slow: float = 0.100,
    users: int = 8,
    rate: float = 0.0,
    start: float = 0.0,
    seconds: float = 60.0,
    name: str = "POST /predict",
    status: int = 500,
) -> Samples:
    """``n`` requests evenly over ``seconds``; ``over`` of them slow and ``failed`` failed, evenly spread."""
    times = start + np.arange(n) * seconds / n
    latency = np.full(n, fast)
    latency[spread(n, over)] = slow
    error = np.full(n, "", dtype="<U40")
    codes = np.full(n, 200)
    bad = spread(n, failed)
    error[bad], codes[bad] = "HTTP 500", status
    clock = {"scheduled": times, "started": times.copy(), "finished": times + latency}
    level = {"users": np.full(n, users), "rate": np.full(n, rate)}
    return Samples.of({**clock, **level, "name": np.full(n, name), "status": codes, "error": error})


def spread(n: int, k: int) -> np.ndarray[Any, Any]:
    """k of n positions, evenly spread."""
    return ((np.arange(k) + 0.5) * n / max(k, 1)).astype(int)


def together(*parts: Samples) -> Samples:
    return Samples.of(
        {f: np.concatenate([getattr(p, f) for p in parts]) for f in Samples.__dataclass_fields__}
    )


def observed(made: Samples, seconds: float = 60.0, users: int = 8) -> Observed:
    """All of ``made`` as steady requests of one span of one load level."""
    return Observed(made, (Span((users, 0.0), 0.0, seconds),), np.zeros(len(made), dtype=np.intp))
