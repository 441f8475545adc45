"""What a workflow left behind that was stopped without its exit handler: completed where it is whole."""

from __future__ import annotations

from datetime import UTC, datetime

from cxlib import progress
from cxlib.errors import StageFailed
from services.pipeline import logbook, rollout
from services.pipeline.claim import UNDER_WAY, Claim, Hold
from services.pipeline.target import pointed
from services.pipeline.undoing import Disagreement, entry, require_recorded, undo_held
from services.pipeline.world import World


def end(left: Claim, world: World, by: str) -> None:
    """Give back the environment that the claim ``left`` holds, to the workflow called ``by``.

    A promotion that lacked only its release may have served for days: to undo it would take a good
    version away. So it is completed where all agree on what it wanted, and undone elsewhere.

    Raises ``Held`` while its time isn't over, ``StageFailed`` when somebody has deployed a third thing
    since, which is a person's to sort out, ``WaitTimedOut`` when a service is down; and as ``undo`` does.
    """
    progress.note(f"{left.workflow} left {left.to.environment} under way")
    if datetime.now(UTC) >= left.until:
        _require_known(left, world)
    hold = Hold.seize(world.cluster, left, "", world.pace)
    why = left.undoing or _lacks(hold, world)
    if why:
        undo_held(hold, world, f"{left.workflow} was left under way: {why}")
        return
    outcome = logbook.PROMOTED if left.source else logbook.ROLLED_BACK
    ended = entry(left, outcome, noticed=f"it was left under way, found whole and completed by {by}")
    progress.note(f"{left.workflow} is whole: {outcome}, to model {left.to.version}")
    hold.release(ended.kept)
    logbook.write(world.mlflow, ended, world.pace)


def _require_known(left: Claim, world: World) -> None:
    to, back = left.to, left.before.wanted(left.to.environment)
    app = world.application(to.environment)
    if not (to.said_by(app["spec"]["source"]) or back.said_by(app["spec"]["source"])):
        raise StageFailed(
            f"{to.application}, which {left.workflow} left under way",
            wanted=f"{to} or {back}; or no annotation {UNDER_WAY}, where all is as it should be",
            seen=str(pointed(app, to.environment)),
        )


def _lacks(hold: Hold, world: World) -> str:
    """What the promotion that ``hold`` has seized lacks to be whole; empty when it only wasn't released.

    Raises ``WaitTimedOut`` when that can't be asked: an outage is no reason to undo it.
    """
    to = hold.claim.to
    try:
        require_recorded(hold, world, to, to.digest, to.alias)
    except Disagreement as exc:
        return str(exc)
    place = world.places[to.environment]
    try:
        rollout.see_served(to, place, world.pace)
        if to.version != "0":
            rollout.smoke(to, place, world.question, world.pace)
    except StageFailed as exc:
        return str(exc)
    return ""
