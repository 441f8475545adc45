"""Claims that a workflow left behind, terminated or deleted in the middle: the next promotion ends them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cxlib.clients import argocd
from cxlib.errors import StageFailed, WaitTimedOut
from cxlib.wait import wait_until
from services.pipeline import claim, promotion
from services.pipeline.admission import Order
from tests.cluster.door import door
from tests.cluster.faults import with_acts
from tests.cluster.promotion_site import PACE, Staged, order
from tests.cluster.test_promotion_hostile import address, behind
from tests.cluster.test_promotion_killed import promoted
from tests.cluster.test_promotion_meddled import Killed, by_hand, fail
from tests.tiers import sampled


def die() -> None:
    raise Killed


def leave(staged: Staged, asked: Order, *steps: str) -> None:
    """A promotion of two days ago that failed at each of the ``steps`` but the last, where it was ended."""
    acts = dict.fromkeys(steps[:-1], fail) | {steps[-1]: die}
    with pytest.raises(Killed):
        with_acts(acts, lambda: promotion.run(asked, staged.stand.world()))
    app = staged.stand.kube.get("Application", "birdclef-canary", argocd.NAMESPACE) or {}
    left = claim.read(app)
    assert left is not None
    text = replace(left, until=datetime.now(UTC) - timedelta(days=2)).text
    change = {"metadata": {"annotations": {claim.UNDER_WAY: text}}}
    staged.stand.kube.patch("Application", "birdclef-canary", argocd.NAMESPACE, change)


def newer(staged: Staged) -> Staged:
    """Staging has come to a version after that, with evidence."""
    stand, version = staged.stand, staged.stand.version()
    digest = stand.image(f"newer {version}")
    stand.install("staging", version, digest)
    stand.log(digest, stand.evidence("staging", version, digest))
    return replace(staged, version=version, digest=digest)


def test_a_whole_one_is_completed(staged: Staged) -> None:
    """It lacked only its release: undone, a good version would be taken away days later."""
    asked = order("canary", staged.version)
    leave(staged, asked, "release")
    after = newer(staged)
    ended = promotion.run(order("canary", after.version), staged.stand.world())
    assert (ended.outcome, ended.left) == ("promoted", staged.digest)
    assert staged.stand.seen("canary") == after.new()
    assert staged.stand.tagged(f"canary-1.0.{staged.version}") == staged.digest
    (noted,) = staged.stand.ended(asked.uid)
    assert (noted["cx.outcome"], noted["cx.from-digest"]) == ("promoted", staged.old_digest)
    assert "left under way" in staged.stand.params(asked.uid)["noticed"]


def test_a_whole_one_stays_when_the_next_fails(staged: Staged) -> None:
    """What was recorded is what served for days, not what served before that."""
    leave(staged, order("canary", staged.version), "release")
    after = newer(staged)
    staged.stand.rollouts.behaviour[after.digest] = "no predictions"
    with pytest.raises(Exception, match="this image holds no model"):
        promotion.run(order("canary", after.version), staged.stand.world(pace=replace(PACE, served=0.6)))
    assert staged.stand.seen("canary") == staged.new()


HALF = {
    "without its alias": ("alias",),
    "not even pointed there": ("point",),
    "on its way back": ("release", "undo alias"),
    "that gives no predictions by now": ("release",),
}


@pytest.mark.parametrize("half", sampled(HALF, every_run=["without its alias", "on its way back"]))
def test_a_half_one_is_undone(staged: Staged, half: str) -> None:
    """Whatever it lacks; then the next begins from what was before."""
    asked = order("canary", staged.version)
    leave(staged, asked, *HALF[half])
    if "predictions" in half:
        staged.stand.rollouts.behaviour[staged.digest] = "no predictions"
    after = newer(staged)
    ended = promotion.run(order("canary", after.version), staged.stand.world())
    assert (ended.outcome, ended.left) == ("promoted", staged.old_digest)
    assert staged.stand.seen("canary") == after.new()
    assert staged.stand.tagged(f"canary-1.0.{staged.version}") is None
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["undone"]


def test_a_service_that_is_down_is_no_reason_to_undo_a_whole_one(staged: Staged) -> None:
    """Whether it is whole can't be asked: the next is refused, and the one after that completes it."""
    asked = order("canary", staged.version)
    leave(staged, asked, "release")
    after = newer(staged)
    with door(address(staged.stand, "registry")) as shut:
        world = staged.stand.world(pace=replace(PACE, outage=0.5, lease=1), **behind(shut, "registry"))
        with pytest.raises(WaitTimedOut, match="the registry: wanted an answer"):
            with_acts({"record": shut.shut}, lambda: promotion.run(order("canary", after.version), world))
    assert staged.stand.seen("canary") | {"claim": None} == staged.new()
    wait_until("its lease", lambda: promoted(order("canary", after.version), after), wanted="over", within=30)
    assert staged.stand.seen("canary") == after.new()
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["promoted"]


def test_one_over_which_somebody_deployed_is_a_persons_to_sort_out(staged: Staged) -> None:
    """Neither what it wanted nor what was before counts there: nothing is written, and it is said."""
    leave(staged, order("canary", staged.version), "release")
    third, after = by_hand(staged), newer(staged)
    asked = order("canary", after.version)
    with pytest.raises(StageFailed, match=f"left under way: wanted canary at canary-1.0.{staged.version}"):
        promotion.run(asked, staged.stand.world())
    app = staged.stand.kube.get("Application", "birdclef-canary", argocd.NAMESPACE) or {}
    assert argocd.parameters(app) == third.names
    assert json.loads(app["metadata"]["annotations"][claim.UNDER_WAY])["until"] < str(datetime.now(UTC))
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["refused"]
