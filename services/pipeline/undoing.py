"""Bring an environment back to what its claim recorded, in reverse, and look whether it is.

What somebody has set meanwhile, neither the promotion's nor what was recorded, is theirs: it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from cxlib import progress
from cxlib.errors import CxError, StageFailed
from cxlib.wait import Look, wait_until
from services.pipeline import logbook, model, registry, rollout
from services.pipeline.claim import Claim, Hold, Meddled, Stale
from services.pipeline.cluster import Missing
from services.pipeline.image import REPOSITORY
from services.pipeline.pace import waited_out
from services.pipeline.target import Wanted, pointed
from services.pipeline.world import World

APPLICATION = "the Application"


class Undone(CxError):
    """The promotion came to nothing, and nothing of it is left."""


class Disagreement(StageFailed):
    """Application, tag and alias don't say the same."""


class NotUndone(CxError):
    """The promotion came to nothing, and what was before could not be reached again."""


def undo(hold: Hold, world: World, why: str) -> str:
    """Alias, Application and tag as they were, seen to be so; the environment is given back.

    What somebody else has set meanwhile is left alone. Returns ``why``, names that, and says what is there.
    Raises ``NotUndone`` with the place that isn't as it was; the claim stays, so it can be tried again.
    ``Stale`` when another has taken over.
    """
    claim, left = hold.claim, dict[str, str]()
    back = claim.before.wanted(claim.to.environment)
    progress.note(f"undoing: {why}")
    hold.write({}, undoing=why[:500])
    try:
        with progress.stage("undo alias"):
            left |= _alias(claim, world, hold.check)
        with progress.stage("undo application"):
            left |= _application(hold, world, back)
        with progress.stage("undo tag"):
            left |= _tag(claim, world, hold.check)
        with progress.stage("undo agree"):
            require(hold, world, back, claim.before.tag_digest, claim.before.alias, but=left)
    except StageFailed as exc:
        raise NotUndone(f"{why}; and it could not be undone: {exc}") from exc
    told = _naming(why, left)
    now = pointed(hold.check(), claim.to.environment)
    hold.release(entry(claim, logbook.UNDONE, told).kept)
    logbook.write(world.mlflow, entry(claim, logbook.UNDONE, told), world.pace)
    return f"{told}; undone: {now}"


def take_back(left: Claim, uid: str, world: World, why: str) -> str:
    """Seize the workflow's own claim ``left``, and undo it. Returns and raises as ``undo`` does."""
    return undo_held(Hold.seize(world.cluster, left, uid, world.pace), world, why)


def undo_held(hold: Hold, world: World, why: str) -> str:
    """Undo what ``hold`` has seized, also when the Application goes away meanwhile."""
    try:
        return undo(hold, world, why)
    except (Missing, NotUndone, Stale):
        if gone := hold.orphaned():
            return undo_alone(hold, world, why, gone)
        raise


def undo_alone(hold: Hold, world: World, why: str, gone: str) -> str:
    """Alias and tag as they were, where the Application is ``gone`` (``Hold.orphaned``); that is noted.

    Returns ``why``, and says so. Raises ``NotUndone``, and ``Stale`` as soon as somebody else promotes there.
    """

    def check() -> None:
        if not hold.orphaned():
            raise Stale(f"{hold.claim.workflow} lost {hold.claim.to.environment}: somebody promotes there")

    progress.note(f"undoing, {gone}: {why}")
    try:
        with progress.stage("undo alias"):
            left = _alias(hold.claim, world, check)
        with progress.stage("undo tag"):
            left |= _tag(hold.claim, world, check)
    except StageFailed as exc:
        raise NotUndone(f"{why}; {gone}, and it could not be undone: {exc}") from exc
    told = f"{_naming(why[:250], left)}; undone, {gone}"
    logbook.write(world.mlflow, entry(hold.claim, logbook.UNDONE, told), world.pace)
    return told


def _naming(why: str, left: Mapping[str, str]) -> str:
    """``why``, and what was left alone; both are still there where only the first 500 characters are kept."""
    if not left:
        return why
    named = ", ".join(f"{what}: {value}" for what, value in left.items())
    said = f"left as somebody has set it meanwhile: {named}"
    progress.note(said)
    return f"{why[:250]}; {said}"


def require(
    hold: Hold, world: World, to: Wanted, tagged: str | None, alias: str | None, *, but: Collection[str] = ()
) -> None:
    """Application, tag, alias and what answers agree on ``to``. Raises ``StageFailed`` naming what doesn't.

    ``but`` names those of them that are somebody else's. What wasn't served before the promotion needn't
    be served after its undoing.
    """
    require_recorded(hold, world, to, tagged, alias, but=but)
    if APPLICATION not in but and (hold.claim.before.served or to == hold.claim.to):
        rollout.see_served(to, world.places[to.environment], world.pace)


def require_recorded(
    hold: Hold, world: World, to: Wanted, tagged: str | None, alias: str | None, *, but: Collection[str] = ()
) -> None:
    """The same without what answers. Raises ``Disagreement``, ``WaitTimedOut`` when one can't be asked."""
    app, environment, tag = hold.check(), to.environment, hold.claim.to.tag
    said = pointed(app, environment)
    seen = {
        APPLICATION: (said, replace(to, chart=to.chart or said.chart)),
        f"tag {tag}": (_tagged(hold, world), tagged),
        f"alias {environment}": (_aliased(hold, world), alias),
    }
    for what, (found, wanted) in seen.items():
        if found != wanted and what not in but:
            raise Disagreement(f"{environment}: {what}", wanted=str(wanted), seen=str(found))


def entry(claim: Claim, outcome: str, why: str = "", **params: str) -> logbook.Entry:
    """How the claim's promotion ended, for the logbook."""
    said = {"why": why} if why else {}
    return logbook.Entry(
        workflow=claim.workflow, uid=claim.uid, outcome=outcome, environment=claim.to.environment,
        source=claim.source, version=claim.to.version, digest=claim.to.digest,
        left=claim.before.wanted(claim.to.environment).digest, override=claim.override, chart=claim.to.chart,
        params={**said, **params},
    )  # fmt: skip


def _alias(claim: Claim, world: World, check: Callable[[], object]) -> dict[str, str]:
    """The alias as it was, ``check`` asked right before it is written; or what somebody has set, by name."""
    before, to = claim.before.alias, claim.to

    def restore() -> dict[str, str]:
        now = model.alias_version(world.mlflow, to.environment)
        if now not in (before, to.alias):
            return {f"alias {to.environment}": f"version {now}" if now else "gone"}
        if now != before:
            check()
            model.set_alias(world.mlflow, to.environment, before)
        return {}

    return waited_out("MLflow", restore, world.pace)


def _application(hold: Hold, world: World, back: Wanted) -> dict[str, str]:
    before = hold.claim.before
    try:
        hold.point(before)
    except Meddled as exc:
        return {APPLICATION: exc.seen}
    if before.served:
        rollout.wait_synced(back, world.cluster, world.pace, meanwhile=lambda: _renew(hold))
        return {}

    def look() -> Look[bool]:
        seen = rollout.judge(hold.check(), back)
        return Look(seen.seen, True, done=seen.done or seen.seen.startswith("Synced"))

    wait_until(back.application, look, wanted="Synced", within=world.pace.rollout, every=world.pace.every)
    return {}


def _renew(hold: Hold) -> None:
    hold.check()


def _tag(claim: Claim, world: World, check: Callable[[], object]) -> dict[str, str]:
    """The same of the tag."""
    before, to, registry_at = claim.before.tag_digest, claim.to, world.registry

    def restore() -> dict[str, str]:
        now = registry.digest_of(registry_at, REPOSITORY, to.tag)
        if now not in (before, to.digest):
            return {f"tag {to.tag}": now or "gone"}
        if now != before:
            check()
            _let_name(registry_at, to.tag, before)
        return {}

    return waited_out("the registry", restore, world.pace)


def _let_name(registry_at: str, tag: str, digest: str | None) -> None:
    if digest is None:
        registry.remove_tag(registry_at, REPOSITORY, tag)
    else:
        registry.point(registry_at, REPOSITORY, tag, digest)


def _tagged(hold: Hold, world: World) -> str | None:
    tag = hold.claim.to.tag
    return waited_out("the registry", lambda: registry.digest_of(world.registry, REPOSITORY, tag), world.pace)


def _aliased(hold: Hold, world: World) -> str | None:
    environment = hold.claim.to.environment
    return waited_out("MLflow", lambda: model.alias_version(world.mlflow, environment), world.pace)
