"""What may be gone back to: what was once proven, by the gates of its time, and not taken back since."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cxlib.evidence import hindsight
from cxlib.evidence.policy import Asked, Policy
from cxlib.evidence.rules import Accepted
from cxlib.evidence.statement import EvidenceRefused, Statement
from tests.evidence import made
from tests.evidence.made import DAY, NOW, Keys, override, signed, statement

HOUR = timedelta(hours=1)
BOTH = {"nodes": "1" * 64, "staging": "2" * 64}
UNDATED = Policy({"staging": (Asked(BOTH),)})


def said(gate: str, verdict: str = "PASS", *, days: float, **other: Any) -> Statement:
    """The word of one of the gates, given some days ago, when its evidence held for a day."""
    finished = other.pop("finished", NOW - days * DAY)
    return statement(
        verdict, gate=gate, finished=finished, **{"gate_sha256": BOTH.get(gate, "0" * 64), **other}
    )


def accept(keys: Keys, *statements: Statement, asked: Policy = UNDATED, now: datetime = NOW) -> Accepted:
    """The question as a rollback of the canary asks it."""
    return hindsight.accept(
        signed(keys, *statements), public_key=keys.public, digest=made.DIGEST, source="staging",
        target="canary", policy=asked, site=made.SITE, now=now,
    )  # fmt: skip


PROVEN = (said("nodes", days=5), said("staging", days=5, finished=NOW - 5 * DAY + HOUR))


def test_what_was_proven_long_ago_may_serve_again(keys: Keys) -> None:
    """A night's emergency is no time to measure last week's version once more."""
    assert {s.gate for s in accept(keys, *PROVEN).passes} == set(BOTH)


def test_a_later_run_that_proved_less_takes_nothing_back(keys: Keys) -> None:
    """One gate passed again, the other wanted more samples: the set of five days ago was whole."""
    again = (said("nodes", days=3), said("staging", "INCONCLUSIVE", days=3))
    assert accept(keys, *PROVEN, *again).passes == PROVEN


def test_a_gate_that_came_since_is_not_asked_for(keys: Keys) -> None:
    """Else adding a gate to the features switches off every rollback."""
    more = {**BOTH, "model": "3" * 64}
    asked = Policy({"staging": (Asked(BOTH, NOW - 9 * DAY), Asked(more, NOW - DAY))})
    assert accept(keys, *PROVEN, asked=asked).passes == PROVEN


def test_a_gate_that_was_asked_for_then_is_needed(keys: Keys) -> None:
    """That today's policy asks for less opens nothing that was closed."""
    more = {**BOTH, "model": "3" * 64}
    asked = Policy({"staging": (Asked(more, NOW - 9 * DAY), Asked(BOTH, NOW - DAY))})
    with pytest.raises(EvidenceRefused, match="gate 'model' has no PASS"):
        accept(keys, *PROVEN, asked=asked)


def test_gates_that_were_asked_for_after_the_proof_count_while_it_held(keys: Keys) -> None:
    """Another branch's run had its own gates in between; it was promoted when they were right again."""
    other, when = {"staging": "9" * 64}, NOW - 5 * DAY
    asked = Policy(
        {"staging": (Asked(other, when - HOUR), Asked(BOTH, when + 2 * HOUR), Asked(other, when + 9 * HOUR))}
    )
    assert accept(keys, *PROVEN, asked=asked).passes == PROVEN


def test_evidence_that_had_ended_before_the_gates_were_asked_for_opens_nothing(keys: Keys) -> None:
    """There was no moment at which a promotion would have been let in."""
    when = NOW - 5 * DAY
    asked = Policy({"staging": (Asked({"staging": "9" * 64}, when - HOUR), Asked(BOTH, when + 2 * DAY))})
    with pytest.raises(EvidenceRefused, match="text has changed"):
        accept(keys, *PROVEN, asked=asked)


@pytest.mark.parametrize("gate", ["nodes", "staging"])
def test_a_fail_since_then_revokes(keys: Keys, gate: str) -> None:
    """Whoever goes back must not go back to what was found to be bad."""
    with pytest.raises(EvidenceRefused, match="revoked by the FAIL"):
        accept(keys, *PROVEN, said(gate, "FAIL", days=2))


@pytest.mark.parametrize("last", ["FAIL", "INCONCLUSIVE", "INVALID"])
def test_what_failed_in_the_environment_itself_is_no_place_to_go_back_to(keys: Keys, last: str) -> None:
    """The canary's soak failed: that a later one proved nothing doesn't take it back."""
    soaks = (
        said("soak", "FAIL", days=2, environment="canary"),
        said("soak", last, days=1, environment="canary"),
    )
    with pytest.raises(EvidenceRefused, match="it failed gate 'soak' of canary at last"):
        accept(keys, *PROVEN, *soaks)


def test_what_passed_there_after_its_fail_is(keys: Keys) -> None:
    """A PASS after that FAIL counts again, as everywhere."""
    soaks = [
        said("soak", verdict, days=days, environment="canary") for days, verdict in ((2, "FAIL"), (1, "PASS"))
    ]
    assert accept(keys, *PROVEN, *soaks).passes == PROVEN


def test_an_override_opens_as_of_its_own_time(keys: Keys) -> None:
    """A person who names such a version gets it; what chooses by itself has to see how it came."""
    given = override(finished=NOW - 4 * DAY)
    assert accept(keys, given).override == given
    with pytest.raises(EvidenceRefused):
        accept(keys, override("production", finished=NOW - 4 * DAY))


def test_nothing_opens_nothing(keys: Keys) -> None:
    """Nor does a policy that asks for nothing."""
    with pytest.raises(EvidenceRefused, match="has no PASS"):
        accept(keys)
    with pytest.raises(EvidenceRefused, match="no gate is set"):
        accept(keys, *PROVEN, asked=Policy({}))
