"""Whose run a candidate is compared with: only one that was accepted, and still is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest

from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Found
from cxlib.evidence import rules
from cxlib.evidence.statement import Statement
from cxlib.judge.baseline import Refused
from cxlib.settings import load_site
from cxlib.stage import baseline, environment, identity, ledger, promotion_log
from cxlib.stage.environment import Candidate
from cxlib.stage.ledger import Entry
from cxlib.stage.promotion_log import Event
from tests.evidence import made
from tests.evidence.made import NOW, statement

SITE, KUBE = load_site("local"), cast("Kube", None)
HOUR = timedelta(hours=1)


@dataclass
class Production:
    """What production serves, how that came there, and what the soak said of it, newest first."""

    said: list[Statement]
    came: list[Event] = field(default_factory=list)

    def arrived(self, override: str = "") -> None:
        to = Candidate("7", made.DIGEST)
        self.came.append(Event(NOW, "promoted", "production", to, "", "promote-1", override))

    def entries(self, **asked: object) -> list[Entry]:
        assert (asked["digest"], asked["gate"]) == (made.DIGEST, "canary")
        worth = [rules.state(one, self.said, site=made.SITE, now=NOW) for one in self.said]
        return [
            Entry(Found(f"run-{number}", "", NOW, {}, {}, {}), one, *state)
            for number, (one, state) in enumerate(zip(self.said, worth, strict=True))
        ]


def found(monkeypatch: pytest.MonkeyPatch, production: Production) -> tuple[str, str] | Refused | None:
    """The MLflow run that is compared with, as ("run", its id)."""
    monkeypatch.setattr(environment, "pointed", lambda kube, name: Candidate("7", made.DIGEST))
    monkeypatch.setattr(promotion_log, "about", lambda site, name, digest: production.came)
    monkeypatch.setattr(identity, "fingerprint", lambda site, kube: made.SITE)
    monkeypatch.setattr(ledger, "entries", lambda site, **asked: production.entries(**asked))
    monkeypatch.setattr(baseline, "_fetch", lambda site, run, told, profile: ("run", run))
    told = baseline.find(SITE, KUBE, "canary", "canary", "classify")
    return cast("tuple[str, str] | Refused | None", told)


def soak(verdict: str = "PASS", *, ago: timedelta) -> Statement:
    return statement(verdict, gate="canary", environment="canary", ago=ago)


def test_the_newest_accepted_soak_is_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have expired: production serves for weeks."""
    production = Production([soak("INCONCLUSIVE", ago=90 * HOUR), soak(ago=99 * HOUR), soak(ago=200 * HOUR)])
    production.arrived()
    assert found(monkeypatch, production) == ("run", "run-1")


def test_a_soak_that_was_revoked_is_no_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also long after it expired: to be no worse than what failed is no merit. Nor is it as if there were
    nothing to compare with."""
    production = Production([soak("FAIL", ago=90 * HOUR), soak(ago=99 * HOUR)])
    production.arrived()
    assert isinstance(found(monkeypatch, production), Refused)


def test_what_an_override_let_in_is_no_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A soak may have passed; a person let it in against something all the same."""
    production = Production([soak(ago=HOUR)])
    production.arrived("me: hotfix")
    assert found(monkeypatch, production) is None
