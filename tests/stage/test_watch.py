"""What a watch makes of what the pods say."""

from __future__ import annotations

import pytest

from cxlib.errors import ConfigError
from cxlib.model.verdict import Verdict
from cxlib.stage import watch
from cxlib.stage.watch import Observed, PodState

LINES = ("restarts of its pods <= 0", "errors that it counts itself <= 1 %", "digits recognised >= 90 %")
BEFORE = {"a": PodState(2, {"200": 100.0})}
GOOD = Observed(97.0, 200)


def verdicts(after: dict[str, PodState], recognised: Observed = GOOD) -> tuple[Verdict, list[str]]:
    """The gate's verdict, and the criteria's in their order."""
    found = watch.judge("canary health", watch.parse(LINES), BEFORE, after, recognised)
    return found.verdict, [c.verdict.value for c in found.criteria]


def test_a_quiet_canary_passes() -> None:
    """Restarts before the watch are not the candidate's doing while it was watched."""
    assert verdicts({"a": PodState(2, {"200": 900.0, "503": 1.0})}) == (Verdict.PASS, ["PASS"] * 3)


@pytest.mark.parametrize(
    "after",
    [{"a": PodState(3, {"200": 50.0})}, {"b": PodState(0, {"200": 50.0})}, {}],
    ids=["restarted", "replaced", "gone"],
)
def test_a_pod_that_did_not_last_fails(after: dict[str, PodState]) -> None:
    """Requests may all succeed while a pod restarts: the others answer for it."""
    verdict, criteria = verdicts(after)
    assert (verdict, criteria[0]) == (Verdict.FAIL, "FAIL")


def test_errors_are_counted_from_the_watch_on() -> None:
    """Old errors don't count, and new ones don't vanish among old answers."""
    before = {"a": PodState(0, {"200": 100_000.0, "503": 5_000.0})}
    after = {"a": PodState(0, {"200": 100_090.0, "503": 5_010.0})}
    found = watch.judge("g", watch.parse(LINES[1:2]), before, after, GOOD)
    assert (found.verdict, found.criteria[0].value, found.criteria[0].n) == (Verdict.FAIL, 10.0, 100)


def test_a_restarted_pod_counts_from_zero() -> None:
    """Its counters began anew: the old ones taken off would leave less than nothing."""
    after = {"a": PodState(3, {"200": 99.0, "500": 1.0})}
    found = watch.judge("g", watch.parse(LINES[1:2]), BEFORE, after, GOOD)
    assert found.criteria[0].value == 1.0


def test_a_pod_that_does_not_answer_fails() -> None:
    """A hung pod has no errors to show: silence is the worst of them."""
    verdict, criteria = verdicts({"a": PodState(2, None)})
    assert (verdict, criteria[1]) == (Verdict.FAIL, "FAIL")


def test_wrong_answers_fail() -> None:
    """Fast, stable and wrong is not good."""
    assert verdicts({"a": PodState(2, {"200": 900.0})}, Observed(12.0, 200))[0] is Verdict.FAIL


def test_what_cannot_be_told_is_invalid_unless_something_failed() -> None:
    """A broken look must neither pass nor take a good canary away, but it hides no failure either."""
    silent = Observed(None, why="no answer")
    assert verdicts({"a": PodState(2, {"200": 900.0})}, silent)[0] is Verdict.INVALID
    assert verdicts({"a": PodState(3, {"200": 900.0})}, silent)[0] is Verdict.FAIL


def test_a_watch_nobody_asked_anything_is_invalid() -> None:
    """No answers, no errors: that proves nothing."""
    found = watch.judge("g", watch.parse(LINES[1:2]), BEFORE, BEFORE, GOOD)
    assert found.verdict is Verdict.INVALID


@pytest.mark.parametrize(
    "line",
    [
        "restarts <= 0",
        "restarts of its pods < 1",
        "digits recognised >= 90",
        "restarts of its pods <= 1 %",
        "",
    ],
)
def test_a_criterion_that_cannot_be_read_says_how_to_write_it(line: str) -> None:
    """Before any load: a typing error must not cost a soak."""
    with pytest.raises(ConfigError, match="Write it as one of"):
        watch.parse([line])


def test_no_criterion_is_no_pass() -> None:
    """An empty watch proves nothing."""
    assert watch.judge("g", (), BEFORE, BEFORE, GOOD).verdict is Verdict.INVALID
