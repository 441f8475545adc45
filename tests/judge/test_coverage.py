"""Runs whose run.json and samples are each in form and don't belong together, or are not what was planned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cxlib.errors import ConfigError
from cxlib.judge.gate import judge
from cxlib.model.grammar import parse_gate
from cxlib.model.sample import Samples
from cxlib.model.verdict import GateVerdict, Verdict
from tests.judge.made import SERVED, run, samples, together

P95 = "p95 of POST /predict < 30 ms"


def verdict_of(made: Samples, *lines: str, **changes: Any) -> GateVerdict:
    return judge(run(**changes), made, parse_gate("g", lines or (P95,)))


def closed(*levels: tuple[int, float, float]) -> list[dict[str, float]]:
    return [{"users": users, "rate": 0, "start": start, "end": end} for users, start, end in levels]


def opened(*levels: tuple[float, float, float]) -> dict[str, Any]:
    """Levels of the open model with the arrivals that their rates make."""
    listed = [{"users": 0, "rate": rate, "start": start, "end": end} for rate, start, end in levels]
    return {"levels": listed, "planned_arrivals": sum(rate * (end - start) for rate, start, end in levels)}


TWO = closed((1, 0, 30), (8, 30, 60))
ONE_AND_EIGHT = (samples(600, users=1, seconds=30), samples(600, users=8, start=30, seconds=30))


@pytest.mark.parametrize(
    ("made", "changes", "says"),
    [
        pytest.param(
            samples(1000, seconds=20),
            {"levels": closed((8, 0, 20)), "planned_seconds": 600, "actual_seconds": 600},
            "load levels of 20.0 s", id="levels of a part of the plan",
        ),
        pytest.param(samples(), {"levels": closed((8, 0, 60), (8, 0, 60))}, "overlap", id="twice the same"),
        pytest.param(
            together(samples(users=1), samples(users=8)), {"levels": closed((8, 0, 60), (1, 0, 60))},
            "overlap", id="two at once",
        ),
        pytest.param(
            samples(users=1), {"levels": closed((1, 0, 57), (64, 57, 57)), "actual_seconds": 57.0},
            "took no time", id="a level of no length",
        ),
        pytest.param(
            together(samples(1200, users=1), ONE_AND_EIGHT[1]), {"levels": TWO},
            "from outside of their load level's time, the first at 31.1 s", id="after its own level",
        ),
        pytest.param(
            together(*ONE_AND_EIGHT, samples(600, users=8, seconds=30, fast=5.0)), {"levels": TWO},
            "the first at 0.0 s", id="before its own level",
        ),
        pytest.param(
            together(*(samples(600, users=0, rate=rate, seconds=30) for rate in (20.0, 5.0))),
            opened((20, 0, 30), (5, 30, 60)), "the first at 0.0 s", id="before its own level, open",
        ),
    ],
)  # fmt: skip
def test_a_run_that_is_not_what_it_says_is_invalid(made: Samples, changes: dict[str, Any], says: str) -> None:
    """Its numbers would pass, and be of another load."""
    outcome = verdict_of(made, **changes)
    assert outcome.verdict is Verdict.INVALID
    assert says in outcome.reason


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param(
            closed((1, 0, 30.9), (8, 30.1, 60.4)), id="workers that end a level on ticks of their own"
        ),
        pytest.param(closed((1, 0, 29.5), (8, 30, 60)), id="a pause between two"),
    ],
)
def test_levels_of_real_runs_are_no_contradiction(levels: list[dict[str, float]]) -> None:
    """Locust ticks once a second, and nobody calls a run INVALID for that."""
    assert verdict_of(together(*ONE_AND_EIGHT), levels=levels).verdict is Verdict.PASS


def arriving(n: int, rate: float, start: float, seconds: float) -> Samples:
    return samples(n, users=0, rate=rate, start=start, seconds=seconds)


@pytest.mark.parametrize(
    ("n", "planned", "verdict"),
    [
        (1000, 1000, Verdict.PASS),
        (1000, 1020, Verdict.PASS),
        (1000, 1021, Verdict.INVALID),
        (1020, 1000, Verdict.PASS),
        (1021, 1000, Verdict.INVALID),
        (2000, 1000, Verdict.INVALID),
    ],
)
def test_the_open_model_sends_what_it_planned(n: int, planned: float, verdict: Verdict) -> None:
    """Rows that are there twice are twice the evidence, and no more requests were sent."""
    load = {**opened((1000 / 60, 0, 60)), "planned_arrivals": planned}
    assert verdict_of(arriving(n, 1000 / 60, 0, 60), **load).verdict is verdict


def test_planned_arrivals_are_those_of_the_rates() -> None:
    """One planned arrival would make any number of them enough."""
    load = {**opened((1000, 0, 60)), "planned_arrivals": 1}
    outcome = verdict_of(arriving(1200, 1000, 0, 60), **load)
    assert outcome.verdict is Verdict.INVALID
    assert "1 planned arrivals, where its rates make about 60,000" in outcome.reason


def test_every_open_level_has_its_arrivals() -> None:
    """A level that got a sixth of them is lost in the sum with a busy one."""
    load = {**opened((10, 0, 60), (500, 60, 120)), "planned_seconds": 120, "actual_seconds": 120}
    both = together(arriving(100, 10, 0, 60), arriving(30_000, 500, 60, 60))
    outcome = verdict_of(both, f"{P95} at 10 rps", **load)
    assert outcome.verdict is Verdict.INVALID
    assert "100 of about 600 at 10 rps" in outcome.reason


def test_chance_in_poisson_arrivals_is_no_shortage() -> None:
    """Of 200 levels of 5 a second none is INVALID for having got a few arrivals less than its rate says."""
    rng = np.random.default_rng(11)
    for _ in range(200):
        count = int(rng.poisson(300))
        load = {**opened((5, 0, 60)), "planned_arrivals": count}
        made = arriving(count, 5, 0, 60)
        made.scheduled[:] = made.started[:] = np.sort(rng.uniform(0, 60, count))
        made.finished[:] = made.scheduled + 0.01
        assert verdict_of(made, "count of POST /predict >= 1", **load).verdict is not Verdict.INVALID


def test_a_task_of_several_requests_may_end_after_its_level() -> None:
    """In the open model its further requests are as much later as the task has them."""
    load = opened((10, 0, 30), (20, 30, 60)) | {"planned_arrivals": 950}
    late = arriving(50, 10, 30, 3)
    both = together(arriving(300, 10, 0, 30), late, arriving(600, 20, 30, 30))
    assert verdict_of(both, f"{P95} at 10 rps", **load).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "lacking", [{"digest": ""}, {"model_version": ""}, {"digest": "", "model_version": ""}]
)
def test_an_empty_name_is_no_knowledge_of_what_was_served(lacking: dict[str, str]) -> None:
    """Empty at the start and empty at the end is the same nothing twice."""
    served = {**SERVED, **lacking}
    outcome = verdict_of(samples(), served={"start": served, "end": served})
    assert outcome.verdict is Verdict.INVALID
    assert "unknown" in outcome.reason


def test_a_service_that_changed_is_no_fail_for_want_of_its_version() -> None:
    """Two images, of which one doesn't tell its version, are two all the same."""
    other = {"digest": "sha256:cd", "model_version": None}
    outcome = verdict_of(
        samples(failed=900), "fail of POST /predict < 1 %", served={"start": SERVED, "end": other}
    )
    assert outcome.verdict is Verdict.INVALID


def test_a_request_without_a_response_did_not_succeed() -> None:
    """Status 0 and no error would be a success that nobody answered."""
    made = samples(1000)
    made.status[:] = 0
    outcome = verdict_of(made, P95, "fail of POST /predict < 1 %")
    assert outcome.verdict is Verdict.INVALID
    assert "1,000 requests without a response (status 0) have no error" in outcome.reason


def test_a_run_that_broke_off_before_a_level_is_invalid() -> None:
    """A generator that died is no misspelt gate: it has a verdict, which is kept."""
    cut = {"levels": closed((1, 0, 20)), "actual_seconds": 20.0, "workers_lost": 1}
    outcome = verdict_of(samples(300, users=1, seconds=20), f"{P95} at 8 users", **cut)
    assert outcome.verdict is Verdict.INVALID
    assert "workers: 1 lost" in outcome.reason
    assert outcome.criteria[0].reason == "the run has no load level of 8 users"
    with pytest.raises(ConfigError, match="no load level of 9 users"):
        verdict_of(samples(), f"{P95} at 9 users")


def test_a_criterion_without_a_level_wants_its_endpoint_at_each() -> None:
    """Fast at 1 user, and never asked at 8: that is no word about both."""
    both = together(samples(600, users=1, seconds=30), samples(600, start=30, seconds=30, name="GET /health"))
    outcome = verdict_of(both, P95, levels=TWO)
    assert outcome.verdict is Verdict.INVALID
    assert outcome.criteria[0].reason == "no samples of it at 8 users"
    assert verdict_of(both, f"{P95} at 1 users", levels=TWO).verdict is Verdict.PASS


def test_a_comparison_wants_every_level_of_the_baseline() -> None:
    """A level that the baseline never had would be left out of what is compared, slow as it may be."""
    slow = together(samples(600, users=1, seconds=30), samples(600, start=30, seconds=30, fast=5.0))
    gate = parse_gate("g", ["p95 of POST /predict vs baseline by 10 %"])
    accepted = run(levels=closed((1, 0, 60))), samples(users=1)
    outcome = judge(run(levels=TWO), slow, gate, baseline=accepted)
    assert outcome.verdict is Verdict.INVALID
    assert "the baseline has no samples of POST /predict at 8 users" in outcome.reason
