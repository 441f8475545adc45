"""Whether a promotion or a rollback may begin: everything that can be refused before the first write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cxlib import progress
from cxlib.errors import StageFailed
from cxlib.evidence.rules import Accepted
from services.pipeline import claim, logbook, model, proof, registry, rollout, withdrawn
from services.pipeline.image import REPOSITORY
from services.pipeline.pace import waited_out
from services.pipeline.target import SOURCES, Wanted, pointed, tag_of
from services.pipeline.world import World

_VERSION = re.compile(r"0|[1-9][0-9]{0,8}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Order:
    """What a workflow asks for. ``digest`` empty: what runs in the source (a rollback: what the tag
    names). ``submitted``: when it was; a rollback doesn't care who came before it."""

    workflow: str
    uid: str
    target: str
    source: str
    version: str
    digest: str = ""
    submitted: datetime | None = None
    rollback: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """What the target is to serve, on which grounds. ``params`` are told to MLflow."""

    to: Wanted
    override: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


def admit(order: Order, world: World, *, resumed: Wanted | None = None) -> Admission:
    """The grounds on which ``order`` may begin, or go on after a kill with what it had ``resumed``.

    Its words were checked before (``check_words``).

    Raises ``EvidenceRefused`` or ``StageFailed`` with the reason; nothing was touched.
    """
    if resumed is None:
        _check_turn(order, world)
    return _rollback(order, world, resumed) if order.rollback else _promotion(order, world, resumed)


def check_words(order: Order) -> None:
    """Whether such a promotion makes sense anywhere. Raises ``StageFailed``."""
    chain = ", ".join(f"{source} to {target}" for target, source in SOURCES.items())
    if SOURCES.get(order.target) != order.source:
        raise StageFailed("promotion", wanted=chain, seen=f"{order.source} to {order.target}")
    if not _VERSION.fullmatch(order.version) or (order.version == "0" and not order.rollback):
        raise StageFailed("model-version", wanted="the number of a registered version", seen=order.version)
    if order.digest and not _DIGEST.fullmatch(order.digest):
        raise StageFailed("image-digest", wanted="sha256: and 64 hex digits", seen=order.digest)


def _check_turn(order: Order, world: World) -> None:
    """Two at once: the one that had to wait was meant for another state than there is now."""
    app = world.application(order.target)
    there, last = claim.read(app), claim.last(app)
    if there and there.uid != order.uid and datetime.now(UTC) < there.until:
        raise claim.Held(there.holder)
    if order.rollback or order.submitted is None or last.get("outcome") not in logbook.WHOLE:
        return
    if last["uid"] != order.uid and datetime.fromisoformat(last["finished"]) > order.submitted:
        raise claim.Held(
            f"{last['workflow']} held {order.target} when this was submitted, and has {last['outcome']} it "
            f"to model {last['version']} since; submit again if this is still wanted"
        )


def _promotion(order: Order, world: World, resumed: Wanted | None) -> Admission:
    source = _source(order, world)
    digest = resumed.digest if resumed else source.digest
    if digest != source.digest:
        raise StageFailed(f"{order.source}", wanted=f"to serve {digest} still", seen=source.digest)
    if not waited_out("MLflow", lambda: model.registered(world.mlflow, order.version), world.pace):
        raise StageFailed(f"model version {order.version}", wanted="in MLflow", seen="no such version")
    noticed = _image(world, source)
    accepted = proven(order, world, digest)
    chart = resumed.chart if resumed else source.chart
    opened = withdrawn.require_welcome(order.version, digest, order.target, world)
    to = Wanted(order.target, order.version, tag_of(order.target, order.version), digest, chart)
    return _admission(to, replace(accepted, override=accepted.override or opened), noticed)


def proven(order: Order, world: World, digest: str) -> Accepted:
    """The evidence of the source that lets ``digest`` into the target now. Raises ``EvidenceRefused``."""

    def ask() -> Accepted:
        now = datetime.now(UTC)
        return proof.for_promotion(world.cluster, world.mlflow, order.source, order.target, digest, now)

    return waited_out("evidence", ask, world.pace)


def _source(order: Order, world: World) -> Wanted:
    """What the source runs, its chart as the commit that runs there: asked of its Application, which is only
    read, and of what answers there."""
    now = pointed(world.application(order.source), order.source)
    if now.version != order.version or not now.digest or order.digest not in ("", now.digest):
        asked = f"model {order.version}" + (f" from {order.digest}" if order.digest else "")
        raise StageFailed(f"what runs in {order.source}", wanted=asked, seen=str(now))
    briefly = replace(world.pace, rollout=world.pace.served)
    rollout.wait_synced(now, world.cluster, briefly, may_sync=False)
    rollout.see_served(now, world.places[order.source], world.pace)
    return replace(now, chart=rollout.revision(world.application(order.source)))


def _image(world: World, source: Wanted) -> str:
    """The image is there, by its digest. A tag that names another one now is noticed, and not followed."""

    def look() -> tuple[bool, str | None]:
        there = registry.manifest(world.registry, REPOSITORY, source.digest)
        return there is not None, registry.digest_of(world.registry, REPOSITORY, source.tag)

    there, tagged = waited_out("the registry", look, world.pace)
    if not there:
        raise StageFailed(f"image {source.digest}", wanted="in the registry", seen="no such image")
    if tagged == source.digest:
        return ""
    noticed = f"tag {source.tag} names {tagged or 'nothing'} now; the digest that was tested is promoted"
    progress.note(noticed)
    return noticed


def _rollback(order: Order, world: World, resumed: Wanted | None) -> Admission:
    tag = tag_of(order.target, order.version)
    digest = (resumed.digest if resumed else "") or order.digest
    if not digest:
        found = waited_out(
            "the registry", lambda: registry.digest_of(world.registry, REPOSITORY, tag), world.pace
        )
        if found is None:
            raise StageFailed(f"image {REPOSITORY}:{tag}", wanted="in the registry", seen="no such tag")
        digest = found
    if order.version == "0":
        return _first_build(order, tag, digest)
    accepted = waited_out(
        "evidence",
        lambda: proof.for_rollback(
            world.cluster, world.mlflow, order.source, order.target, digest, datetime.now(UTC)
        ),
        world.pace,
    )
    chart = resumed.chart if resumed else logbook.chart(world.mlflow, order.target, digest, world.pace)
    return _admission(Wanted(order.target, order.version, tag, digest, chart), accepted, "")


def _first_build(order: Order, tag: str, digest: str) -> Admission:
    """The image without a model: where canary stood before anything was promoted."""
    if order.target != "canary":
        raise StageFailed(
            "rollback", wanted="a version with a model", seen=f"the first build for {order.target}"
        )
    return Admission(Wanted(order.target, "0", tag, digest))


def _admission(to: Wanted, accepted: Accepted, noticed: str) -> Admission:
    if accepted.model_version != to.version:
        raise StageFailed("evidence", wanted=f"about model {to.version}", seen=accepted.model_version)
    params = {"evidence-expires": f"{accepted.expires:%Y-%m-%dT%H:%M:%SZ}"}
    params |= {"gates": ", ".join(s.gate for s in accepted.passes)} if accepted.passes else {}
    params |= {"noticed": noticed} if noticed else {}
    override = ""
    if accepted.override and (opened := accepted.override.override):
        override = f"{opened.who}: {opened.why}"
        params |= {"who": opened.who, "why": opened.why}
    return Admission(to, override, params)
