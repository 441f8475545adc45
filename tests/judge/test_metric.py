"""What a metric is about, and what is too little to be about anything."""

from __future__ import annotations

import math

import pytest

from cxlib.errors import ConfigError
from cxlib.judge.gate import judge
from cxlib.model.grammar import parse, parse_gate
from cxlib.model.sample import Samples
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict
from tests.judge.made import run, samples, together


def verdict_of(made: Samples, line: str) -> GateVerdict:
    return judge(run(), made, parse_gate("g", [line]))


def refused() -> Samples:
    """Not one request got an answer."""
    made = samples(1000, failed=1000)
    made.status[:] = 0
    return made


def test_no_answer_is_no_status() -> None:
    """A service that refuses every connection answered nothing, whatever the pattern."""
    assert verdict_of(refused(), "rc[!5]* of POST /predict > 50 %").verdict is Verdict.FAIL
    with pytest.raises(ConfigError, match="no HTTP status matches"):
        parse("rc? of POST /predict > 50 %")


def test_no_answer_has_a_name_of_its_own() -> None:
    """Who wants to know how many got none asks for 0."""
    assert verdict_of(refused(), "rc0 of POST /predict < 1 %").verdict is Verdict.FAIL
    assert verdict_of(samples(1000), "rc0 of POST /predict < 1 %").verdict is Verdict.PASS


@pytest.mark.parametrize("glob", ["*", "???", "[1-5]*", "**"])
def test_a_pattern_of_every_answer_is_refused(glob: str) -> None:
    """Nothing but errors would be within `> 50 %`, so that it proves nothing."""
    with pytest.raises(ConfigError, match="every answer matches") as caught:
        parse(f"rc{glob} of POST /predict > 50 %")
    assert caught.value.fix == "Write such as rc5??, rc404 or rc[45]??"


@pytest.mark.parametrize(
    ("n", "verdict"), [(1, Verdict.INCONCLUSIVE), (58, Verdict.INCONCLUSIVE), (59, Verdict.PASS)]
)
def test_a_maximum_of_few_requests_is_no_pass(n: int, verdict: Verdict) -> None:
    """The slowest of one is what that one took; how many are missing is told."""
    outcome = verdict_of(
        together(samples(n), samples(1000, name="GET /health")), "max of POST /predict < 1 s"
    )
    assert outcome.verdict is verdict
    assert outcome.criteria[0].more == (59 - n or None)


def test_one_slow_request_of_few_is_a_fail() -> None:
    """One over the limit disproves it, however few there were."""
    few = together(samples(3, fast=2.0), samples(1000, name="GET /health"))
    assert verdict_of(few, "max of POST /predict < 1 s").verdict is Verdict.FAIL


def test_json_has_no_number_that_json_cannot_say() -> None:
    """A verdict that can't be written is none."""
    odd = CriterionResult("x", Verdict.FAIL, "", 1.0, "ms", value=math.inf, low=math.nan, high=2.0)
    data = GateVerdict("g", Verdict.FAIL, "", (odd,)).as_json()["criteria"][0]
    assert (data["value"], data["low"], data["high"]) == (None, None, 2.0)
