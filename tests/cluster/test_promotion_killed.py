"""Promoters that are killed or put to sleep in the middle; they run in processes of their own."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from cxlib.wait import Look, wait_until
from services.pipeline import promotion
from services.pipeline.admission import Order
from tests.apart import Apart
from tests.cluster.promoter import promote
from tests.cluster.promotion_site import PACE, Staged, order
from tests.tiers import sampled

STEPS = (
    *("evidence", "record", "retag", "point", "synced", "served"),
    *("smoke", "alias", "agree", "release", "note"),
)
POINTS = [f"{step} {when}" for step in STEPS for when in ("before", "after")]
UNTOUCHED = ("evidence before", "evidence after", "record before")
WHOLE_FROM = ("release after", "note before", "note after")


def start(staged: Staged, asked: Order, at: str, what: signal.Signals, lease: float = PACE.lease) -> Apart:
    """A promoter that does ``what`` to itself ``at`` a step."""
    return Apart(promote, asked, staged.stand.world(pace=replace(PACE, lease=lease)), at, what)


@pytest.mark.parametrize("at", sampled(POINTS, every_run=("record before", "point after", "note before")))
def test_a_killed_promotion_is_ended_by_its_retry(staged: Staged, at: str) -> None:
    """SIGKILL; Argo starts the pod again, which finds how far it had come, and goes on."""
    asked = order("canary", staged.version)
    assert start(staged, asked, at, signal.SIGKILL).ended(60) == -signal.SIGKILL
    assert promotion.run(asked, staged.stand.world()).outcome == "promoted"
    assert staged.stand.seen("canary") == staged.new()
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["promoted"]


@pytest.mark.parametrize("at", sampled(POINTS, every_run=("record before", "alias after", "release after")))
def test_a_killed_promotion_is_undone_by_the_exit_handler(staged: Staged, at: str) -> None:
    """SIGKILL, and no retry: it was stopped, or its time was over."""
    asked = order("canary", staged.version)
    assert start(staged, asked, at, signal.SIGKILL).ended(60) == -signal.SIGKILL
    settled = promotion.settle(asked.uid, "canary", "Failed", staged.stand.world())
    whole = at in WHOLE_FROM
    assert settled == ("promoted" if whole else "nothing to settle" if at in UNTOUCHED else "undone")
    assert staged.stand.seen("canary") == (staged.new() if whole else staged.old())
    assert staged.stand.tagged(f"canary-1.0.{staged.version}") == (staged.digest if whole else None)


@pytest.mark.parametrize(
    "at",
    sampled(
        [f"{step} before" for step in ("retag", "point", "synced", "alias", "release")],
        every_run=("point before", "alias before"),
    ),
)
def test_a_stale_promoter_cannot_write(staged: Staged, at: str) -> None:
    """Paused past its lease, then woken: another has promoted meanwhile, and it must not touch that."""
    asked = order("canary", staged.version)
    sleeper = start(staged, asked, at, signal.SIGSTOP, lease=1)
    wait_until("the promoter", sleeper.stopped, wanted="stopped", within=30, every=0.05)
    other = order("canary", staged.version)
    wait_until("its lease", lambda: promoted(other, staged), wanted="over", within=30, every=0.2)
    sleeper.send(signal.SIGCONT)
    said = sleeper.end(within=60).stdout
    assert said.startswith("Stale:")
    assert other.workflow in said
    assert staged.stand.seen("canary") == staged.new()
    # it lacked only its release: the other has completed it
    ended = "promoted" if at == "release before" else "undone"
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == [ended]


def promoted(other: Order, staged: Staged) -> Look[bool]:
    from services.pipeline.claim import Held

    try:
        return Look.found(promotion.run(other, staged.stand.world()).outcome == "promoted")
    except Held as exc:
        return Look(str(exc))
