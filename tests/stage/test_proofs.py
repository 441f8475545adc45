"""What statements say about what an environment runs: by which it leaves, and by which it came."""

from __future__ import annotations

from datetime import timedelta

from cxlib.evidence.policy import Asked, Policy
from cxlib.evidence.statement import Statement
from cxlib.model.standing import Proof
from cxlib.stage import proofs
from cxlib.stage.trust import Trust
from tests.evidence import made
from tests.evidence.made import DAY, NOW, override, statement

HOUR = timedelta(hours=1)
SHA = statement().gate_sha256
TODAY = Policy({"staging": (Asked({made.GATE: SHA}),)})


def entry(*statements: Statement, policy: Policy = TODAY) -> tuple[Proof, ...]:
    """What let the image into the canary."""
    return proofs.entry("canary", made.DIGEST, statements, Trust(b"", made.SITE, policy), NOW)


def test_a_gate_that_was_added_since_did_not_let_it_in() -> None:
    """Else a new gate turns the page red for everything that was promoted before."""
    more = {made.GATE: SHA, "model": "1" * 64}
    policy = Policy({"staging": (Asked({made.GATE: SHA}, NOW - 9 * DAY), Asked(more, NOW - DAY))})
    old = statement(finished=NOW - 2 * DAY)
    (proof,) = entry(old, policy=policy)
    assert (proof.gate, proof.verdict, proof.expired) == (made.GATE, "PASS", True)


def test_a_gate_that_was_asked_for_when_it_was_proven_is_missed() -> None:
    """Gates of long before its first proof opened nothing for it."""
    more = {made.GATE: SHA, "model": "1" * 64}
    policy = Policy({"staging": (Asked({made.GATE: SHA}, NOW - 9 * DAY), Asked(more, NOW - 3 * DAY))})
    assert [p.verdict for p in entry(statement(finished=NOW - 2 * DAY), policy=policy)] == ["PASS", ""]


def test_an_override_is_shown_beside_evidence_that_counts() -> None:
    """It went over a rollback: evidence there was, and a person decided all the same."""
    shown = entry(statement(ago=2 * HOUR), override(ago=HOUR))
    assert [p.verdict for p in shown] == ["PASS", "OVERRIDE"]
    assert all(p.counts for p in shown)


def test_an_override_without_evidence_stands_alone() -> None:
    """It is what let the image in, and nothing is red for want of what it went over."""
    assert [p.verdict for p in entry(statement("FAIL"), override())] == ["OVERRIDE"]


def test_a_fail_in_another_environment_revokes_here_as_well() -> None:
    """The page believes what a promotion believes."""
    failed = statement("FAIL", environment="canary", ago=HOUR)
    (proof,) = proofs.own(
        "staging", made.DIGEST, [statement(ago=2 * HOUR), failed], Trust(b"", made.SITE, TODAY), NOW
    )
    assert "revoked by the FAIL" in proof.refused
