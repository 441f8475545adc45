"""What the canary's soak is worth when somebody else was at work there meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cxlib.clients.kube import Kube
from cxlib.evidence.statement import Subject
from cxlib.model.verdict import GateVerdict, Verdict
from cxlib.settings import load_site
from cxlib.stage import canary, environment, watch
from cxlib.stage.canary import Soak
from cxlib.stage.environment import Candidate
from cxlib.stage.evidence import Measured
from cxlib.stage.watch import Observed, PodState

SITE, KUBE = load_site("local"), cast("Kube", None)
SIX, SEVEN = (Candidate(number, f"sha256:{number * 64}") for number in "67")
BEFORE = {"a": PodState(0, {"200": 1.0})}
NOTHING = Candidate("", "")


def watched(monkeypatch: pytest.MonkeyPatch, *, now: Candidate, pods: dict[str, PodState]) -> GateVerdict:
    """The watch of a canary that was at model 7 when it began."""
    monkeypatch.setattr(watch, "ask", lambda site, name: Observed(97.0, 200))
    monkeypatch.setattr(watch, "look", lambda kube, name: pods)
    monkeypatch.setattr(environment, "pointed", lambda kube, name: now)
    criteria = watch.parse(["restarts of its pods <= 0"])
    return canary._watched(SITE, KUBE, "canary health", criteria, BEFORE, SEVEN)


def test_a_rollback_during_the_soak_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pods were replaced: a FAIL would be about the version that is gone, and take away the next."""
    found = watched(monkeypatch, now=SIX, pods={"b": PodState(0, {})})
    assert found.verdict is Verdict.INVALID
    assert "came from model 7" in found.reason


def test_a_pod_that_was_replaced_without_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is the version's own doing."""
    assert watched(monkeypatch, now=SEVEN, pods={"b": PodState(0, {})}).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("load", "answered", "bad"),
    [
        (Verdict.FAIL, SIX, SIX),
        (Verdict.FAIL, NOTHING, SEVEN),
        (Verdict.PASS, SIX, SEVEN),
    ],
    ids=["the load", "the load, and nothing answered", "the watch"],
)
def test_what_failed_is_what_was_measured(load: Verdict, answered: Candidate, bad: Candidate) -> None:
    """The load may have begun after the canary was pointed elsewhere."""
    made: Any = Measured(
        SimpleNamespace(verdict=load),  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        recorded(answered),
    )
    health = GateVerdict("canary health", Verdict.FAIL, "", ())
    assert canary._failed(Soak(made, health, recorded(SEVEN))) == bad


def recorded(about: Candidate) -> Any:
    return SimpleNamespace(statement=SimpleNamespace(subject=Subject(about.digest, about.version)))
