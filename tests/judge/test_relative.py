"""Comparisons with a baseline: what is worse, and what there is nothing to compare with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cxlib.judge.gate import judge
from cxlib.judge.observed import Observed, Span
from cxlib.judge.relative import judge as compare
from cxlib.model.grammar import parse, parse_gate
from cxlib.model.run import Run
from cxlib.model.sample import Samples
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict
from tests.judge.made import observed, run, samples, together

P95 = "p95 of POST /predict vs baseline by 10 %"
FAIL = "fail of POST /predict vs baseline by 10 %"
RPS = "rps of POST /predict vs baseline by 10 %"
ABSOLUTE = "p95 of POST /predict < 300 ms"


def varied(n: int = 1200, *, scale: float = 1.0, seed: int = 1, **how: Any) -> Samples:
    """Steady requests whose latencies vary by a few percent around 10 ms."""
    made = samples(n, **how)
    noise = np.random.default_rng(seed).uniform(0.009, 0.011, n)
    made.finished[:] = made.scheduled + scale * noise
    return made


def compared(
    candidate: Samples, baseline: Samples | None, *lines: str, theirs: Run | None = None
) -> GateVerdict:
    other = (theirs or run(), baseline) if baseline is not None else None
    return judge(run(), candidate, parse_gate("g", lines), baseline=other)


def only(candidate: Samples, baseline: Samples, line: str) -> CriterionResult:
    return compared(candidate, baseline, line).criteria[0]


@pytest.mark.parametrize(
    ("scale", "verdict"),
    [(0.5, Verdict.PASS), (1.0, Verdict.PASS), (1.05, Verdict.PASS), (1.2, Verdict.FAIL)],
)
@pytest.mark.parametrize("metric", ["p50", "p95", "avg"])
def test_more_latency_than_tolerated_fails(metric: str, scale: float, verdict: Verdict) -> None:
    """Faster is never worse, 5 % is within 10 %, 20 % is not."""
    line = f"{metric} of POST /predict vs baseline by 10 %"
    result = only(varied(scale=scale), varied(seed=2), line)
    assert result.verdict is verdict
    assert result.value == pytest.approx(100 * (scale - 1), abs=3)
    assert result.baseline == pytest.approx(10, abs=1.1)
    assert result.measured_unit == "ms"


@pytest.mark.parametrize(("n", "verdict"), [(2400, Verdict.PASS), (1140, Verdict.PASS), (900, Verdict.FAIL)])
def test_fewer_answers_a_second_than_tolerated_fail(n: int, verdict: Verdict) -> None:
    """For a rate less is worse; twice as much is not 100 % too much."""
    result = only(varied(n), varied(1200), RPS)
    assert result.verdict is verdict
    assert result.limit == -10


def test_answers_that_failed_are_no_throughput() -> None:
    """A service that fails fast answers more requests a second, and serves fewer."""
    assert only(samples(3000, failed=2400), samples(1200), RPS).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("mine", "theirs", "verdict"),
    [
        (0, 0, Verdict.PASS),
        (0, 40, Verdict.PASS),
        (80, 20, Verdict.FAIL),
        (12, 0, Verdict.FAIL),
        (1, 0, Verdict.INCONCLUSIVE),
        (21, 20, Verdict.INCONCLUSIVE),
    ],
)
def test_failures_are_compared_by_exact_counts(mine: int, theirs: int, verdict: Verdict) -> None:
    """A baseline without failures has no ratio, and still says whether twelve of them are chance."""
    assert only(samples(1200, failed=mine), samples(1200, failed=theirs), FAIL).verdict is verdict


def test_no_failures_of_few_requests_prove_less_than_the_baseline() -> None:
    """None of 300 says less than none of 3,000, and how many are missing is told."""
    result = only(samples(300), samples(3000), FAIL)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.more
    assert 2000 < result.more < 3000


def test_maxima_are_compared_by_blocks() -> None:
    """One slow request of many is chance; a candidate slower in every block is not."""
    line = "max of POST /predict vs baseline by 10 %"
    one = varied()
    one.finished[7] += 0.5
    assert only(one, varied(seed=2), line).verdict is Verdict.INCONCLUSIVE
    assert only(varied(scale=3.0), varied(seed=2), line).verdict is Verdict.FAIL


def test_candidate_that_never_succeeds_fails() -> None:
    """It has no latency to be compared."""
    assert only(samples(1200, failed=1200), varied(), P95).verdict is Verdict.FAIL


def test_without_a_baseline_nothing_is_counted_as_a_pass() -> None:
    """The first promotion has nothing to compare with: listed, and no proof."""
    outcome = compared(varied(), None, P95)
    assert outcome.criteria[0].verdict is Verdict.NOT_APPLICABLE
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "nothing is proven" in outcome.reason


def test_other_criteria_decide_when_there_is_no_baseline() -> None:
    """What does not apply neither opens nor closes, and is said."""
    outcome = compared(varied(), None, P95, ABSOLUTE)
    assert outcome.verdict is Verdict.PASS
    assert "1 not applicable" in outcome.reason
    assert compared(samples(1200, fast=0.5), None, P95, ABSOLUTE).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"site": "kvm-tacc:1"}, "another site"),
        ({"profile": "upload"}, "another load profile"),
        ({"workers_lost": 1}, "no valid run: workers"),
    ],
)
def test_baseline_that_cannot_be_one_is_invalid(changes: dict[str, Any], says: str) -> None:
    """Apples and pears differ by some percent too."""
    outcome = compared(varied(), varied(), P95, theirs=run(**changes))
    assert outcome.verdict is Verdict.INVALID
    assert says in outcome.reason


def test_refused_baseline_leaves_absolute_criteria_alone() -> None:
    """A gate that compares nothing does not need one."""
    outcome = compared(varied(), varied(), ABSOLUTE, theirs=run(site="elsewhere"))
    assert outcome.verdict is Verdict.PASS


def test_absolute_criterion_shows_the_baseline_too() -> None:
    """A reader wants to know where one comes from."""
    result = compared(varied(), varied(seed=2), ABSOLUTE).criteria[0]
    assert result.baseline == pytest.approx(11, abs=0.5)


def test_level_that_the_baseline_lacks_is_invalid() -> None:
    """8 users against 1 user is no comparison."""
    theirs = run(levels=[{"users": 1, "rate": 0, "start": 0, "end": 60}])
    outcome = compared(varied(), varied(users=1), f"{P95} at 8 users", theirs=theirs)
    assert outcome.verdict is Verdict.INVALID
    assert "at 8 users" in outcome.reason


def two_levels(slow_seconds: float) -> Observed:
    """10 ms at 1 user for 60 s, 50 ms at 8 users for as long as said."""
    fast = varied(600, users=1)
    slow = varied(int(10 * slow_seconds), scale=5.0, start=60, seconds=slow_seconds)
    spans = (Span((1, 0.0), 0, 60), Span((8, 0.0), 60, 60 + slow_seconds))
    return Observed(together(fast, slow), spans, np.repeat([0, 1], [len(fast), len(slow)]))


def test_longer_level_of_the_baseline_does_not_shift_the_comparison() -> None:
    """An extension doubled its slow level; the candidate is no faster for that."""
    result = compare(two_levels(60), two_levels(120), parse("avg of POST /predict vs baseline by 10 %"))
    assert result.value == pytest.approx(0, abs=1)


def test_same_seed_same_verdict() -> None:
    """A verdict that changes when it is asked again is none."""
    assert only(varied(), varied(seed=2), P95) == only(varied(), varied(seed=2), P95)


def test_single_block_is_inconclusive() -> None:
    """Twelve seconds say nothing about how much a service varies."""
    short = replace(observed(varied(240, seconds=12), 12))
    result = compare(short, short, parse(P95))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.more


@pytest.mark.parametrize("metric", ["max", "avg", "p95", "p99.9999"])
def test_a_baseline_of_next_to_nothing_bounds_no_ratio(metric: str) -> None:
    """Found with latencies of 1e-320 s: the ratio was infinite, and the verdict could not be written."""
    nothing = samples(300, fast=0.0)
    nothing.scheduled[0], nothing.finished[0] = 0.0, 1e-320
    others = samples(1000, name="GET /health")  # which are steady
    line = f"{metric} of POST /predict vs baseline by 10 %"
    outcome = compared(together(samples(300), others), together(nothing, others), line)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "Infinity" not in json.dumps(outcome.as_json(), allow_nan=False)
