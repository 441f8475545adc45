"""Break-glass: a person opens the way without proof. It is signed, kept, and shown in every later report."""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass
from pathlib import Path

from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.evidence import EXPERIMENT, envelope
from cxlib.evidence.statement import EvidenceRefused, Statement, Subject
from cxlib.settings import Site
from cxlib.stage import environment, evidence, platform, trust
from cxlib.stage.environment import Candidate

_MOST = 1_000  # of one image to one environment


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """``--override``: who opens the way without proof, and why. ``folder`` gets the signed statement."""

    who: str
    why: str
    folder: Path


def person() -> str:
    """Who runs this: the account and the machine, as an override names them."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def sign(site: Site, kube: Kube, target: str, candidate: Candidate, given: BreakGlass) -> Statement:
    """The signed and logged word of a person that ``candidate`` may go to ``target``."""
    source, subject = environment.before(target), Subject(candidate.digest, candidate.version)
    recorded = evidence.override(
        site, source, target, subject, given.folder, who=given.who, why=given.why, kube=kube
    )
    return recorded.statement


def overrides(site: Site, digest: str, target: str, *, kube: Kube | None = None) -> list[Statement]:
    """The signed overrides for ``digest`` to ``target``, newest first, expired ones too.

    Found by their own tag, so that no number of later measurements hides one. Raises ``Unreachable``.
    """
    tracking, key = Tracking(site.url("mlflow")), trust.read(kube or platform.connect(site)).public_key
    tags = {"cx.digest": digest, "cx.override": target}
    runs = tracking.search(EXPERIMENT, tags, _MOST, deleted=True)
    told = [_believed(raw, key) for raw in evidence.envelopes(tracking, runs) if raw is not None]
    return [
        s for s in told
        if s and s.override and (s.subject.digest, s.override.target_environment) == (digest, target)
    ]  # fmt: skip


def told(statement: Statement) -> str:
    """An override in one line: who, why and until when."""
    if statement.override is None:
        raise ValueError("no override")
    until = f"{statement.expires:%Y-%m-%d %H:%M} UTC"
    return f"{statement.override.who} until {until}: {statement.override.why}"


def _believed(raw: bytes, public_key: bytes) -> Statement | None:
    try:
        return envelope.verify(raw, public_key)
    except EvidenceRefused:
        return None
