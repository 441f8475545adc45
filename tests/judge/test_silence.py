"""Hangs that leave no samples, stalls that leave few, and endpoints that are only asked rarely."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cxlib.judge.gate import judge
from cxlib.judge.observed import Observed, Span
from cxlib.judge.silence import unanswered, unheard
from cxlib.model.grammar import parse_gate
from cxlib.model.sample import Samples
from cxlib.model.verdict import GateVerdict, Verdict
from tests.judge.made import observed, run, samples, together

P95 = "p95 of POST /predict < 30 ms"
FAIL = "fail of POST /predict < 2 %"
OTHERS = samples(1000, name="GET /health")


def verdict_of(made: Samples, *lines: str, seconds: float = 60.0, **changes: Any) -> GateVerdict:
    level = {"users": 8, "rate": 0, "start": 0, "end": seconds}
    lasted = {"planned_seconds": seconds, "actual_seconds": seconds, "levels": [level]}
    return judge(run(**{**lasted, **changes}), made, parse_gate("g", lines))


@pytest.mark.parametrize("line", [P95, FAIL, "max of POST /predict < 1 s", "count of POST /predict >= 100"])
def test_an_endpoint_that_hangs_while_others_go_on_does_not_pass(line: str) -> None:
    """Its users wait until they are cut off and leave no sample; what there was before looks good."""
    hung = together(samples(250, seconds=15), OTHERS)
    outcome = verdict_of(hung, line)
    assert outcome.verdict is Verdict.INVALID
    assert "no samples of it at 8 users from 15 s to 60 s" in outcome.reason


def test_a_hang_that_ends_is_seen_too() -> None:
    """Not only the end of a level counts."""
    paused = together(samples(400, seconds=20), samples(200, start=50, seconds=10), OTHERS)
    outcome = verdict_of(paused, P95)
    assert outcome.verdict is Verdict.INVALID
    assert "from 20 s to 50 s" in outcome.reason


def test_silence_of_a_whole_level_in_its_middle_is_invalid() -> None:
    """For a minute of two there is nothing at all."""
    outcome = verdict_of(
        together(samples(600, seconds=30), samples(600, start=90, seconds=30)), P95, seconds=120
    )
    assert outcome.verdict is Verdict.INVALID
    assert "none at 8 users from 30 s to 90 s" in outcome.reason


def test_a_second_half_without_the_endpoint_is_invalid() -> None:
    """An extension has the load level again; what is known of the first half counts."""
    levels = [{"users": 8, "rate": 0, "start": s, "end": s + 60} for s in (0, 70)]
    both = together(samples(1000), OTHERS, samples(1000, start=70, name="GET /health"))
    outcome = verdict_of(both, P95, levels=levels, planned_seconds=120, actual_seconds=120)
    assert outcome.verdict is Verdict.INVALID
    assert "from 70 s to 130 s" in outcome.reason


def test_what_failed_before_it_hung_stays_a_fail() -> None:
    """A FAIL revokes what was proven, an INVALID does not."""
    assert verdict_of(together(samples(250, failed=100, seconds=15), OTHERS), FAIL).verdict is Verdict.FAIL


def asked(times: np.ndarray[Any, Any], seconds: float) -> Observed:
    made = samples(len(times), seconds=seconds)
    made.scheduled[:] = made.started[:] = times
    made.finished[:] = times + 0.02
    return observed(made, seconds)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 1.0, 3.0])
def test_an_endpoint_that_is_asked_rarely_is_no_hang(rate: float) -> None:
    """Independent requests of any rate, 300 levels of 5 minutes each: none is called silent."""
    rng = np.random.default_rng(7)
    for _ in range(300):
        times = np.sort(rng.uniform(0, 300, max(1, int(rng.poisson(rate * 300)))))
        assert unheard(asked(times, 300)) is None


@pytest.mark.parametrize("every", [12.0, 20.0, 40.0])
def test_an_endpoint_that_is_asked_in_bursts_is_no_hang(every: float) -> None:
    """A user that works and rests is silent again and again, as often as it rests."""
    starts = np.arange(3.0, 290, every)
    assert unheard(asked((starts[:, None] + np.linspace(0, 1, 10)).ravel(), 300)) is None


def test_a_sign_in_at_the_beginning_is_no_hang() -> None:
    """Every user does it once, in the first seconds, and then never again."""
    assert unheard(asked(np.sort(np.random.default_rng(1).uniform(0, 4, 64)), 60)) is None


def test_a_rare_endpoint_that_hangs_is_found() -> None:
    """One a second for 20 s, then none for 40."""
    assert unheard(asked(np.arange(20.0), 60)) is not None


def stalled(wait: float) -> Samples:
    """8 users of 120 s: all wait for ``wait`` seconds from 30 s on."""
    waiting = samples(8, start=30, seconds=0.001, fast=wait)
    rest = 90 - wait
    return together(samples(600, seconds=30), waiting, samples(int(20 * rest), start=30 + wait, seconds=rest))


@pytest.mark.parametrize(
    ("wait", "verdict"), [(60.0, Verdict.FAIL), (12.0, Verdict.FAIL), (8.0, Verdict.PASS)]
)
def test_a_service_that_answers_nothing_for_long_fails_its_percentiles(wait: float, verdict: Verdict) -> None:
    """The users of the closed model wait with it, so that a stall of a minute is eight slow requests."""
    outcome = verdict_of(stalled(wait), P95, seconds=120)
    assert outcome.verdict is verdict
    if verdict is Verdict.FAIL:
        assert (
            f"nothing was answered at 8 users from 30 s to {30 + wait:.0f} s, though requests waited"
            in outcome.reason
        )


def test_a_stall_within_the_limit_is_no_fail() -> None:
    """Who allows 90 s has allowed these 60."""
    assert verdict_of(stalled(60), "p95 of POST /predict < 90 s", seconds=120).verdict is Verdict.PASS


def test_a_stall_fails_a_comparison_too() -> None:
    """The baseline answered in 10 ms throughout."""
    gate = parse_gate("g", ["p95 of POST /predict vs baseline by 10 %"])
    level = [{"users": 8, "rate": 0, "start": 0, "end": 120}]
    lasted = run(planned_seconds=120, actual_seconds=120, levels=level)
    outcome = judge(lasted, stalled(60), gate, baseline=(lasted, samples(2400, seconds=120)))
    assert outcome.verdict is Verdict.FAIL
    assert "nothing was answered" in outcome.reason


def test_a_slow_service_is_no_stall() -> None:
    """One user, 12 s an answer, is a service of 12 s."""
    assert unanswered(observed(samples(25, seconds=300, fast=11.9), 300)) is None


def test_the_open_model_needs_no_such_rule() -> None:
    """Its arrivals go on in a stall and are late, which percentiles show."""
    made = stalled(60)
    span = (Span((0, 20.0), 0.0, 120.0),)
    assert unanswered(Observed(made, span, np.zeros(len(made), dtype=np.intp))) is None
