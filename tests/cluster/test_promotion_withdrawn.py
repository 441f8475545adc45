"""What was rolled back comes again only by a person, whoever submits the workflow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cxlib.evidence.statement import EvidenceRefused, Override
from services.pipeline import promotion, tracking
from tests.cluster.promotion_site import Keys, Staged, order, rollback
from tests.cluster.test_promotion_hostile import proven_old
from tests.cluster.test_promotion_left import leave

REFUSAL = "was rolled back from canary at .* by rollback-model-"


@pytest.fixture
def withdrawn(staged: Staged) -> Staged:
    """The version came to the canary, and was rolled back; staging's evidence holds still."""
    proven_old(staged)
    promotion.run(order("canary", staged.version), staged.stand.world())
    promotion.run(rollback("canary", staged.old_version), staged.stand.world("rollback-model"))
    return staged


def override(staged: Staged, target: str = "canary", key: bytes | None = None) -> None:
    """A person opens the way, now."""
    stand, opened = staged.stand, Override("Ada", "it was the network", target)
    raw = stand.evidence(
        "staging",
        staged.version,
        staged.digest,
        verdict="OVERRIDE",
        override=opened,
        finished=datetime.now(UTC),
        key=key or stand.keys.private,
    )
    stand.log(staged.digest, raw)


def refused(staged: Staged) -> None:
    asked = order("canary", staged.version)
    with pytest.raises(EvidenceRefused, match=REFUSAL):
        promotion.run(asked, staged.stand.world())
    assert staged.stand.seen("canary") == staged.old()
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["refused"]


def test_what_was_rolled_back_does_not_come_by_a_workflow_of_its_own(withdrawn: Staged) -> None:
    """The harness isn't asked by who submits it in Argo; nor does it help to delete the rollback's record."""
    refused(withdrawn)
    gone = {"cx.environment": "canary", "cx.from-digest": withdrawn.digest, "cx.outcome": "rolled-back"}
    (run,) = tracking.search(withdrawn.stand.mlflow, "cx-promotions", gone)
    withdrawn.stand.tracking.remove(run.run_id)
    refused(withdrawn)


def test_a_person_brings_it_back(withdrawn: Staged) -> None:
    """By an override that was given after the rollback; the record says who, although all gates pass."""
    override(withdrawn)
    ended = promotion.run(order("canary", withdrawn.version), withdrawn.stand.world())
    assert (ended.outcome, ended.override) == ("promoted", "Ada: it was the network")
    assert withdrawn.stand.seen("canary") == withdrawn.new()


def test_an_override_for_elsewhere_or_by_another_key_brings_nothing_back(withdrawn: Staged) -> None:
    """It has to be this site's, about this very step."""
    override(withdrawn, target="production")
    override(withdrawn, key=Keys.made().private)
    refused(withdrawn)


def test_an_override_from_before_the_rollback_brings_nothing_back(staged: Staged) -> None:
    """Whoever gave it did not know what would happen."""
    proven_old(staged)
    override(staged)
    promotion.run(order("canary", staged.version), staged.stand.world())
    promotion.run(rollback("canary", staged.old_version), staged.stand.world("rollback-model"))
    refused(staged)


def test_what_came_back_since_goes_on_as_any_other(withdrawn: Staged) -> None:
    """A person has brought it back by a rollback: then it is as good as what was never taken away."""
    promotion.run(rollback("canary", withdrawn.version), withdrawn.stand.world("rollback-model"))
    assert promotion.run(order("canary", withdrawn.version), withdrawn.stand.world()).outcome == "promoted"


def test_a_rollback_that_is_completed_by_the_next_promotion_refuses_it(staged: Staged) -> None:
    """It was left under way, so nothing had told of it when the promotion was admitted."""
    proven_old(staged)
    promotion.run(order("canary", staged.version), staged.stand.world())
    back = rollback("canary", staged.old_version)
    leave(staged, back, "release")
    refused(staged)
    assert [noted["cx.outcome"] for noted in staged.stand.ended(back.uid)] == ["rolled-back"]
