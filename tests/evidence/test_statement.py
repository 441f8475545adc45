"""What a PASS must say to be one, and how a FAIL is signed whatever it has to say."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from cxlib.evidence import envelope, rules
from cxlib.evidence.statement import EvidenceRefused, Statement, Subject, fitted
from tests.evidence import made

NOT_APPLICABLE = {"text": "p95 vs baseline", "verdict": "NOT APPLICABLE", "blocking": True}
WATCHED = {"text": "p99", "verdict": "FAIL", "blocking": False}
HOLDS = {"text": "p95", "verdict": "PASS", "blocking": True}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"criteria": ()}, id="no criterion"),
        pytest.param({"criteria": (HOLDS, {**HOLDS, "verdict": "FAIL"})}, id="one fails"),
        pytest.param({"criteria": (HOLDS, {**HOLDS, "verdict": "INVALID"})}, id="one is invalid"),
        pytest.param({"criteria": (HOLDS, {"text": "p95"})}, id="one has no verdict"),
        pytest.param({"criteria": ({**WATCHED, "verdict": "PASS"},)}, id="only watched ones"),
        pytest.param({"criteria": (NOT_APPLICABLE,)}, id="none applies"),
        pytest.param({"subject": Subject(made.DIGEST, "")}, id="no model version"),
    ],
)
def test_a_pass_that_proves_nothing_is_refused(keys: made.Keys, change: dict[str, Any]) -> None:
    """Whoever signs it: by itself it says PASS, and what it holds says otherwise."""
    with pytest.raises(EvidenceRefused, match="a PASS must"):
        envelope.sign(made.statement(**change), keys.private)
    assert envelope.sign(made.statement("FAIL", **change), keys.private)


def test_what_is_watched_or_not_applicable_does_not_stand_in_the_way(keys: made.Keys) -> None:
    """A gate passes with both in it."""
    one = made.statement(criteria=(HOLDS, WATCHED, NOT_APPLICABLE))
    assert envelope.verify(envelope.sign(one, keys.private), keys.public) == one


def test_run_json_is_signed(keys: made.Keys) -> None:
    """It says of what load and of which image the samples are."""
    raw = envelope.sign(made.statement(), keys.private)
    assert json.loads(base64.b64decode(json.loads(raw)["payload"]))["predicate"]["run"] == "e5" * 32


def test_a_statement_from_before_still_counts(keys: made.Keys) -> None:
    """A FAIL from yesterday, which knows no hash of run.json, revokes today."""
    raw = envelope.sign(made.statement("FAIL", run_sha256=""), keys.private)
    assert "run" not in json.loads(base64.b64decode(json.loads(raw)["payload"]))["predicate"]
    assert envelope.verify(raw, keys.public).run_sha256 == ""


def wordy(verdict: str, count: int) -> Statement:
    one = {"text": "p95 of POST /predict < 30 ms", "verdict": verdict, "reason": "r" * 2000, "value": 1.5}
    return replace(made.statement(verdict), reason="x" * 9000, criteria=(one,) * count)


@pytest.mark.parametrize("count", [1, 500, 5000])
def test_a_fail_is_signed_whatever_it_has_to_say(keys: made.Keys, count: int) -> None:
    """One that can't be signed would leave the PASS before it as good as ever."""
    with pytest.raises(EvidenceRefused):
        envelope.sign(wordy("FAIL", count), keys.private)
    fail = envelope.sign(fitted(wordy("FAIL", count)), keys.private)
    passed = made.statement(ago=2 * made.DAY / 24)
    gates = {made.GATE: passed.gate_sha256}
    with pytest.raises(EvidenceRefused, match="revoked by the FAIL"):
        rules.accept(
            [envelope.sign(passed, keys.private), fail], public_key=keys.public, digest=made.DIGEST,
            environment="staging", gates=gates, site=made.SITE, now=made.NOW,
        )  # fmt: skip


def test_a_pass_keeps_all_its_criteria(keys: made.Keys) -> None:
    """Without them it would prove nothing: rather it is not signed."""
    assert len(fitted(wordy("PASS", 5000)).criteria) == 5000
    with pytest.raises(EvidenceRefused, match="are allowed"):
        envelope.sign(fitted(wordy("PASS", 5000)), keys.private)
    assert fitted(made.statement()) == made.statement()
