"""Evidence that is still fresh is not measured again by a run that goes further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cxlib.clients.kube import Kube
from cxlib.errors import duration
from cxlib.evidence import rules
from cxlib.evidence.statement import Statement
from cxlib.settings import ENVIRONMENTS, Site
from cxlib.stage import environment, ledger, platform


@dataclass(frozen=True, slots=True)
class Proven:
    """A PASS that still holds, and the MLflow run that keeps it."""

    statement: Statement
    run_id: str

    @property
    def gate(self) -> str:
        return self.statement.gate

    def __str__(self) -> str:
        age = datetime.now(UTC) - self.statement.finished
        until = f"{self.statement.expires:%Y-%m-%d %H:%M} UTC"
        return f"PASS {duration(age.total_seconds())} ago, holds until {until}, MLflow run {self.run_id}"


def measures(where: str, goal: str) -> bool:
    """Whether a run to ``goal`` always measures the gates of ``where``: its own ones, and those after."""
    return ENVIRONMENTS.index(goal) <= ENVIRONMENTS.index(where)


def proven(
    site: Site, where: str, gate: str, text: Sequence[str], *, kube: Kube | None = None
) -> Proven | None:
    """The newest PASS of the gate about the image that ``where`` is pointed at, on this site, neither
    expired nor revoked; None without one. It is of that very ``text``, as ``gate.text`` makes it.

    Raises ``Unreachable``, ``StageFailed``.
    """
    kube = kube or platform.connect(site)
    digest = environment.pointed(kube, where).digest
    if not digest:
        return None
    wanted = (gate, rules.gate_sha256(gate, text), "PASS")
    for entry in ledger.entries(site, environment=where, digest=digest, gate=gate, kube=kube):
        told = entry.statement
        if not told or entry.state is not rules.State.VALID:
            continue
        if (told.gate, told.gate_sha256, told.verdict) == wanted:
            return Proven(told, entry.run.run_id)
    return None
