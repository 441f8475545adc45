"""An extended run is two: what is wrong with either is wrong with the whole."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cxlib.clients import load_part, runfolder
from cxlib.judge.gate import judge
from cxlib.model.grammar import parse_gate
from cxlib.model.run import Run
from cxlib.model.sample import Samples
from cxlib.model.verdict import GateVerdict, Verdict
from tests.judge.made import SERVED, run, samples

OTHER = {"digest": "sha256:" + "cd" * 32, "model_version": "8"}
UNKNOWN = {"digest": None, "model_version": None}
OPEN = {"levels": [{"users": 0, "rate": 20, "start": 0, "end": 60}], "planned_arrivals": 1200}
GATE = parse_gate("g", ["p95 of POST /predict < 30 ms"])


def extended(a: dict[str, Any], b: dict[str, Any], *made: Samples) -> tuple[Run, Samples]:
    """Both, the second begun 70 s after the first."""
    first = run(**a)
    second = run(**b, started=(first.started + timedelta(seconds=70)).isoformat())
    one, other = made or (samples(), samples())
    return load_part.extended((first, one), (second, other))


def verdict_of(whole: tuple[Run, Samples]) -> GateVerdict:
    return judge(*whole, GATE)


def test_two_good_halves_are_a_good_run(tmp_path: Path) -> None:
    """Also from its folder, which says what each half was planned to be."""
    whole = extended({}, {})
    assert verdict_of(whole).verdict is Verdict.PASS
    runfolder.write(tmp_path, *whole)
    assert runfolder.read(tmp_path)[0] == whole[0]
    assert [half.planned_seconds for half in whole[0].halves] == [60, 60]
    third = load_part.extended(whole, (run(started="2026-11-23T20:05:00Z"), samples()))
    assert len(third[0].halves) == 3
    assert verdict_of(third).verdict is Verdict.PASS


@pytest.mark.parametrize("turned", [False, True])
def test_a_half_that_ended_early_is_not_made_up_for(turned: bool) -> None:
    """90 % and 105 % are 97.5 % of both."""
    halves = [{"actual_seconds": 54.0}, {"actual_seconds": 63.0}]
    outcome = verdict_of(extended(*(halves[::-1] if turned else halves)))
    assert outcome.verdict is Verdict.INVALID
    assert "duration: 54.0 s of 60.0 s" in outcome.reason


def test_a_half_without_its_arrivals_is_not_made_up_for() -> None:
    """97 % and 99.5 % are 98.25 % of both."""
    made = [samples(n, users=0, rate=20) for n in (1164, 1194)]
    outcome = verdict_of(extended(OPEN, OPEN, *made))
    assert outcome.verdict is Verdict.INVALID
    assert "arrivals: 1,164 of 1,200" in outcome.reason
    assert verdict_of(extended(OPEN, OPEN, made[1], made[1])).verdict is Verdict.PASS


@pytest.mark.parametrize("between", [OTHER, UNKNOWN])
@pytest.mark.parametrize("half", [0, 1])
def test_a_service_that_changed_between_the_halves_is_found(between: dict[str, Any], half: int) -> None:
    """It is back at the end, and half of the numbers are another image's."""
    spans = [{"start": SERVED, "end": SERVED}, {"start": SERVED, "end": SERVED}]
    spans[half]["end" if half == 0 else "start"] = between
    outcome = verdict_of(extended({"served": spans[0]}, {"served": spans[1]}))
    assert outcome.verdict is Verdict.INVALID
    assert outcome.reason.startswith("served")


def test_halves_that_are_not_of_the_run_are_a_contradiction() -> None:
    """A run.json that says so can't be believed."""
    whole, made = extended({}, {})
    for halves in (
        whole.halves * 3,
        (whole.halves[0], whole.halves[0].model_copy(update={"planned_seconds": 5})),
    ):
        outcome = judge(whole.model_copy(update={"halves": halves}), made, GATE)
        assert outcome.verdict is Verdict.INVALID
        assert outcome.reason.startswith("run.json")
