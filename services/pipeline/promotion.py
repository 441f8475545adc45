"""A promotion or a rollback: whole, or undone. Each step may be repeated; each write needs the claim.

Everything that is needed to go on or to go back lies in the claim on the Application, so it doesn't
matter which process does it: this one, its successor after a kill, or the workflow's exit handler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cxlib import progress
from cxlib.errors import StageFailed
from services.pipeline import claim as claims
from services.pipeline import logbook, model, registry, rollout
from services.pipeline.admission import Admission, Order, admit, check_words
from services.pipeline.claim import Before, Claim, Hold
from services.pipeline.cluster import REFRESH, Missing
from services.pipeline.image import REPOSITORY
from services.pipeline.pace import waited_out
from services.pipeline.target import Wanted, parameters, pointed
from services.pipeline.undoing import Undone, entry, require, undo
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
        return _Forward(order, world).run()
    except claims.Stale:
        raise
    except Exception as exc:  # noqa: BLE001  # whatever it was, nothing may stay half done
        return _give_up(order, world, exc)


def settle(uid: str, target: str, status: str, world: World) -> str:
    """After the workflow's end: undo what a killed pod left, and note what wasn't noted yet.

    Returns what was found. Raises as ``undoing.undo`` does.
    """
    try:
        app = _application(target, world)
    except Missing:
        return NOTHING
    if claims.last(app).get("uid") == uid:
        return _noted(app, world).outcome
    left = _own(app, uid)
    if left is None:
        return NOTHING
    why = left.undoing or f"the workflow ended {status} under way"
    _undo(left, uid, world, why)
    return logbook.UNDONE


class _Forward:
    """The steps, in order. ``claim`` is set from ``record`` on."""

    def __init__(self, order: Order, world: World) -> None:
        self._order, self._world = order, world
        self._admitted: Admission
        self._hold: Hold

    def run(self) -> Ended:
        app = _application(self._order.target, self._world)
        if claims.last(app).get("uid") == self._order.uid:
            return _whole(_noted(app, self._world))
        mine = _own(app, self._order.uid)
        if mine and mine.undoing:
            raise Undone(mine.undoing)  # caught by ``run``, which goes on undoing
        with progress.stage("evidence"):
            self._admitted = admit(self._order, self._world, resumed=mine.to if mine else None)
        for name, step in self._steps().items():
            with progress.stage(name):
                step()
        return _whole(self._entry())

    def _steps(self) -> dict[str, Callable[[], None]]:
        return {
            "record": self._record,
            "retag": self._retag,
            "point": self._point,
            "synced": self._synced,
            "served": self._served,
            "smoke": self._smoke,
            "alias": self._alias,
            "agree": self._agree,
            "release": self._release,
            "note": self._note,
        }

    @property
    def _to(self) -> Wanted:
        return self._hold.claim.to

    def _record(self) -> None:
        """What is now, kept in the claim. What another left behind is undone first."""
        world, order, to = self._world, self._order, self._admitted.to
        left = claims.read(_application(order.target, world))
        if left and left.uid != order.uid:
            progress.note(f"{left.workflow} left {order.target} half promoted")
            _undo(left, order.uid, world, f"{left.workflow} was left under way")
        before = _before(to, world)
        made = Claim(
            workflow=order.workflow, uid=order.uid, token="", until=datetime.now(UTC), to=to, before=before,
            source="" if order.rollback else order.source, override=self._admitted.override,
        )  # fmt: skip
        self._hold = Hold.take(world.cluster, made, world.pace)

    def _retag(self) -> None:
        self._hold.check()
        tag, digest, registry_at = self._to.tag, self._to.digest, self._world.registry
        waited_out(
            "the registry", lambda: registry.point(registry_at, REPOSITORY, tag, digest), self._world.pace
        )

    def _point(self) -> None:
        app = self._hold.check()
        known = (self._to.names, self._hold.claim.before.wanted(self._to.environment).names)
        if (now := parameters(app["spec"]["source"])) not in known:
            raise StageFailed(self._to.application, wanted="as it was recorded", seen=str(now))
        spec = {"source": {"helm": {"parameters": self._to.parameters}}}
        self._hold.write({"metadata": {"annotations": {REFRESH: "normal"}}, "spec": spec})

    def _synced(self) -> None:
        rollout.wait_synced(self._to, self._world.cluster, self._world.pace, meanwhile=self._check)

    def _check(self) -> None:
        self._hold.check()

    def _served(self) -> None:
        rollout.see_served(self._to, self._world.places[self._to.environment], self._world.pace)

    def _smoke(self) -> None:
        if self._to.version != "0":
            place = self._world.places[self._to.environment]
            rollout.smoke(self._to, place, self._world.question, self._world.pace)

    def _alias(self) -> None:
        environment, wanted = self._to.environment, self._alias_wanted
        world, before = self._world, self._hold.claim.before.alias
        now = waited_out("MLflow", lambda: model.alias_version(world.mlflow, environment), world.pace)
        if now not in (before, wanted):
            raise StageFailed(f"alias {environment}", wanted=f"version {before} as recorded", seen=str(now))
        self._hold.check()
        waited_out("MLflow", lambda: model.set_alias(world.mlflow, environment, wanted), world.pace)

    @property
    def _alias_wanted(self) -> str | None:
        return None if self._to.version == "0" else self._to.version

    def _agree(self) -> None:
        require(self._hold, self._world, self._to, self._to.digest, self._alias_wanted)

    def _release(self) -> None:
        self._hold.release(self._entry().kept)

    def _note(self) -> None:
        logbook.write(self._world.mlflow, self._entry(), self._world.pace)

    def _entry(self) -> logbook.Entry:
        outcome = logbook.ROLLED_BACK if self._order.rollback else logbook.PROMOTED
        return entry(self._hold.claim, outcome, **self._admitted.params)


def _give_up(order: Order, world: World, exc: Exception) -> Ended:
    """What a failure comes to: whole after all, undone, or refused before anything was written."""
    try:
        app = _application(order.target, world)
    except Missing:
        _note_refusal(order, world, exc)
        raise exc from None
    if claims.last(app).get("uid") == order.uid:
        return _whole(_noted(app, world))
    if left := _own(app, order.uid):
        _undo(left, order.uid, world, left.undoing or str(exc))
        now = pointed(_application(order.target, world), order.target)
        raise Undone(f"{left.undoing or exc}; undone: {now}") from exc
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


def _undo(left: Claim, uid: str, world: World, why: str) -> None:
    hold = Hold.seize(world.cluster, left, uid, world.pace)
    undo(hold, world, why)
    logbook.write(world.mlflow, entry(left, logbook.UNDONE, why), world.pace)


def _noted(app: dict[str, Any], world: World) -> logbook.Entry:
    """The entry that the Application keeps of its last promotion; in the logbook as well, now."""
    found = logbook.Entry.of(claims.last(app))
    logbook.write(world.mlflow, found, world.pace)
    return found


def _whole(found: logbook.Entry) -> Ended:
    if found.outcome not in logbook.WHOLE:
        raise Undone(f"{found.params.get('why', 'it failed')}; undone before")
    return Ended(found.outcome, found.version, found.digest, found.left, found.override)


def _application(target: str, world: World) -> dict[str, Any]:
    name = f"birdclef-{target}"
    return waited_out(name, lambda: world.cluster.application(name), world.pace)


def _own(app: dict[str, Any], uid: str) -> Claim | None:
    there = claims.read(app)
    return there if there and there.uid == uid else None


def _before(to: Wanted, world: World) -> Before:
    """What the target is now."""
    environment, pace = to.environment, world.pace
    tagged = waited_out("the registry", lambda: registry.digest_of(world.registry, REPOSITORY, to.tag), pace)
    alias = waited_out("MLflow", lambda: model.alias_version(world.mlflow, environment), pace)
    app = _application(environment, world)
    listed = app["spec"]["source"].get("helm", {}).get("parameters") or []
    if {p["name"] for p in listed} != to.names.keys():
        seen = ", ".join(p["name"] for p in listed) or "none"
        raise StageFailed(f"parameters of {to.application}", wanted=", ".join(to.names), seen=seen)
    served, _ = rollout.serves(pointed(app, environment), world.places[environment])
    return Before(listed, tagged, alias, served)
