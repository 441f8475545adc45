"""Bring an environment back to what its claim recorded, in reverse, and look whether it is."""

from __future__ import annotations

from cxlib import progress
from cxlib.errors import CxError, StageFailed
from cxlib.wait import Look, wait_until
from services.pipeline import logbook, model, registry, rollout
from services.pipeline.claim import Claim, Hold
from services.pipeline.cluster import REFRESH
from services.pipeline.image import REPOSITORY
from services.pipeline.pace import waited_out
from services.pipeline.target import Wanted, parameters
from services.pipeline.world import World


class Undone(CxError):
    """The promotion came to nothing, and all is as it was before."""


class NotUndone(CxError):
    """The promotion came to nothing, and what was before could not be reached again."""


def undo(hold: Hold, world: World, why: str) -> None:
    """Alias, Application and tag as they were, seen to be so; the environment is given back.

    Raises ``NotUndone`` with the place that isn't as it was; the claim stays, so it can be tried again.
    ``Stale`` when another has taken over.
    """
    back = hold.claim.before.wanted(hold.claim.to.environment)
    progress.note(f"undoing: {why}")
    hold.write({}, undoing=why[:500])
    try:
        with progress.stage("undo alias"):
            _alias(hold, world)
        with progress.stage("undo application"):
            _application(hold, world, back)
        with progress.stage("undo tag"):
            _tag(hold, world)
        with progress.stage("undo agree"):
            require(hold, world, back, hold.claim.before.tag_digest, hold.claim.before.alias)
    except StageFailed as exc:
        raise NotUndone(f"{why}; and it could not be undone: {exc}") from exc
    hold.release(entry(hold.claim, logbook.UNDONE, why).kept)


def take_back(left: Claim, uid: str, world: World, why: str) -> None:
    """Seize the claim ``left`` as ``uid``, undo it and note that. Raises as ``seize`` and ``undo`` do."""
    hold = Hold.seize(world.cluster, left, uid, world.pace)
    undo(hold, world, why)
    logbook.write(world.mlflow, entry(left, logbook.UNDONE, why), world.pace)


def require(hold: Hold, world: World, to: Wanted, tagged: str | None, alias: str | None) -> None:
    """Application, tag, alias and what answers agree on ``to``. Raises ``StageFailed`` naming what doesn't.

    What wasn't served before the promotion needn't be served after its undoing.
    """
    app, environment, tag = hold.check(), to.environment, hold.claim.to.tag
    seen = {
        "Application": (parameters(app["spec"]["source"]), to.names),
        f"tag {tag}": (_tagged(hold, world), tagged),
        f"alias {environment}": (_aliased(hold, world), alias),
    }
    for what, (found, wanted) in seen.items():
        if found != wanted:
            raise StageFailed(f"{environment}: {what}", wanted=str(wanted), seen=str(found))
    if hold.claim.before.served or to == hold.claim.to:
        rollout.see_served(to, world.places[environment], world.pace)


def entry(claim: Claim, outcome: str, why: str = "", **params: str) -> logbook.Entry:
    """How the claim's promotion ended, for the logbook."""
    said = {"why": why} if why else {}
    return logbook.Entry(
        workflow=claim.workflow, uid=claim.uid, outcome=outcome, environment=claim.to.environment,
        source=claim.source, version=claim.to.version, digest=claim.to.digest,
        left=claim.before.wanted(claim.to.environment).digest, override=claim.override,
        params={**said, **params},
    )  # fmt: skip


def _alias(hold: Hold, world: World) -> None:
    before, environment = hold.claim.before.alias, hold.claim.to.environment
    if _aliased(hold, world) == before:
        return
    hold.check()
    waited_out("MLflow", lambda: model.set_alias(world.mlflow, environment, before), world.pace)


def _application(hold: Hold, world: World, back: Wanted) -> None:
    before = hold.claim.before
    change = {"metadata": {"annotations": {REFRESH: "normal"}}}
    hold.write({**change, "spec": {"source": {"helm": {"parameters": before.parameters}}}})
    if before.served:
        rollout.wait_synced(back, world.cluster, world.pace, meanwhile=lambda: _renew(hold))
        return

    def look() -> Look[bool]:
        seen = rollout.judge(hold.check(), back)
        return Look(seen.seen, True, done=seen.done or seen.seen.startswith("Synced"))

    wait_until(back.application, look, wanted="Synced", within=world.pace.rollout, every=world.pace.every)


def _renew(hold: Hold) -> None:
    hold.check()


def _tag(hold: Hold, world: World) -> None:
    before, tag = hold.claim.before.tag_digest, hold.claim.to.tag
    if _tagged(hold, world) == before:
        return
    hold.check()

    def restore() -> None:
        if before is None:
            registry.remove_tag(world.registry, REPOSITORY, tag)
        else:
            registry.point(world.registry, REPOSITORY, tag, before)

    waited_out("the registry", restore, world.pace)


def _tagged(hold: Hold, world: World) -> str | None:
    tag = hold.claim.to.tag
    return waited_out("the registry", lambda: registry.digest_of(world.registry, REPOSITORY, tag), world.pace)


def _aliased(hold: Hold, world: World) -> str | None:
    environment = hold.claim.to.environment
    return waited_out("MLflow", lambda: model.alias_version(world.mlflow, environment), world.pace)
