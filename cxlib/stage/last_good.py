"""Which version an environment may go back to by itself, and why others may not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cxlib.clients.kube import Kube
from cxlib.evidence import hindsight
from cxlib.evidence.statement import EvidenceRefused
from cxlib.settings import Site
from cxlib.stage import environment, evidence, promotion_log, trust
from cxlib.stage.environment import Candidate
from cxlib.stage.promotion_log import Event


@dataclass(frozen=True, slots=True)
class Choice:
    """The newest version that stayed good, or None. ``passed_over``: newer ones, each with why not."""

    to: Candidate | None
    passed_over: tuple[str, ...]


def find(site: Site, kube: Kube, name: str, known: Sequence[Event], without: Collection[str]) -> Choice:
    """The newest of the promotions ``known`` whose evidence still lets it in, as the workflow will judge it.

    Not what is ``without`` (digests), what was rolled back, or what an override let in.
    Raises ``Unreachable``, ``StageFailed``.
    """
    passed_over: list[str] = []
    for event in promotion_log.good(known, without):
        why = f"an override let it in ({event.override})" if event.override else ""
        why = why or against(site, kube, name, event.to)
        if not why:
            return Choice(event.to, tuple(passed_over))
        passed_over.append(f"model {event.to.version}: {why}")
    return Choice(None, tuple(passed_over))


def against(site: Site, kube: Kube, name: str, version: Candidate) -> str:
    """Why the workflow would refuse to go back to ``version``; empty when it wouldn't."""
    believed = trust.read(kube)
    try:
        hindsight.accept(
            evidence.find(site, version.digest), public_key=believed.public_key, digest=version.digest,
            source=environment.before(name), target=name, policy=believed.policy, site=believed.site,
            now=datetime.now(UTC),
        )  # fmt: skip
    except EvidenceRefused as exc:
        return str(exc)
    return ""
