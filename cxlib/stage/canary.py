"""The canary's soak: load under its own gate, its pods watched meanwhile, and back when it turns bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from cxlib.stage.watch import Criterion, PodState

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
    A canary that was pointed elsewhere meanwhile makes the watch INVALID: it was of two versions.
    """
    criteria = watch.parse(health.criteria)
    kube = platform.connect(site)
    candidate = environment.pointed(kube, NAME)
    with progress.stage("canary soak"):
        started, before = datetime.now(UTC), watch.look(kube, NAME)
        measured = _loaded(site, kube, load, under, folder / load.name, again=again)
        outcome = _watched(site, kube, health.name, criteria, before, candidate)
        recorded = evidence.record(
            site, NAME, outcome, Subject(candidate.digest, candidate.version), folder / health.name,
            started=started, text=health.criteria, kube=kube,
        )  # fmt: skip
        found = Soak(measured, outcome, recorded)
    return replace(found, back=_withdraw(site, _failed(found))) if found.bad else found


def _watched(
    site: Site,
    kube: Kube,
    gate: str,
    criteria: Sequence[Criterion],
    before: Mapping[str, PodState],
    candidate: Candidate,
) -> GateVerdict:
    """The verdict on the pods since they were looked at ``before``, when all was about ``candidate``."""
    # the last look comes after its own questions, so that there is something to count
    asked = watch.ask(site, NAME)
    outcome = watch.judge(gate, criteria, before, watch.look(kube, NAME), asked)
    if (now := environment.pointed(kube, NAME)) != candidate:
        outcome = watch.nothing(gate, f"the canary came from {candidate} to {now} meanwhile")
    progress.note(f"gate '{gate}': {outcome.verdict.value}, {outcome.reason}")
    return outcome


def _failed(found: Soak) -> Candidate:
    """What failed: the load is about what answered it, the watch about what the canary was pointed at."""
    about = found.recorded.statement.subject
    if isinstance(found.load, Measured) and found.load.result.verdict is Verdict.FAIL:
        answered = found.load.recorded.statement.subject
        about = answered if answered.digest else about
    return Candidate(about.model_version, about.digest)


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

    Its evidence is revoked already, by the FAIL. Nothing is touched when the canary is at another version
    by now. A rollback that fails is said, and hides nothing.
    """
    try:
        back = rollback.withdraw(site, NAME, bad)
    except CxError as exc:
        return f"the canary turned bad and could NOT be rolled back: {exc}\nTry: cx rollback --env=canary"
    turned = f"the canary turned bad: {bad}"
    if back is None:
        return f"{turned} was taken away by somebody else meanwhile; evidence of it is revoked"
    now = (
        f"model {back.serving.model_version}"
        if back.serving.model_version
        else "the first build, without a model"
    )
    return f"{turned} was rolled back, it serves {now}; evidence of it is revoked"
