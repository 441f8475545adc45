"""A promotion or a rollback: whole, or undone. Each step may be repeated; each write needs the claim.

Everything that is needed to go on or to go back lies in the claim on the Application, so it doesn't
matter which process does it: this one, its successor after a kill, or the workflow's exit handler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from cxlib.errors import StageFailed
from services.pipeline import claim as claims
from services.pipeline import logbook
from services.pipeline.admission import Order, check_words
from services.pipeline.cluster import Missing
from services.pipeline.forward import Forward
from services.pipeline.target import pointed
from services.pipeline.undoing import Undone, take_back
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
    try:
        return _whole(_ended_before(order, world) or Forward(order, world).run())
    except claims.Stale:
        raise
    except Exception as exc:  # noqa: BLE001  # whatever it was, nothing may stay half done
        return _give_up(order, world, exc)


def settle(uid: str, target: str, status: str, world: World) -> str:
    """After the workflow's end: undo what a killed pod left, and note what wasn't noted yet.

    Returns what was found. Raises as ``undoing.undo`` does.
    """
    try:
        app = world.application(target)
    except Missing:
        return NOTHING
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


def _give_up(order: Order, world: World, exc: Exception) -> Ended:
    """What a failure comes to: whole after all, undone, or refused before anything was written."""
    try:
        app = world.application(order.target)
    except Missing:
        _note_refusal(order, world, exc)
        raise exc from None
    if claims.last(app).get("uid") == order.uid:
        return _whole(_noted(app, world))
    if left := claims.own(app, order.uid):
        told = take_back(left, order.uid, world, left.undoing or str(exc))
        now = pointed(world.application(order.target), order.target)
        raise Undone(f"{told}; undone: {now}") from exc
    _note_refusal(order, world, exc)
    raise exc


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
