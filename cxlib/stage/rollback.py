"""Back to a version that was good: by the workflow ``rollback-model``, then looked at with our own eyes."""

from __future__ import annotations

from cxlib import progress
from cxlib.clients import workflows
from cxlib.clients.kube import Kube
from cxlib.clients.workflows import Order, key
from cxlib.errors import ConfigError, StageFailed
from cxlib.settings import ENVIRONMENTS, Site
from cxlib.stage import application, environment, platform, promotion_log, under_way
from cxlib.stage.environment import Candidate, Environment

TEMPLATE = "rollback-model"
FIRST = "0"  # the first build's version, which serves no model
_MAY_BE_EMPTY = "canary"  # production never goes back to serving nothing


def order(name: str, to: Candidate) -> Order:
    """What Argo Workflows is asked for."""
    parameters = {"environment": name, "model-version": to.version, "image-digest": to.digest}
    return Order(TEMPLATE, parameters, key(TEMPLATE, parameters))


def roll_back(site: Site, name: str, to: str | None = None, *, or_empty: bool = False) -> Environment:
    """The environment serves the last version with evidence, or version ``to``, tag and alias included.

    ``or_empty``: the canary's first build where there is no such version. ``did`` is empty when all that was
    so already. Raises ``ConfigError`` when there is nothing to go back to, ``Unrecoverable`` with the
    workflow's reason, ``StageFailed`` when it serves something else.
    """
    _require_target(name)
    with progress.stage(f"rollback of {name}"):
        kube = platform.connect(site)
        under_way.wait_out(kube, name)
        now = environment.pointed(kube, name)
        wanted = choose(site, kube, name, now, to, or_empty=or_empty)
        if wanted == now and _whole(site, kube, name, wanted):
            return _look(site, kube, name, wanted, [])
        progress.note(f"{name}: from {now} back to {wanted}")
        run = under_way.follow(kube, workflows.started(kube, order(name, wanted), again=True)[0])
        return _look(site, kube, name, wanted, [run.name])


def choose(
    site: Site, kube: Kube, name: str, now: Candidate, to: str | None, *, or_empty: bool = False
) -> Candidate:
    """What to go back to: version ``to``, else the newest that was promoted there and not rolled back.

    A version counts with the digest that was promoted, whatever its tag points at today.
    Raises ``ConfigError`` naming the versions that there are.
    """
    if to == FIRST and name == _MAY_BE_EMPTY:
        return Candidate(FIRST, _first_digest(kube, name))
    known = promotion_log.events(site, name)
    if to is None:
        choice = promotion_log.good(known, now.digest)
        if not choice and or_empty and name == _MAY_BE_EMPTY:
            return choose(site, kube, name, now, FIRST)
        if not choice:
            away = f", or take the model away: cx rollback --env={name} --to {FIRST}"
            raise ConfigError(
                f"rollback of {name}",
                "no other version was promoted there and stayed good",
                "Promote a new version" + (away if name == _MAY_BE_EMPTY else ""),
            )
        return choice[0].to
    found = next((e for e in reversed(known) if e.arrived and e.to.version == to), None)
    if found is None:
        versions = sorted({e.to.version for e in known if e.arrived}, key=lambda v: (len(v), v))
        raise ConfigError(
            "--to", f"version {to} never served {name}", f"Use one of: {', '.join(versions) or 'none yet'}"
        )
    return found.to


def _whole(site: Site, kube: Kube, name: str, now: Candidate) -> bool:
    """Whether MLflow's alias and the registry's tag say the same as the Application; else the workflow
    puts them right."""
    from cxlib.stage.model import image_digest

    alias = None if now.version in ("", FIRST) else now.version
    if environment.aliased(site, name) != alias:
        return False
    return image_digest(kube, f"{name}-1.0.{now.version or FIRST}") == now.digest


def _first_digest(kube: Kube, name: str) -> str:
    from cxlib.stage.model import image_digest

    tag = f"{name}-1.0.{FIRST}"
    digest = image_digest(kube, tag)
    if digest is None:
        raise StageFailed(
            f"image {application.APP_REPOSITORY}:{tag}", wanted="in the registry", seen="no tag"
        )
    return digest


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
