"""What a candidate is compared with: the accepted run of the version that production serves now."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxlib import progress
from cxlib.clients import runfolder
from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.evidence import rules
from cxlib.evidence.statement import Statement
from cxlib.judge.baseline import Refused
from cxlib.model.load import Load
from cxlib.settings import Site
from cxlib.stage import environment, evidence, identity, ledger, platform, promotion_log
from cxlib.stage.evidence import Measured

if TYPE_CHECKING:
    from cxlib.clients.locust import Generate
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples

_FILES = ("run.json", "samples.parquet")


def measure(
    site: Site,
    where: str,
    gate: str,
    criteria: Sequence[str],
    load: Load,
    folder: Path,
    *,
    generate: Generate | None = None,
) -> Measured:
    """``evidence.measure``, with the baseline that criteria of ``gate`` may compare with."""
    accepted = find(site, platform.connect(site), where, gate, load.profile)
    return evidence.measure(site, where, gate, criteria, load, folder, baseline=accepted, generate=generate)


def find(site: Site, kube: Kube, where: str, gate: str, profile: str) -> tuple[Run, Samples] | Refused | None:
    """The run of ``gate`` in ``where`` that PASSed for what production serves; None before it serves a model.

    Its statement is signed, of this site, about that very run and samples, and not revoked; it may have
    expired since. Where there should be one, a baseline that is lost or was changed is refused with the
    reason: it must not be taken for none. What came to production by an override is no baseline, whatever
    it passed, nor is there another then. Raises ``Unreachable``.
    """
    digest = environment.pointed(kube, "production").digest
    if not digest:
        return None
    came = promotion_log.arrival(promotion_log.about(site, "production", digest), digest)
    if came and came.override:
        progress.note(f"no baseline: {came} was let in by an override")
        return None
    fingerprint = identity.fingerprint(site, kube)
    refused: list[str] = []
    for entry in ledger.entries(site, environment=where, digest=digest, gate=gate, kube=kube):
        told = entry.statement
        if not told or entry.state is rules.State.REVOKED:
            continue
        if (told.gate, told.verdict, told.site) != (gate, "PASS", fingerprint):
            continue
        found = _fetch(site, entry.run.run_id, told, profile)
        if not isinstance(found, str):
            return found
        refused.append(found)
    why = refused[0] if refused else f"MLflow keeps no PASS of gate '{gate}' of {where} about it"
    return Refused(f"production serves {digest[:19]}, and there is no baseline of it: {why}")


def _fetch(site: Site, run_id: str, told: Statement, profile: str) -> tuple[Run, Samples] | str:
    """The run that MLflow keeps, when its files are those that were signed and its load is ``profile``;
    else why not."""
    tracking = Tracking(site.url("mlflow"))
    with tempfile.TemporaryDirectory(prefix="cx-baseline-") as scratch:
        for name, signed in zip(_FILES, (told.run_sha256, told.samples_sha256), strict=True):
            content = tracking.artifact_if_there(run_id, name)
            if content is None:
                return f"MLflow run {run_id} has no {name}"
            # statements from before run.json was signed have no hash of it
            if (signed or name == _FILES[1]) and hashlib.sha256(content).hexdigest() != signed:
                return f"MLflow run {run_id} has another {name} than was signed"
            (Path(scratch) / name).write_bytes(content)
        try:
            run, columns = runfolder.read(Path(scratch))
        except runfolder.BrokenRun as exc:
            return f"MLflow run {run_id} can't be read: {exc}"
    if run.profile != profile:
        return f"MLflow run {run_id} is of the load profile '{run.profile}', this one of '{profile}'"
    return run, columns
