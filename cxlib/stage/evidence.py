"""What gates proved: signed, kept in MLflow whatever the verdict, found again, and asked what it opens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cxlib import progress
from cxlib.clients import git
from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Found, Logged, Tracking
from cxlib.evidence import EXPERIMENT, FILE, envelope, rules
from cxlib.evidence.rules import Accepted
from cxlib.evidence.statement import OVERRIDE, EvidenceRefused, Override, Statement, Subject, fitted
from cxlib.model.load import Load
from cxlib.model.verdict import CriterionResult, GateVerdict
from cxlib.parallel import run_all
from cxlib.settings import CHECKOUT, Site
from cxlib.stage import environment as environments
from cxlib.stage import gate, history, identity, load_pods, platform, trust
from cxlib.stage.trust import publish_trust as publish_trust
from cxlib.stage.trust import require as require

if TYPE_CHECKING:
    from cxlib.clients.locust import Generate
    from cxlib.judge.baseline import Refused
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples
    from cxlib.report.context import Context

_SAMPLES = ("samples.parquet", "samples.csv")
_MOST = 10_000  # runs about one image; a promotion reads all of them, whatever their number


@dataclass(frozen=True, slots=True)
class Recorded:
    """A judged gate that was signed and logged. ``path`` is the envelope in the run's folder."""

    logged: Logged
    statement: Statement
    path: Path


@dataclass(frozen=True, slots=True)
class Measured:
    """A load gate that was judged, and the MLflow run that keeps its evidence, whatever the verdict."""

    result: gate.GateResult
    logged: Logged
    recorded: Recorded


def measure(
    site: Site,
    environment: str,
    name: str,
    criteria: Sequence[str],
    load: Load,
    folder: Path,
    *,
    baseline: tuple[Run, Samples] | Refused | None = None,
    generate: Generate | None = None,
) -> Measured:
    """Put the environment under load, judge it, and record the evidence, also when the gate is closed.

    ``baseline`` is as ``gate.run_gate`` takes it; ``generate`` is who sends the load (default: as the site
    says). The key is looked at before any load is sent. Raises what ``gate.run_gate``
    and ``record`` raise.
    """
    from cxlib.model.run import Served

    def served() -> Served:
        now = environments.served(site, environment)
        return Served(digest=now.digest or None, model_version=now.model_version or None)

    text = gate.text(criteria, load)  # of the files as they are now, before the load
    kube = platform.connect(site)
    publish_trust(kube, site)
    meant = environments.meant(kube, environment)
    with progress.stage(f"load gate {name}"):
        started = datetime.now(UTC)
        result = gate.run_gate(
            name=name,
            host=site.url(environment),
            profile=load.profile,
            criteria_lines=criteria,
            levels=load.levels,
            served=served,
            folder=folder,
            site=identity.fingerprint(site, kube),
            baseline=baseline,
            generate=generate or load_pods.sender(site, kube, environment),
        )
        recorded = record(
            site, environment, result.outcome, result.about(meant.digest, meant.version), folder,
            started=started, text=text, files=result.files(), metrics=result.metrics(), kube=kube,
            draw=partial(gate.draw, folder, result.outcome, baseline),
        )  # fmt: skip
        return Measured(result, recorded.logged, recorded)


def record(
    site: Site,
    environment: str,
    outcome: GateVerdict,
    subject: Subject,
    folder: Path,
    *,
    started: datetime,
    text: Sequence[str] | None = None,
    files: Sequence[Path] = (),
    metrics: Mapping[str, float] | None = None,
    kube: Kube | None = None,
    draw: Callable[[Context], str] | None = None,
) -> Recorded:
    """Sign a judged gate and log it with ``files``, whatever its verdict; the one door for all gates.

    ``folder`` gets ``evidence.json`` and ``verdict.json``. ``text`` is the gate's as it was asked,
    as ``gate.text`` makes it (default: the criteria that were judged). Samples and run.json are those in
    ``folder``.
    ``draw`` makes ``report.html`` of provenance and history (default: a report on values alone).
    Raises ``ConfigError`` (the key), ``EvidenceRefused`` (a PASS about no image), ``Unreachable``.
    """
    from cxlib.report import load

    kube = kube or platform.connect(site)
    publish_trust(kube, site)
    folder.mkdir(parents=True, exist_ok=True)
    verdict = folder / "verdict.json"
    told = json.dumps(outcome.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
    verdict.write_text(told + "\n", encoding="utf-8")
    asked = text if text is not None else [c.text for c in outcome.criteria]
    finished = datetime.now(UTC)
    statement = Statement(
        gate=outcome.gate,
        gate_sha256=rules.gate_sha256(outcome.gate, asked),
        environment=environment,
        site=identity.fingerprint(site, kube),
        subject=subject,
        verdict=outcome.verdict.value,
        reason=outcome.reason,
        criteria=tuple(outcome.as_json()["criteria"]),
        samples_sha256=_sha256(folder, *_SAMPLES),
        commit=git.revision(CHECKOUT),
        started=started,
        finished=finished,
        expires=finished + timedelta(hours=site.evidence.hours),
        run_sha256=_sha256(folder, "run.json"),
    )
    statement = fitted(statement)
    report = folder / "report.html"
    about = history.context(Tracking(site.url("mlflow")), EXPERIMENT, statement, identity.public_key(site))
    report.write_text(draw(about) if draw else load.render_verdict(outcome, context=about), encoding="utf-8")
    return _log(site, statement, folder, [verdict, report, *files], metrics or {})


def override(
    site: Site,
    environment: str,
    target: str,
    subject: Subject,
    folder: Path,
    *,
    who: str,
    why: str,
    hours: float | None = None,
    kube: Kube | None = None,
) -> Recorded:
    """Break-glass: sign and log that ``who`` lets ``subject`` go from ``environment`` to ``target``, and why.

    It opens for ``hours`` (default: as long as a PASS does). Raises what ``record`` raises.
    """
    kube = kube or platform.connect(site)
    publish_trust(kube, site)
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    statement = Statement(
        gate=OVERRIDE.lower(),
        gate_sha256=rules.gate_sha256(OVERRIDE.lower(), ()),
        environment=environment,
        site=identity.fingerprint(site, kube),
        subject=subject,
        verdict=OVERRIDE,
        reason=f"{who} opens the way to {target}: {why}",
        criteria=(),
        samples_sha256="",
        commit=git.revision(CHECKOUT),
        started=now,
        finished=now,
        expires=now + timedelta(hours=site.evidence.hours if hours is None else hours),
        override=Override(who, why, target),
    )
    return _log(site, statement, folder, [], {})


def find(site: Site, digest: str) -> list[bytes]:
    """Every envelope that MLflow keeps about the image ``digest``, the newest run's first.

    Those of deleted runs too: a FAIL that somebody deleted still counts.
    """
    tracking = Tracking(site.url("mlflow"))
    runs = tracking.search(EXPERIMENT, {"cx.digest": digest}, _MOST, deleted=True)
    return [raw for raw in envelopes(tracking, runs) if raw is not None]


def accepted(
    site: Site,
    environment: str,
    digest: str,
    gates: Mapping[str, str] | None = None,
    *,
    target: str | None = None,
    kube: Kube | None = None,
) -> Accepted:
    """Whether the image may leave ``environment`` now (for ``target``), by what the cluster believes.

    ``gates``: name -> hash of the text; default: those that the cluster's policy asks for.
    Raises ``EvidenceRefused`` with every reason, ``StageFailed`` and ``Unreachable``.
    """
    believed = trust.read(kube or platform.connect(site))
    return rules.accept(
        find(site, digest),
        public_key=believed.public_key,
        digest=digest,
        environment=environment,
        gates=believed.gates(environment) if gates is None else gates,
        site=believed.site,
        now=datetime.now(UTC),
        target=target,
    )


def verify(site: Site, logged: Logged, *, kube: Kube | None = None) -> Statement:
    """The statement that MLflow keeps of a run, by the public key in the cluster.

    Raises ``EvidenceRefused`` also when MLflow keeps none.
    """
    raw = Tracking(site.url("mlflow")).artifact_if_there(logged.run_id, FILE)
    if raw is None:
        raise EvidenceRefused(f"MLflow run {logged.run_id} has no {FILE}")
    return envelope.verify(raw, trust.read(kube or platform.connect(site)).public_key)


def kept(site: Site, logged: Logged, name: str) -> bytes:
    """A file of the evidence, as MLflow gives it back."""
    return Tracking(site.url("mlflow")).artifact(logged.run_id, name)


def told(criterion: CriterionResult) -> str:
    """A criterion's outcome in one line: verdict, value, and on how many samples it rests."""
    value = "no value" if criterion.value is None else f"{criterion.value:.4g} {criterion.unit}"
    blocking = "" if criterion.blocking else " (only watched)"
    return f"{criterion.verdict.value}{blocking}: {value}, n = {criterion.n}"


def _log(
    site: Site, statement: Statement, folder: Path, files: Sequence[Path], metrics: Mapping[str, float]
) -> Recorded:
    raw = envelope.sign(statement, identity.private_key(site))
    envelope.verify(raw, identity.public_key(site))  # what nobody could read again isn't kept
    path = folder / FILE
    path.write_bytes(raw)
    tags = {
        "cx.gate": statement.gate,
        "cx.environment": statement.environment,
        "cx.verdict": statement.verdict,
        "cx.digest": statement.subject.digest,
        "cx.model-version": statement.subject.model_version,
        "cx.site": statement.site,
        "cx.expires": statement.expires.isoformat(timespec="seconds"),
    }
    if statement.override:
        tags["cx.override"] = statement.override.target_environment
    named = {file.name: file for file in [*files, path]}
    logged = Tracking(site.url("mlflow")).log(
        EXPERIMENT,
        f"{statement.gate} {statement.verdict}",
        metrics=metrics,
        tags=tags,
        files=list(named.values()),
    )
    return Recorded(logged, statement, path)


def envelopes(tracking: Tracking, runs: Sequence[Found]) -> list[bytes | None]:
    """The envelope of each run; None for one that was logged without."""
    return run_all([partial(tracking.artifact_if_there, run.run_id, FILE) for run in runs])


def _sha256(folder: Path, *names: str) -> str:
    """Of the first of ``names`` that is in ``folder``; empty without any."""
    for name in names:
        if (folder / name).is_file():
            return hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return ""
