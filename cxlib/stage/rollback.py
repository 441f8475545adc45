"""Back to a version that was good: by the workflow ``rollback-model``, then looked at with our own eyes."""

from __future__ import annotations

from collections.abc import Sequence

from cxlib import progress
from cxlib.clients import workflows
from cxlib.clients.kube import Kube
from cxlib.clients.workflows import Order, key
from cxlib.errors import ConfigError, StageFailed
from cxlib.model.standing import Claim
from cxlib.settings import ENVIRONMENTS, Site
from cxlib.stage import application, claim, environment, last_good, platform, promotion_log, under_way
from cxlib.stage.environment import Candidate, Environment
from cxlib.stage.promotion_log import Event

TEMPLATE = "rollback-model"
FIRST = "0"  # the first build's version, which serves no model
_MAY_BE_EMPTY = "canary"  # production never goes back to serving nothing


def order(name: str, to: Candidate) -> Order:
    """What Argo Workflows is asked for."""
    parameters = {"environment": name, "model-version": to.version, "image-digest": to.digest}
    return Order(TEMPLATE, parameters, key(TEMPLATE, parameters))


def roll_back(site: Site, name: str, to: str | None = None) -> Environment:
    """The environment serves the last version with evidence, or version ``to``, tag and alias included.

    What a promotion left half done there is ended by it. ``did`` is empty when all was so already. Raises
    ``ConfigError`` when there is nothing to go back to, ``Unrecoverable`` with the workflow's reason,
    ``StageFailed`` when it serves something else.
    """
    _require_target(name)
    with progress.stage(f"rollback of {name}"):
        kube = platform.connect(site)
        under_way.wait_out(kube, name)
        now, left = environment.pointed(kube, name), claim.held(kube, name)
        wanted = choose(site, kube, name, now, to, left)
        if left:
            progress.note(f"{name}: {left.workflow} left it under way, which is ended first")
        elif wanted == now and _whole(site, kube, name, wanted):
            return _look(site, kube, name, wanted, [])
        return _go(site, kube, name, now, wanted)


def withdraw(site: Site, name: str, bad: Candidate) -> Environment | None:
    """Take ``bad`` away: the environment serves the last good version, the canary at worst its first build.

    None when it is not pointed at ``bad`` any more: somebody was quicker, and what came then isn't
    touched. Raises as ``roll_back`` does.
    """
    _require_target(name)
    with progress.stage(f"rollback of {name}"):
        kube = platform.connect(site)
        under_way.wait_out(kube, name)
        if environment.pointed(kube, name).digest != bad.digest:
            return None
        known = promotion_log.events(site, name)
        choice = last_good.find(site, kube, name, known, {bad.digest})
        if choice.to is None and name != _MAY_BE_EMPTY:
            raise _nothing(name, choice.passed_over)
        return _go(site, kube, name, bad, choice.to or _first(kube, name))


def choose(
    site: Site, kube: Kube, name: str, now: Candidate, to: str | None, left: Claim | None = None
) -> Candidate:
    """What to go back to: version ``to``, else the newest that was promoted there and stayed good.

    What the newest rollback brought it to stays, as long as that is good: a command that was interrupted
    and is given again goes no further. ``left`` is what was left half done. Raises ``ConfigError``.
    """
    if to == FIRST and name == _MAY_BE_EMPTY:
        return _first(kube, name)
    known = promotion_log.events(site, name)
    if to is not None:
        return _named(known, name, to, left)
    if left and left.back:
        return Candidate(left.to.model_version or FIRST, left.to.digest)
    if left is None and (event := _brought_back(site, kube, name, known, now)):
        progress.note(f"{name}: {event}; further back with --to=VERSION")
        return event.to
    choice = last_good.find(site, kube, name, known, {left.to.digest if left else now.digest})
    for why in choice.passed_over:
        progress.note(f"{name}: not back to {why}")
    if choice.to is None:
        raise _nothing(name, choice.passed_over)
    return choice.to


def _go(site: Site, kube: Kube, name: str, now: Candidate, wanted: Candidate) -> Environment:
    progress.note(f"{name}: from {now} back to {wanted}")
    run = under_way.follow(kube, workflows.started(kube, order(name, wanted), again=True)[0])
    return _look(site, kube, name, wanted, [run.name])


def _brought_back(site: Site, kube: Kube, name: str, known: Sequence[Event], now: Candidate) -> Event | None:
    """The rollback by which the environment came to where it is, if nothing came after it and it is good."""
    newest = known[-1] if known else None
    if newest is None or newest.outcome != promotion_log.ROLLED_BACK or newest.to.digest != now.digest:
        return None
    good = newest.to.version == FIRST or not last_good.against(site, kube, name, newest.to)
    return newest if good else None


def _named(known: Sequence[Event], name: str, to: str, left: Claim | None) -> Candidate:
    """Version ``to``, with the digest that was promoted, whatever its tag points at today."""
    if left and left.before.model_version == to and left.before.digest:
        return Candidate(to, left.before.digest)
    found = next((e for e in reversed(known) if e.to.version == to), None)
    if found is None:
        versions = sorted({e.to.version for e in known}, key=lambda v: (len(v), v))
        raise ConfigError(
            "--to", f"version {to} never served {name}", f"Use one of: {', '.join(versions) or 'none yet'}"
        )
    return found.to


def _nothing(name: str, passed_over: Sequence[str]) -> ConfigError:
    away = f", or take the model away: cx rollback --env={name} --to {FIRST}"
    said = "; ".join(["no other version was promoted there and stayed good", *passed_over])
    fix = "Promote a new version" + (away if name == _MAY_BE_EMPTY else "")
    return ConfigError(f"rollback of {name}", said, fix)


def _whole(site: Site, kube: Kube, name: str, now: Candidate) -> bool:
    """Whether MLflow's alias and the registry's tag say the same as the Application; else the workflow
    puts them right."""
    from cxlib.stage.model import image_digest

    alias = None if now.version in ("", FIRST) else now.version
    if environment.aliased(site, name) != alias:
        return False
    return image_digest(kube, f"{name}-1.0.{now.version or FIRST}") == now.digest


def _first(kube: Kube, name: str) -> Candidate:
    from cxlib.stage.model import image_digest

    tag = f"{name}-1.0.{FIRST}"
    digest = image_digest(kube, tag)
    if digest is None:
        raise StageFailed(
            f"image {application.APP_REPOSITORY}:{tag}", wanted="in the registry", seen="no tag"
        )
    return Candidate(FIRST, digest)


def _look(site: Site, kube: Kube, name: str, wanted: Candidate, did: list[str]) -> Environment:
    """The environment, which has to serve ``wanted`` by everyone's word."""
    environment.wait_serving(site, name, wanted)
    seen = environment.look(kube, site, name, tuple(did))
    if wanted.version != FIRST:
        environment.require_whole(seen)
    elif seen.alias is not None:
        raise StageFailed(f"MLflow's alias {name}", wanted="none, as no model is served", seen=seen.alias)
    return seen


def _require_target(name: str) -> None:
    if name not in ENVIRONMENTS[1:]:
        raise ConfigError("--env", f"nothing is promoted to {name}", "Use canary or production")
