"""What disagrees about an environment, and what mends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cxlib.judge.agreement import disagreements
from cxlib.model.standing import Claim, Environment, Holder, Image, Proof

D1, D2 = ("sha256:" + c * 64 for c in "12")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
PASS = Proof("fast", "staging", "PASS", NOW, NOW)
OLD = replace(PASS, refused="it expired", expired=True)
WELL = Environment(
    "staging", "http://s", installed=True, sync="Synced", health="Healthy", revision="c" * 40,
    wanted=Image(D1, "7", "staging-1.0.7"), serving=Image(D1, "7", "staging-1.0.7"), pods=(D1,), tagged=D1,
    alias="7", proofs=(PASS,), entry=(),
)  # fmt: skip
BEHIND = replace(
    WELL, name="canary", wanted=Image(D2, "6", "t"), serving=Image(D2, "6"), pods=(D2,), tagged=D2, alias="6"
)
ABSENT = Environment("canary", "http://c", installed=False, alias="")


def told(*environments: Environment) -> list[tuple[str, str]]:
    return [(d.part, d.what) for d in disagreements(environments, "http://m", "Model")]


def mended(**changes: Any) -> str:
    (found,) = disagreements([replace(WELL, **changes)], "http://m", "Model")
    return found.mend


def test_what_agrees_is_not_complained_of() -> None:
    """A page that always finds something is not read."""
    assert told(WELL) == []


@pytest.mark.parametrize(
    ("changes", "part", "says"),
    [
        ({"sync": "OutOfSync"}, "Application", "OutOfSync, Healthy"),
        ({"health": "Degraded", "said": "crash"}, "Application", "Synced, Degraded: crash"),
        ({"serving": Image(D2, "7")}, "serves", "serves model 7 from sha256:222222222222"),
        ({"serving": Image(D1, "6")}, "serves", "serves model 6"),
        ({"serving": None, "silent": "no answer"}, "serves", "http://s does not answer: no answer"),
        ({"pods": (D1, D2)}, "pods", "sha256:222222222222"),
        ({"pods": ()}, "pods", "no pod is ready"),
        ({"tagged": D2}, "tag", "staging-1.0.7 points at sha256:222222222222"),
        ({"tagged": ""}, "tag", "no tag staging-1.0.7"),
        ({"alias": "6"}, "alias", "names version 6"),
        ({"alias": ""}, "alias", "is not set"),
        ({"proofs": (Proof("fast", "staging"),)}, "evidence", "no evidence about this image"),
        ({"proofs": (replace(PASS, verdict="FAIL", refused="p95: 41 ms"),)}, "evidence", "FAIL, p95: 41 ms"),
        ({"proofs": (replace(PASS, refused="revoked by the FAIL of today"),)}, "evidence", "revoked"),
        ({"entry": (Proof("fast", "staging"),)}, "let in by", "let in without proof"),
    ],
)
def test_each_part_that_says_something_else_is_named_once(
    changes: dict[str, Any], part: str, says: str
) -> None:
    """One cause is one line; and it quotes both sides, so that nobody has to look them up."""
    ((named, what),) = told(replace(WELL, **changes))
    assert named == part
    assert says in what


def test_parts_that_did_not_answer_disagree_with_nothing() -> None:
    """MLflow being down says nothing about an alias; that it is down is said elsewhere."""
    assert told(replace(WELL, serving=None, pods=None, tagged=None, alias=None, proofs=None)) == []


def test_first_build_needs_neither_alias_nor_evidence() -> None:
    """Before the first model an environment serves none, and that is as it should be."""
    first = replace(WELL, wanted=Image("", "", "staging-1.0.0"), serving=Image(), alias="", proofs=None)
    assert told(first) == []
    assert told(replace(first, alias="3"))[0][0] == "alias"


def test_environment_that_never_was_is_no_disagreement_but_one_that_is_gone_is() -> None:
    """A site may stop at staging; an alias that points at what nobody serves is another matter."""
    assert told(WELL, ABSENT) == []
    assert told(WELL, replace(ABSENT, alias="7")) == [
        ("Application", "MLflow's alias names version 7, and there is no Application")
    ]


@pytest.mark.parametrize(
    ("after", "red"),
    [
        (ABSENT, True),
        (BEHIND, True),
        (replace(WELL, name="canary"), False),
    ],
)
def test_evidence_that_only_grew_old_is_red_while_it_is_needed(after: Environment, red: bool) -> None:
    """Once the next environment runs the image, nothing more has to leave; else every page would be red."""
    assert bool([1 for part, _ in told(replace(WELL, proofs=(OLD,)), after) if part == "evidence"]) is red


def test_age_of_what_let_an_image_in_does_not_matter_but_its_revocation_does() -> None:
    """Production runs for weeks on evidence that held when it was promoted."""
    production = replace(WELL, name="production", proofs=())
    assert told(replace(production, entry=(OLD,))) == []
    revoked = replace(OLD, refused="revoked by the FAIL of today", expired=False)
    (found,) = disagreements([replace(production, entry=(revoked,))], "http://m", "Model")
    assert found.mend == "cx rollback --env=production"


def test_mending_waits_for_the_workflow_that_is_at_work() -> None:
    """In the middle of a promotion things disagree by design: who interferes makes it worse."""
    held = Holder("promote-model-abc-1", "Running", NOW)
    assert mended(pods=(D1, D2), holders=(held,)) == "wait for promote-model-abc-1, then: cx status"
    assert mended(pods=(D1, D2), holders=(replace(held, waits=True),)) == "pytest features/ --env=staging"


SIX, SEVEN, NONE = (
    Image(D2, "6", "canary-1.0.6"),
    Image(D1, "7", "canary-1.0.7"),
    Image("", "", "canary-1.0.0"),
)
PROMOTION = Claim("promote-model-abc-1", SIX, SEVEN)


@pytest.mark.parametrize(
    ("environment", "claim", "changes", "mend"),
    [
        ("canary", PROMOTION, {"alias": "6"}, "cx rollback --env=canary --to=6"),
        ("canary", PROMOTION, {"wanted": SIX, "tagged": D2}, "cx rollback --env=canary --to=6"),
        ("canary", PROMOTION, {}, "pytest features/ --env=canary"),
        ("canary", replace(PROMOTION, before=NONE), {"alias": ""}, "cx rollback --env=canary --to=0"),
        ("production", replace(PROMOTION, before=NONE), {"alias": ""}, "pytest features/ --env=production"),
        ("canary", Claim("rollback-model-1", SEVEN, SIX, back=True), {}, "cx rollback --env=canary --to=6"),
        (
            "canary",
            Claim("something", Image(), Image()),
            {},
            "kubectl -n argocd annotate application birdclef-canary cx.birdclef/promotion-",
        ),
    ],
    ids=["half way", "not begun", "whole", "first model", "first in production", "rollback", "unreadable"],
)
def test_what_nobody_finishes_is_seen_with_the_command_that_ends_it(
    environment: str, claim: Claim, changes: dict[str, Any], mend: str
) -> None:
    """The note outlives a workflow that was deleted. Production never goes back to serving nothing, and
    what a rollback took away must not come back by mending it."""
    at = replace(WELL, name=environment, proofs=(), claim=claim, **changes)
    found = {d.part: d.mend for d in disagreements([at], "http://m", "Model")}
    assert found["lock"] == mend
    assert set(found.values()) == {mend}
    at_work = replace(at, holders=(Holder("promote-model-abc-1", "Running", NOW),))
    assert "lock" not in [part for part, _ in told(at_work)]


def test_tag_is_put_right_by_who_can_write_it() -> None:
    """Staging's image is built again; the others' tags are the workflows' to point."""
    assert mended(tagged=D2) == "pytest features/ --env=staging"
    assert mended(name="canary", tagged=D2, proofs=()) == "cx rollback --env=canary --to=7"
    first = {"wanted": Image("", "", "production-1.0.0"), "serving": Image(), "alias": "", "tagged": ""}
    assert mended(name="production", proofs=(), **first) == "pytest features/ --env=production"


def test_alias_is_mended_by_a_request_that_can_be_pasted() -> None:
    """No run moves an alias by itself when nothing else has to be done."""
    assert mended(alias="6").startswith("curl ")
    assert '"version": "7"' in mended(alias="6")
    gone = mended(alias="6", wanted=Image("", "", "t"), serving=Image(), tagged=D1)
    assert gone == (
        "curl -X DELETE 'http://m/api/2.0/mlflow/registered-models/alias?name=Model&alias=staging'"
    )
