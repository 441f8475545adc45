"""The canary's soak: load under its own gate, its pods watched meanwhile, and back when it turns bad."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cxlib import progress
from cxlib.clients.kube import Kube
from cxlib.errors import CxError, GateClosed
from cxlib.evidence.statement import Subject
from cxlib.model.load import Load
from cxlib.model.verdict import GateVerdict, Verdict
from cxlib.settings import Site
from cxlib.stage import baseline, environment, evidence, gate, platform, reuse, rollback, watch
from cxlib.stage.environment import Candidate
from cxlib.stage.evidence import Measured, Recorded
from cxlib.stage.reuse import Proven

NAME = "canary"


@dataclass(frozen=True, slots=True)
class Asked:
    """A gate by its name and its criteria, a line each."""

    name: str
    criteria: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Soak:
    """What the soak has shown. ``load`` is ``Proven`` where it was not measured anew. ``back`` says what
    became of a canary that turned bad; empty for a good one."""

    load: Measured | Proven
    health: GateVerdict
    recorded: Recorded
    back: str = ""

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """By gate."""
        load = (
            {self.load.result.outcome.gate: self.load.result.verdict}
            if isinstance(self.load, Measured)
            else {self.load.gate: Verdict.PASS}
        )
        return {**load, self.health.gate: self.health.verdict}

    @property
    def bad(self) -> bool:
        return Verdict.FAIL in self.verdicts.values()


def soak(
    site: Site,
    load: Asked,
    health: Asked,
    under: Load,
    folder: Path,
    *,
    again: bool,
) -> Soak:
    """Put the canary ``under`` its load while its pods are watched, and record both gates' evidence.

    Without ``again`` a load that was passed, and still proves it, is not driven once more: the pods are
    looked at all the same. A FAIL of either revokes what was proven before, and rolls the canary back.
    """
    criteria = watch.parse(health.criteria)
    kube = platform.connect(site)
    candidate = environment.pointed(kube, NAME)
    with progress.stage("canary soak"):
        started, before = datetime.now(UTC), watch.look(kube, NAME)
        measured = _loaded(site, kube, load, under, folder / load.name, again=again)
        # the last look comes after its own questions, so that there is something to count
        asked = watch.ask(site, NAME)
        outcome = watch.judge(health.name, criteria, before, watch.look(kube, NAME), asked)
        progress.note(f"gate '{health.name}': {outcome.verdict.value}, {outcome.reason}")
        recorded = evidence.record(
            site,
            NAME,
            outcome,
            Subject(candidate.digest, candidate.version),
            folder / health.name,
            started=started,
            text=health.criteria,
            kube=kube,
        )
        found = Soak(measured, outcome, recorded)
    return Soak(measured, outcome, recorded, _withdraw(site, candidate)) if found.bad else found


def require_pass(found: Soak) -> None:
    """Raises ``GateClosed`` with every gate that isn't PASS, and what became of the canary."""
    closed = {name: verdict for name, verdict in found.verdicts.items() if verdict is not Verdict.PASS}
    if not closed:
        return
    said = [found.load.result.summary()] if isinstance(found.load, Measured) else []
    said.append(f"gate '{found.health.gate}' is {found.health.verdict.value}: {found.health.reason}")
    if found.back:
        said.append(found.back)
    raise GateClosed("\n".join(said), Verdict.worst(closed.values()).exit_code)


def _loaded(
    site: Site,
    kube: Kube,
    load: Asked,
    under: Load,
    folder: Path,
    *,
    again: bool,
) -> Measured | Proven:
    text = gate.text(load.criteria, under)
    if not again and (proven := reuse.proven(site, NAME, load.name, text, kube=kube)):
        progress.note(f"gate '{load.name}' isn't measured again: {proven}")
        return proven
    accepted = baseline.find(site, kube, NAME, load.name, under.profile)
    return evidence.measure(site, NAME, load.name, load.criteria, under, folder, baseline=accepted)


def _withdraw(site: Site, bad: Candidate) -> str:
    """Take the bad canary away: back to the last good version, or to the first build. What was done.

    Its evidence is revoked already, by the FAIL. A rollback that fails is said, and hides nothing.
    """
    try:
        back = rollback.roll_back(site, NAME, or_empty=True)
    except CxError as exc:
        return f"the canary turned bad and could NOT be rolled back: {exc}\nTry: cx rollback --env=canary"
    now = (
        f"model {back.serving.model_version}"
        if back.serving.model_version
        else "the first build, without a model"
    )
    return f"the canary turned bad: {bad} was rolled back, it serves {now}; evidence of it is revoked"
