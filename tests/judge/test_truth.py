"""How often the judge is wrong, on runs of which the truth is known; a thousand each in the exhaustive tier.

The full tables: `make bench`.
"""

from __future__ import annotations

import numpy as np
import pytest

from cxlib.judge.criterion import judge
from cxlib.model.grammar import parse
from cxlib.model.verdict import Verdict
from tests.judge import simulated
from tests.judge.made import observed, samples
from tests.tiers import sampled

BURSTS = {"n": 3000, "seconds": 60.0, "memory": 0.5}


def runs(few: int) -> pytest.MarkDecorator:
    """So many in every run of the tests."""
    return pytest.mark.parametrize("runs", sampled((few, 1000), every_run=(few,)))


@runs(100)
def test_run_exactly_at_its_limit_seldom_fails(runs: int) -> None:
    """A service that keeps its limit is not sent back for bursts that come by chance: 5 % at most."""
    for metric, verdicts in simulated.against_limit(("p95", "p99", "avg"), runs, 7, **BURSTS).items():
        assert verdicts[Verdict.FAIL] <= 0.05 * runs, metric


@runs(40)
def test_same_service_on_both_sides_seldom_fails(runs: int) -> None:
    """A/A: no candidate is worse than itself, however its latencies cluster."""
    found = simulated.against_baseline(("p95", "avg"), runs, 8, scale=1.0, **BURSTS)
    for metric, verdicts in found.items():
        assert verdicts[Verdict.FAIL] <= 0.05 * runs, metric


@runs(20)
@pytest.mark.parametrize("metric", ["p95", "avg"])
def test_a_fifth_slower_than_the_baseline_fails(metric: str, runs: int) -> None:
    """With enough samples a real regression is seen: 95 % at least."""
    load = {"n": 6000, "seconds": 120.0, "memory": 0.0}
    verdicts = simulated.against_baseline((metric,), runs, 9, scale=1.2, **load)[metric]
    assert verdicts[Verdict.FAIL] >= 0.95 * runs


@runs(100)
def test_twice_the_share_that_p99_allows_fails(runs: int) -> None:
    """5,000 requests are enough to see 2 % where 1 % is allowed."""
    assert simulated.over_twice_as_often(runs, 10)[Verdict.FAIL] >= 0.95 * runs


def test_one_long_stall_fails() -> None:
    """2 s without an answer in 12 s at 100 rps: a sixth of the requests, where p95 allows a twentieth."""
    rng = np.random.default_rng(12)
    criterion = parse(f"p95 of {simulated.NAME} < 200 ms")
    for begins in rng.uniform(0, 10, 20):
        made = samples(1200, seconds=12.0)
        held = (made.scheduled >= begins) & (made.scheduled < begins + 2)
        made.finished[held] = begins + 2
        found = judge(observed(made, 12.0), criterion)
        assert found.verdict is Verdict.FAIL, found.reason
        assert found.value is not None
        assert found.value > 1000


def test_independent_requests_decide_as_often_as_they_should() -> None:
    """A rule that never says PASS is safe and useless: far below the limit it passes."""
    load = {"n": 3000, "seconds": 60.0, "memory": 0.0}
    verdicts = simulated.against_baseline(("p95",), 40, 11, scale=1.0, **load)["p95"]
    assert verdicts[Verdict.PASS] >= 0.9 * 40
