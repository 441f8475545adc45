"""A promotion or a rollback: whole, or undone. Each step may be repeated; each write needs the claim.

Everything that is needed to go on or to go back lies in the claim on the Application, so it doesn't
matter which process does it: this one, its successor after a kill, or the workflow's exit handler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from cxlib.errors import StageFailed
from services.pipeline import claim as claims
from services.pipeline import logbook, model
from services.pipeline.admission import Order, check_words
from services.pipeline.claim import Hold, Stale
from services.pipeline.cluster import Missing
from services.pipeline.forward import Forward
from services.pipeline.pace import waited_out
from services.pipeline.undoing import Undone, take_back, undo_alone
from services.pipeline.world import World

NOTHING = "nothing to settle"


@dataclass(frozen=True, slots=True)
class Ended:
    """A promotion that is whole. ``left`` is the digest that ran before."""

    outcome: str
    version: str
    digest: str
    left: str
    override: str


def run(order: Order, world: World) -> Ended:
    """Do what ``order`` asks for, go on with it after a kill, or undo it.

    Raises ``EvidenceRefused``, ``Held`` and other ``StageFailed`` when it was refused before the first
    write, ``Undone`` with the cause when it failed, ``NotUndone`` when that failed too, ``Stale`` when
    another has taken over meanwhile.
    """
    try:
        check_words(order)
    except StageFailed as exc:
        _note_refusal(order, world, exc)
        raise
    forward = Forward(order, world)
    try:
        return _whole(_ended_before(order, world) or forward.run())
    except Exception as exc:  # noqa: BLE001  # whatever it was, nothing may stay half done
        return _give_up(order, world, exc, forward.hold)


def settle(uid: str, target: str, status: str, world: World) -> str:
    """After the workflow's end: undo what a killed pod left, and note what wasn't noted yet.

    Returns what was found. Raises as ``undoing.undo`` does, and ``StageFailed`` where that can't be known.
    """
    try:
        app = world.application(target)
    except Missing as exc:
        return _settled_without(uid, target, world, exc)
    if claims.last(app).get("uid") == uid:
        return _noted(app, world).outcome
    left = claims.own(app, uid)
    if left is None:
        return NOTHING
    why = left.undoing or f"the workflow ended {status} under way"
    take_back(left, uid, world, why)
    return logbook.UNDONE


def _ended_before(order: Order, world: World) -> logbook.Entry | None:
    """How this very promotion ended already, None while it hasn't.

    Raises ``Undone`` while it is on its way back.
    """
    app = world.application(order.target)
    if claims.last(app).get("uid") == order.uid:
        return _noted(app, world)
    mine = claims.own(app, order.uid)
    if mine and mine.undoing:
        raise Undone(mine.undoing)  # caught by ``run``, which goes on undoing
    return None


def _give_up(order: Order, world: World, exc: Exception, hold: Hold | None) -> Ended:
    """What a failure comes to: whole after all, undone, or refused before anything was written."""
    if hold and (gone := hold.orphaned()):
        raise Undone(undo_alone(hold, world, str(exc), gone)) from exc
    if isinstance(exc, Stale):
        raise exc
    try:
        app = world.application(order.target)
    except Missing:
        _note_refusal(order, world, exc)
        raise exc from None
    if claims.last(app).get("uid") == order.uid:
        return _whole(_noted(app, world))
    if left := claims.own(app, order.uid):
        raise Undone(take_back(left, order.uid, world, left.undoing or str(exc))) from exc
    _note_refusal(order, world, exc)
    raise exc


def _settled_without(uid: str, target: str, world: World, gone: Missing) -> str:
    """The Application is gone, and what the promotion had recorded with it: what it has noted itself counts.

    Raises ``StageFailed`` when it has noted nothing: it may have been killed with the alias moved.
    """
    ended = logbook.outcomes(world.mlflow, uid, world.pace)
    if done := [outcome for outcome in ended if outcome != logbook.REFUSED]:
        return done[0]
    if ended:
        return NOTHING
    alias = waited_out("MLflow", lambda: model.alias_version(world.mlflow, target), world.pace)
    seen = f"that it is gone; alias {target} names version {alias or '(none)'}, and tags may be left"
    raise StageFailed(
        gone.what, wanted="it there, to see whether the promotion had begun", seen=seen
    ) from gone


def _note_refusal(order: Order, world: World, exc: Exception) -> None:
    refused = logbook.Entry(
        workflow=order.workflow, uid=order.uid, outcome=logbook.REFUSED, environment=order.target,
        source=order.source, version=order.version, digest=order.digest, params={"why": str(exc)},
    )  # fmt: skip
    try:
        logbook.write(world.mlflow, refused, replace(world.pace, outage=world.pace.outage / 5))
    except StageFailed as silent:
        raise StageFailed(str(exc), wanted="it noted in MLflow", seen=silent.seen) from exc


def _noted(app: dict[str, Any], world: World) -> logbook.Entry:
    """The entry that the Application keeps of its last promotion; in the logbook as well, now."""
    found = logbook.Entry.of(claims.last(app))
    logbook.write(world.mlflow, found, world.pace)
    return found


def _whole(found: logbook.Entry) -> Ended:
    if found.outcome not in logbook.WHOLE:
        raise Undone(f"{found.params.get('why', 'it failed')}; undone before")
    return Ended(found.outcome, found.version, found.digest, found.left, found.override)
