"""The steps of a promotion or a rollback, forward: each may be repeated, each write needs the claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from cxlib import progress
from cxlib.errors import StageFailed
from services.pipeline import abandoned, logbook, model, registry, rollout, withdrawn
from services.pipeline import claim as claims
from services.pipeline.admission import Admission, Order, admit, proven
from services.pipeline.claim import Before, Claim, Hold
from services.pipeline.image import REPOSITORY
from services.pipeline.pace import waited_out
from services.pipeline.target import Wanted, pointed
from services.pipeline.undoing import entry, require
from services.pipeline.world import World


class Forward:
    """The steps, in order. ``hold`` is there from ``record`` on: from then on there is something to undo."""

    def __init__(self, order: Order, world: World) -> None:
        self._order, self._world = order, world
        self._admitted: Admission
        self.hold: Hold | None = None

    def run(self) -> logbook.Entry:
        """All the steps; how it ended. Raises as they do, with whatever they have done left as it is."""
        order, world = self._order, self._world
        mine = claims.own(world.application(order.target), order.uid)
        with progress.stage("evidence"):
            self._admitted = admit(order, world, resumed=mine.to if mine else None)
        for name, step in self._steps().items():
            with progress.stage(name):
                step()
        return self._entry()

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
    def _hold(self) -> Hold:
        if self.hold is None:
            raise RuntimeError("nothing was recorded yet")
        return self.hold

    @property
    def _to(self) -> Wanted:
        return self._hold.claim.to

    def _record(self) -> None:
        """What is now, kept in the claim. What another left behind is brought to its end first."""
        world, order, to = self._world, self._order, self._admitted.to
        left = claims.read(world.application(order.target))
        if left and left.uid != order.uid:
            abandoned.end(left, world, order.workflow)
            if not order.rollback:  # what ended just now may have been the rollback of this very version
                withdrawn.require_welcome(order.version, to.digest, order.target, world)
        before = _before(to, world)
        made = Claim(
            workflow=order.workflow, uid=order.uid, token="", until=datetime.now(UTC), to=to, before=before,
            source="" if order.rollback else order.source, override=self._admitted.override,
        )  # fmt: skip
        self.hold = Hold.take(world.cluster, made, world.pace)

    def _retag(self) -> None:
        tag, digest, registry_at = self._to.tag, self._to.digest, self._world.registry

        def retag() -> None:
            self._hold.check()
            registry.point(registry_at, REPOSITORY, tag, digest)

        waited_out("the registry", retag, self._world.pace)

    def _point(self) -> None:
        self._hold.point(self._to)

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
        """It says that the version is good: what was proven at the beginning must be so still."""
        if not self._order.rollback:
            proven(self._order, self._world, self._to.digest)
        environment, wanted = self._to.environment, self._to.alias
        mlflow, before = self._world.mlflow, self._hold.claim.before.alias

        def move() -> None:
            now = model.alias_version(mlflow, environment)
            if now not in (before, wanted):
                seen = str(now)
                raise StageFailed(f"alias {environment}", wanted=f"version {before} as recorded", seen=seen)
            self._hold.check()
            model.set_alias(mlflow, environment, wanted)

        waited_out("MLflow", move, self._world.pace)

    def _agree(self) -> None:
        require(self._hold, self._world, self._to, self._to.digest, self._to.alias)

    def _release(self) -> None:
        self._hold.release(self._entry().kept)

    def _note(self) -> None:
        logbook.write(self._world.mlflow, self._entry(), self._world.pace)

    def _entry(self) -> logbook.Entry:
        outcome = logbook.ROLLED_BACK if self._order.rollback else logbook.PROMOTED
        return entry(self._hold.claim, outcome, **self._admitted.params)


def _before(to: Wanted, world: World) -> Before:
    """What the target is now."""
    environment, pace = to.environment, world.pace
    tagged = waited_out("the registry", lambda: registry.digest_of(world.registry, REPOSITORY, to.tag), pace)
    alias = waited_out("MLflow", lambda: model.alias_version(world.mlflow, environment), pace)
    app = world.application(environment)
    listed = app["spec"]["source"].get("helm", {}).get("parameters") or []
    if {p["name"] for p in listed} != to.names.keys():
        seen = ", ".join(p["name"] for p in listed) or "none"
        raise StageFailed(f"parameters of {to.application}", wanted=", ".join(to.names), seen=seen)
    # It decides whether an undoing has to be seen to serve: one answer that didn't come is no reason not to.
    served = rollout.served_lately(pointed(app, environment), world.places[environment], pace)
    chart = app["spec"]["source"].get("targetRevision") or ""
    return Before(listed, tagged, alias, served, chart)
