"""Promotions and rollbacks under their own rights, against real parts: whole, or as if never begun."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cxlib import progress
from services.pipeline import logbook, promotion
from services.pipeline.undoing import Undone
from tests.cluster.faults import At, with_act
from tests.cluster.promotion_site import Staged, order
from tests.tiers import further, sampled

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


def failed_since(staged: Staged) -> None:
    """The gate has failed since the promotion was admitted."""
    stand, version = staged.stand, staged.version
    raw = stand.evidence("staging", version, staged.digest, verdict="FAIL", reason="p95 too high")
    stand.log(staged.digest, raw)


def another_gate(staged: Staged) -> None:
    """The cluster asks for more since then."""
    staged.stand.trust(gates={"staging": ["staging", "another"]})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (failed_since, "revoked by the FAIL of .*: p95 too high; undone: canary at"),
        further(another_gate, "gate 'another' has no PASS for this image; undone: canary at"),
    ],
)
def test_what_is_no_longer_proven_at_the_end_is_undone(
    staged: Staged, change: Callable[[Staged], None], reason: str
) -> None:
    """The alias says that a version is good: evidence that was taken back on the way must be seen."""
    asked = order("canary", staged.version)
    with pytest.raises(Undone, match=reason):
        with_act("point", lambda: change(staged), lambda: promotion.run(asked, staged.stand.world()))
    assert staged.stand.seen("canary") == staged.old()
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["undone"]
