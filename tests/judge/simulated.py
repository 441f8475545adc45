"""Runs drawn from a known distribution, to see how often the judge is wrong about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from cxlib.judge import criterion as absolute
from cxlib.judge import relative
from cxlib.judge.observed import Observed
from cxlib.model.grammar import parse
from cxlib.model.verdict import Verdict
from tests.judge.made import observed, samples

MEDIAN, SIGMA = 0.010, 0.35  # log-normal latencies: p95 17.8 ms, p99 22.6 ms
_NORMAL = {"p50": 0.0, "p95": 1.6448536269514722, "p99": 2.3263478740408408}
NAME = "POST /predict"


def limit_of(metric: str) -> float:
    """The true value of a latency metric of these runs, in ms."""
    if metric == "avg":
        return float(1000 * MEDIAN * np.exp(SIGMA**2 / 2))
    return float(1000 * MEDIAN * np.exp(SIGMA * _NORMAL[metric]))


def drawn(rng: np.random.Generator, n: int, seconds: float, *, memory: float, scale: float = 1.0) -> Observed:
    """n requests of which half of the variance comes and goes within ``memory`` seconds (AR(1)); 0: none."""
    noise = rng.standard_normal(n)
    if memory:
        from scipy.signal import lfilter

        kept = float(np.exp(-seconds / n / memory))
        pushes = rng.standard_normal(n) * (1 - kept**2) ** 0.5
        pushes[0] /= (1 - kept**2) ** 0.5
        noise = (lfilter([1], [1, -kept], pushes) + noise) / 2**0.5
    made = samples(n, seconds=seconds)
    made.finished[:] = made.scheduled + scale * MEDIAN * np.exp(SIGMA * noise)
    return observed(made, seconds)


def against_limit(metrics: Sequence[str], runs: int, seed: int, **load: Any) -> dict[str, Counter[Verdict]]:
    """Verdicts on runs whose true value is exactly the limit: any PASS or FAIL is a mistake."""
    rng = np.random.default_rng(seed)
    asked = {m: parse(f"{m} of {NAME} < {limit_of(m):.9f} ms") for m in metrics}
    found: dict[str, Counter[Verdict]] = {m: Counter() for m in metrics}
    for _ in range(runs):
        run = drawn(rng, **load)
        for m, criterion in asked.items():
            found[m][absolute.judge(run, criterion).verdict] += 1
    return found


def against_baseline(
    metrics: Sequence[str], runs: int, seed: int, *, scale: float, **load: Any
) -> dict[str, Counter[Verdict]]:
    """Verdicts of `vs baseline by 10 %` on candidates whose latencies are ``scale`` times the baseline's."""
    rng = np.random.default_rng(seed)
    asked = {m: parse(f"{m} of {NAME} vs baseline by 10 %") for m in metrics}
    found: dict[str, Counter[Verdict]] = {m: Counter() for m in metrics}
    for _ in range(runs):
        baseline, candidate = drawn(rng, **load), drawn(rng, scale=scale, **load)
        for m, criterion in asked.items():
            found[m][relative.judge(candidate, baseline, criterion).verdict] += 1
    return found


def over_twice_as_often(runs: int, seed: int, n: int = 5000, seconds: float = 60.0) -> Counter[Verdict]:
    """Verdicts of a p99 on runs of which 2 % are over the limit."""
    rng = np.random.default_rng(seed)
    criterion = parse(f"p99 of {NAME} < 30 ms")
    found: Counter[Verdict] = Counter()
    for _ in range(runs):
        made = samples(n, seconds=seconds)
        made.finished[rng.random(n) < 0.02] += 0.1
        found[absolute.judge(observed(made, seconds), criterion).verdict] += 1
    return found
