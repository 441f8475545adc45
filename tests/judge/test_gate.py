"""Whole gates on made runs: each verdict, and every way in which a measurement is broken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cxlib.errors import ConfigError
from cxlib.judge.criterion import judge as judge_one
from cxlib.judge.gate import judge
from cxlib.model.grammar import parse, parse_gate
from cxlib.model.sample import Samples
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict
from tests.judge.made import SERVED, observed, run, samples, together

P99 = "p99 of POST /predict < 30 ms"
P95 = "p95 of POST /predict < 30 ms"
FAIL = "fail of POST /predict < 1 %"


def verdict_of(made: Samples, *lines: str, **changes: Any) -> GateVerdict:
    return judge(run(**changes), made, parse_gate("g", lines))


def only(made: Samples, line: str) -> CriterionResult:
    return verdict_of(made, line).criteria[0]


@pytest.mark.parametrize(
    ("n", "over", "verdict"),
    [
        (1000, 4, Verdict.PASS),
        (1000, 5, Verdict.INCONCLUSIVE),
        (1000, 15, Verdict.INCONCLUSIVE),
        (1000, 16, Verdict.FAIL),
        (5000, 38, Verdict.PASS),
        (5000, 39, Verdict.INCONCLUSIVE),
        (5000, 62, Verdict.INCONCLUSIVE),
        (5000, 63, Verdict.FAIL),
        (299, 0, Verdict.PASS),
        (298, 0, Verdict.INCONCLUSIVE),
    ],
)
def test_p99_verdict_by_requests_over_the_limit(n: int, over: int, verdict: Verdict) -> None:
    """The figures of the design, through the whole judge."""
    assert verdict_of(samples(n, over=over), P99).verdict is verdict


def test_failed_share_passes_and_fails_by_the_same_test() -> None:
    """`fail` is a share like any other."""
    assert verdict_of(samples(1000, failed=4), FAIL).verdict is Verdict.PASS
    assert verdict_of(samples(1000, failed=8), FAIL).verdict is Verdict.INCONCLUSIVE
    assert verdict_of(samples(1000, failed=16), FAIL).verdict is Verdict.FAIL


def test_status_glob_counts_its_statuses_only() -> None:
    """rc5?? is about 5xx; a 404 is another criterion's matter."""
    made = samples(1000, failed=50, status=404)
    assert verdict_of(made, "rc5?? of POST /predict < 1 %").verdict is Verdict.PASS
    assert verdict_of(made, "rc4?? of POST /predict < 1 %").verdict is Verdict.FAIL


def test_bounds_and_verdict_tell_the_same() -> None:
    """PASS exactly when the upper bound of the percentile is below the limit, FAIL when the lower is not."""
    rng = np.random.default_rng(3)
    for _ in range(60):
        made = samples(700)
        made = Samples.of(
            {
                **{f: getattr(made, f) for f in Samples.__dataclass_fields__},
                "finished": made.scheduled + rng.gamma(4, rng.uniform(0.002, 0.006), 700),
            }
        )
        c = judge_one(observed(made), parse(P95))
        assert c.high is not None
        assert c.low is not None
        assert c.value is not None
        assert c.low <= c.value <= c.high
        assert (c.verdict is Verdict.PASS) == (c.high < c.limit)
        assert (c.verdict is Verdict.FAIL) == (c.low >= c.limit)


def test_latency_at_the_limit_is_not_below_it() -> None:
    """`<` and `<=` differ at the limit itself: 29.51 ms is below 30, 30 is not."""
    exact = samples(1000, fast=0.03125)
    assert verdict_of(exact, "p95 of POST /predict < 31.25 ms").verdict is Verdict.FAIL
    assert verdict_of(exact, "p95 of POST /predict <= 31.25 ms").verdict is Verdict.PASS


def test_fast_failures_do_not_lower_a_percentile() -> None:
    """An error page in 1 ms is no fast prediction."""
    slow = samples(1000, failed=900, fast=0.001)
    slow.finished[~slow.failed] = slow.scheduled[~slow.failed] + 0.2
    assert only(slow, P95).n == 100
    assert verdict_of(slow, P95).verdict is Verdict.FAIL


def test_percentile_of_nothing_but_failures_is_a_fail() -> None:
    """A stopped service has no latency, and that is not a pass."""
    outcome = verdict_of(samples(500, failed=500), P95)
    assert outcome.verdict is Verdict.FAIL
    assert "not one of 500 requests succeeded" in outcome.reason


def test_too_few_samples_say_how_many_are_needed() -> None:
    """A person wants to know how long the run must be."""
    result = only(samples(48), P95)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.more == 11
    assert result.high is None
    assert "needs 11 more samples" in verdict_of(samples(48), P95).reason


def test_clustered_slowness_weighs_as_what_it_is() -> None:
    """Slow requests of one stall are one event: no FAIL on it alone, and no PASS either."""
    clustered = samples(1000)
    clustered.finished[500:520] = clustered.scheduled[500:520] + 0.1
    result = only(clustered, P99)
    assert result.n_effective < 300
    assert result.verdict is Verdict.INCONCLUSIVE


def test_warm_up_is_cut() -> None:
    """A slow first 10 s is the service waking up, not the service."""
    cold = together(samples(100, fast=0.5, seconds=10), samples(1000, start=10, seconds=50))
    outcome = verdict_of(cold, P99)
    assert outcome.verdict is Verdict.PASS
    assert outcome.warm_up == {"8 users": 10.0}
    assert outcome.criteria[0].n == 1000


def test_load_that_never_gets_steady_is_inconclusive() -> None:
    """Latency that doubles every 5 s has no percentile worth a name."""
    parts = [samples(100, fast=0.001 * 2**i, start=5 * i, seconds=5) for i in range(12)]
    outcome = verdict_of(together(*parts), "p95 of POST /predict < 30 s")
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "never steady" in outcome.reason


@pytest.mark.parametrize(("step", "verdict"), [(0.0009, Verdict.PASS), (0.006, Verdict.INCONCLUSIVE)])
def test_jitter_below_a_millisecond_is_the_machine(step: float, verdict: Verdict) -> None:
    """A service of 2 ms on a busy machine varies by half without being less steady; one of 20 ms does not."""
    parts = [samples(100, fast=0.002 + step * (i % 3), start=5 * i, seconds=5) for i in range(12)]
    assert verdict_of(together(*parts), "p95 of POST /predict < 30 ms").verdict is verdict


def test_steadiness_after_ten_windows_comes_too_late() -> None:
    """The rule looks at ten windows; what settles later is not what was planned."""
    parts = [samples(100, fast=0.001 * 2 ** min(i, 9), start=5 * i, seconds=5) for i in range(14)]
    changes = {"levels": [{"users": 8, "rate": 0, "start": 0, "end": 70}], "planned_seconds": 60}
    outcome = verdict_of(together(*parts), "p95 of POST /predict < 30 s", **changes)
    assert outcome.verdict is Verdict.INCONCLUSIVE


LEVELS = [
    {"users": 1, "rate": 0, "start": 0, "end": 30},
    {"users": 8, "rate": 0, "start": 30, "end": 60},
]


def test_each_load_level_is_judged_by_its_own_samples() -> None:
    """Fast at 1 user says nothing about 8."""
    both = together(samples(500, users=1, seconds=30), samples(500, users=8, start=30, seconds=30, fast=0.2))
    outcome = verdict_of(both, f"{P95} at 1 users", f"{P95} at 8 users", levels=LEVELS)
    assert [c.verdict for c in outcome.criteria] == [Verdict.PASS, Verdict.FAIL]
    assert outcome.verdict is Verdict.FAIL


def test_extension_of_a_level_counts_with_it() -> None:
    """A run that was extended has a level twice; both halves are its samples."""
    levels = [{"users": 8, "rate": 0, "start": s, "end": s + 30} for s in (0, 40)]
    both = together(samples(200, seconds=30), samples(200, start=40, seconds=30))
    outcome = verdict_of(both, P99, levels=levels)
    assert outcome.criteria[0].n == 400
    assert outcome.verdict is Verdict.PASS


def test_level_without_samples_is_invalid() -> None:
    """Its load was never there, so it was not measured."""
    outcome = verdict_of(samples(500, users=1, seconds=30), f"{P95} at 8 users", levels=LEVELS)
    assert outcome.verdict is Verdict.INVALID


def test_unknown_endpoint_and_level_are_configuration_errors() -> None:
    """A misspelt name must not look like a service that fails."""
    with pytest.raises(ConfigError, match="unknown endpoint 'POST /predcit'"):
        verdict_of(samples(), "p95 of POST /predcit < 30 ms")
    with pytest.raises(ConfigError, match="no load level of 9 users"):
        verdict_of(samples(), f"{P95} at 9 users")


def test_watched_criterion_never_decides() -> None:
    """It is shown as failed, and the gate passes by its blocking one."""
    outcome = verdict_of(samples(1000, over=300), f"watch: {P95}", FAIL)
    assert outcome.verdict is Verdict.PASS
    assert outcome.criteria[0].verdict is Verdict.FAIL


def test_gate_that_only_watches_is_not_a_pass() -> None:
    """Nothing passes vacuously."""
    outcome = verdict_of(samples(), f"watch: {P95}")
    assert outcome.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("count of POST /predict >= 1000", Verdict.PASS),
        ("count of POST /predict > 1000", Verdict.FAIL),
    ],
)
def test_count_is_what_was_counted(line: str, verdict: Verdict) -> None:
    """A count has no uncertainty."""
    assert verdict_of(samples(1000), line).verdict is verdict


OTHER = {"digest": "sha256:cd", "model_version": "8"}
UNKNOWN = {"digest": None, "model_version": None}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"actual_seconds": 56.9}, "duration"),
        ({"planned_seconds": 0}, "duration"),
        ({"generator_cpu": 0.81}, "generator"),
        ({"workers_lost": 1}, "workers"),
        ({"served": {"start": SERVED, "end": OTHER}}, "served"),
        ({"served": {"start": SERVED, "end": UNKNOWN}}, "served"),
        ({"levels": [{"users": 1, "rate": 0, "start": 0, "end": 60}]}, "run.json"),
        ({"levels": [{"users": 8, "rate": 0, "start": 0, "end": 20}]}, "run.json"),
    ],
)
def test_broken_measurement_is_invalid(changes: dict[str, Any], says: str) -> None:
    """Its numbers would pass, and mean nothing."""
    outcome = verdict_of(samples(5000), P99, **changes)
    assert outcome.verdict is Verdict.INVALID
    assert outcome.reason.startswith(says)
    assert outcome.criteria[0].verdict is Verdict.INVALID


@pytest.mark.parametrize("changes", [{"actual_seconds": 57.0}, {"generator_cpu": 0.80}])
def test_limits_of_a_valid_measurement_are_inclusive(changes: dict[str, Any]) -> None:
    """95 % of the duration and 80 % of the processor are still good."""
    assert verdict_of(samples(5000), P99, **changes).verdict is Verdict.PASS


def test_no_samples_are_invalid() -> None:
    """Nothing measured is not nothing wrong."""
    nothing = samples(5).where(np.zeros(5, dtype=bool))
    assert verdict_of(nothing, P95).verdict is Verdict.INVALID


def test_service_that_is_gone_stays_a_fail_when_it_cannot_say_what_it_was() -> None:
    """A stopped service answers no question about its digest either; that must not hide the FAIL."""
    served = {"served": {"start": SERVED, "end": UNKNOWN}}
    assert verdict_of(samples(1000, failed=900), FAIL, **served).verdict is Verdict.FAIL


@pytest.mark.parametrize("column", ["scheduled", "finished"])
def test_time_that_is_no_number_is_invalid(column: str) -> None:
    """NaN compares false with every limit and would pass unseen."""
    made = samples(1000)
    getattr(made, column)[3] = np.nan
    assert verdict_of(made, P95).verdict is Verdict.INVALID


def open_model(late: int, planned: float) -> GateVerdict:
    made = samples(1000, users=0)
    made.rate[:] = 16.0
    made.started[:late] += 0.5
    made.finished[:late] += 0.5
    levels = [{"users": 0, "rate": 16.0, "start": 0, "end": 60}]
    return verdict_of(made, FAIL, levels=levels, planned_arrivals=planned)


def test_open_model_wants_its_arrivals_on_time() -> None:
    """A generator that sends late or too little did not make the load that was planned."""
    assert open_model(late=10, planned=1020).verdict is Verdict.PASS
    assert open_model(late=11, planned=1000).verdict is Verdict.INVALID
    assert open_model(late=0, planned=1021).verdict is Verdict.INVALID


def test_latency_counts_from_when_a_request_was_meant_to_start() -> None:
    """A stalled server is charged for the requests that it kept from being sent."""
    made = samples(1000)
    made.started[:] += 0.2
    made.finished[:] += 0.2
    assert verdict_of(made, P95).verdict is Verdict.FAIL


def test_verdict_survives_its_file() -> None:
    """`cx report` shows what the gate said, from verdict.json."""
    outcome = verdict_of(samples(48), P95, FAIL)
    assert GateVerdict.from_json(outcome.as_json()) == outcome
