"""A model comes to canary and production: only along the chain, only with proof, whole or not at all.

The work is done by the workflow ``promote-model``, which checks all of this again inside the cluster.
The harness finds out whether there is anything to do, asks for it once, follows it and looks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cxlib import progress
from cxlib.clients import registry, workflows
from cxlib.clients.kube import Kube
from cxlib.clients.workflows import Order, key
from cxlib.errors import ConfigError, StageFailed
from cxlib.evidence import rules
from cxlib.evidence.statement import EvidenceRefused
from cxlib.settings import Site
from cxlib.stage import (
    application,
    break_glass,
    claim,
    environment,
    evidence,
    platform,
    promotion_log,
    trust,
    under_way,
)
from cxlib.stage.break_glass import BreakGlass
from cxlib.stage.environment import Candidate, Environment
from cxlib.stage.promotion_log import Event

TEMPLATE = "promote-model"
_TITLES = {"canary": "06 canary", "production": "07 production"}


def order(target: str, candidate: Candidate, chart: str = "") -> Order:
    """What Argo Workflows is asked for. Its name derives from target, version, digest, the chart's commit
    in the source, and attempt."""
    parameters = {
        "source-environment": environment.before(target),
        "target-environment": target,
        "model-version": candidate.version,
        "image-digest": candidate.digest,
    }
    return Order(TEMPLATE, parameters, key(TEMPLATE, {**parameters, "chart": chart}))


def require_gates(site: Site, gates: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """The cluster asks for exactly these ``gates`` (environment -> name -> text) from now on."""
    kube = platform.connect(site)
    trust.publish_trust(kube, site)
    for name, asked in gates.items():
        trust.require(kube, name, {gate: rules.gate_sha256(gate, lines) for gate, lines in asked.items()})


def converge(
    site: Site,
    target: str,
    override: BreakGlass | None = None,
    *,
    only: Candidate | None = None,
) -> Environment:
    """``target`` serves what now runs in its source, by the same chart; nothing is done when it does so
    already, with proof.

    What a promotion left half done there is completed or undone by the next one. Any other candidate than
    ``only``, where one is named, is refused before anything is touched. Raises ``EvidenceRefused``
    with every reason against it, ``Unrecoverable`` with the reason of the promotion that failed,
    ``StageFailed`` when the target serves something else afterwards.
    """
    with progress.stage(_TITLES[target]):
        kube = platform.connect(site)
        source = _source(site, kube, target, only)
        candidate, chart = source.candidate, source.chart
        did = environment.install(kube, site, target)
        did += under_way.wait_out(kube, target)
        known = promotion_log.about(site, target, candidate.digest)
        found = _agreed(site, kube, target, source, did)
        if found:
            _require_proof_of_entry(site, kube, known, target, candidate)
        else:
            _admit(site, kube, known, target, candidate, override)
            run, _ = workflows.started(kube, order(target, candidate, chart), again=True)
            progress.note(f"{target}: {candidate} by {run.name}")
            did.append(under_way.follow(kube, run).name)
            found = environment.settle(kube, site, target, did)
        for line in did:
            progress.note(f"changed: {line}")
        if (environment.require_whole(found), found.chart) != (candidate, chart):
            wanted, seen = f"{candidate}, chart {chart[:8]}", f"{found.candidate}, chart {found.chart[:8]}"
            raise StageFailed(target, wanted=wanted, seen=seen)
        return found


def _source(site: Site, kube: Kube, target: str, only: Candidate | None) -> Environment:
    """The source, which serves one thing by everyone's word. Raises ``StageFailed``, also when ``only`` is
    another."""
    found = environment.look(kube, site, environment.before(target))
    candidate = environment.require_whole(found)
    if only not in (None, candidate):
        raise StageFailed(found.name, wanted=f"{only}, which was approved", seen=str(candidate))
    return found


def _agreed(site: Site, kube: Kube, target: str, source: Environment, did: list[str]) -> Environment | None:
    """The target, when it is as ``source`` and nothing is left for a promotion to do there; else None."""
    if left := claim.held(kube, target):
        progress.note(f"{target}: {left.workflow} left it half done")
        return None
    found, candidate = environment.settle(kube, site, target, did), source.candidate
    same = (found.candidate, found.alias, found.chart) == (candidate, candidate.version, source.chart)
    return found if same else None


def _admit(
    site: Site,
    kube: Kube,
    known: Sequence[Event],
    target: str,
    candidate: Candidate,
    override: BreakGlass | None,
) -> None:
    """The candidate may go to ``target``: by evidence and by not having been taken away from there.

    With ``override`` what speaks against it is signed, kept and shown in place of a refusal.
    """
    reasons = refusals(site, kube, known, target, candidate)
    if not reasons:
        return
    if override is None:
        said = f"nothing goes to {target} against that; a person may open the way with --override=REASON"
        measures = f"pytest features/ --env={environment.before(target)} measures what lacks proof"
        raise EvidenceRefused(*reasons, said, measures)
    signed = break_glass.sign(site, kube, target, candidate, override)
    progress.note(f"OVERRIDE: {break_glass.told(signed)}, although {'; '.join(reasons)}")


def refusals(
    site: Site, kube: Kube, known: Sequence[Event], target: str, candidate: Candidate
) -> tuple[str, ...]:
    """All that speaks against bringing ``candidate`` to ``target`` by itself; empty when nothing does."""
    reasons: list[str] = []
    try:
        accepted = evidence.accepted(
            site, environment.before(target), candidate.digest, target=target, kube=kube
        )
    except EvidenceRefused as exc:
        accepted, reasons = None, [*exc.reasons]
    taken_away = promotion_log.withdrawn(known, candidate.digest)
    if taken_away and not (accepted and _lifted(site, kube, candidate, target, taken_away)):
        reasons.append(
            f"model {candidate.version} was rolled back from {target} at {taken_away.at:%Y-%m-%d %H:%M} UTC "
            f"by {taken_away.workflow}: only a new version goes there by itself"
        )
    return tuple(reasons)


def _lifted(site: Site, kube: Kube, candidate: Candidate, target: str, taken_away: Event) -> bool:
    """Whether an override that still holds was given after the rollback."""
    return any(
        s.finished > taken_away.at and datetime.now(UTC) < s.expires
        for s in break_glass.overrides(site, candidate.digest, target, kube=kube)
    )


def _require_proof_of_entry(
    site: Site, kube: Kube, known: Sequence[Event], target: str, candidate: Candidate
) -> None:
    """What is in the target already came there by a promotion, or has what one would ask for.

    Raises ``EvidenceRefused``: somebody put it there by hand.
    """
    if promotion_log.arrival(known, candidate.digest) is None:
        try:
            evidence.accepted(site, environment.before(target), candidate.digest, target=target, kube=kube)
        except EvidenceRefused as exc:
            said = f"{target} serves {candidate}, and no promotion brought it there"
            raise EvidenceRefused(said, *exc.reasons) from exc


def witnesses(site: Site, name: str) -> dict[str, tuple[str | None, str | None]]:
    """Who says that the environment serves which model version, from which digest; None where it
    isn't theirs to say. Raises ``Unreachable``, ``StageFailed``."""
    kube = platform.connect(site)
    now, wanted = environment.look(kube, site, name), environment.pointed(kube, name)
    event = promotion_log.arrival(promotion_log.about(site, name, now.serving.digest), now.serving.digest)
    tagged = registry.digest(registry.ClusterDoor(kube), application.APP_REPOSITORY, now.serving.tag)
    pods = next(iter(now.running)) if len(now.running) == 1 else ", ".join(sorted(now.running))
    return {
        "the answer at its address": (now.serving.model_version, now.serving.digest),
        "every ready pod": (None, pods),
        "its Application": (wanted.version, wanted.digest),
        "the registry's tag": (None, tagged),
        "MLflow's alias": (now.alias, None),
        "the record of its promotion": (event.to.version, event.to.digest) if event else ("", ""),
    }


def disagreements(site: Site, name: str, who: Sequence[str]) -> list[str]:
    """Which of ``who`` say otherwise than what answers, a line each. Raises ``ConfigError`` on others."""
    told = witnesses(site, name)
    if unknown := [one for one in who if one not in told]:
        raise ConfigError("who agrees", f"nobody is called '{unknown[0]}'", f"Use: {', '.join(told)}")
    version, digest = told["the answer at its address"]
    return [
        f"{one} says model {told[one][0]}, {told[one][1]}"
        for one in who
        if told[one][0] not in (None, version) or told[one][1] not in (None, digest)
    ]
