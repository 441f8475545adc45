"""Promotions and rollbacks under their own rights, against real parts: whole, or as if never begun."""

from __future__ import annotations

import pytest

from cxlib import progress
from services.pipeline import logbook, promotion
from services.pipeline.undoing import Undone
from tests.cluster.faults import At
from tests.cluster.promotion_site import Staged, order
from tests.tiers import sampled

STEPS = (
    "evidence",
    "record",
    "retag",
    "point",
    "synced",
    "served",
    "smoke",
    "alias",
    "agree",
    "release",
    "note",
)
POINTS = [f"{step} {when}" for step in STEPS for when in ("before", "after")]
WHOLE_FROM = ("release after", "note before", "note after")
# Refused, undone with little and with all of it to undo, and whole.
EVERY_RUN = ("evidence after", "retag after", "release before", "release after")


class Injected(Exception):
    """The fault."""


def fault(at: str) -> At:
    """Raises right before or right after a step."""

    def strike() -> None:
        raise Injected(at)

    return At(at, strike)


def test_a_promotion_brings_all_that_must_agree(staged: Staged) -> None:
    """Served digest, tag, Application and alias, in the order in which nobody is misled."""
    asked = order("canary", staged.version)
    ended = promotion.run(asked, staged.stand.world())
    assert (ended.outcome, ended.digest, ended.left) == ("promoted", staged.digest, staged.old_digest)
    assert staged.stand.seen("canary") == staged.new()
    (noted,) = staged.stand.ended(asked.uid)
    assert noted["cx.outcome"] == "promoted"
    assert noted["cx.from-digest"] == staged.old_digest


@pytest.mark.parametrize("at", sampled(POINTS, every_run=EVERY_RUN))
def test_a_step_that_fails_leaves_all_old_or_all_new(staged: Staged, at: str) -> None:
    """Whichever step, before it did anything and after it did all; and it says so."""
    asked, world = order("canary", staged.version), staged.stand.world()
    replaced = progress.listen(fault(at))
    try:
        if at in WHOLE_FROM:
            promotion.run(asked, world)
        else:
            with pytest.raises((Undone, Injected), match=at):
                promotion.run(asked, world)
    finally:
        progress.listen(replaced)
    assert staged.stand.seen("canary") == (staged.new() if at in WHOLE_FROM else staged.old())
    assert staged.stand.tagged(f"canary-1.0.{staged.version}") == (
        staged.digest if at in WHOLE_FROM else None
    )
    refused = at in ("evidence before", "evidence after", "record before")
    outcome = logbook.PROMOTED if at in WHOLE_FROM else logbook.REFUSED if refused else logbook.UNDONE
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == [outcome]
