"""What a candidate is compared with: the accepted run of the version that production serves now."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cxlib import progress
from cxlib.clients import runfolder
from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.evidence import rules
from cxlib.evidence.statement import Statement
from cxlib.settings import Site
from cxlib.stage import environment, identity, ledger, promotion_log

if TYPE_CHECKING:
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples

_FILES = ("run.json", "samples.parquet")


def find(site: Site, kube: Kube, where: str, gate: str, profile: str) -> tuple[Run, Samples] | None:
    """The run of ``gate`` in ``where`` that PASSed for what production serves; None when there is none.

    Its statement is signed, of this site, about those very samples, and not revoked; it may have expired
    since. What came to production by an override is no baseline, whatever it passed. Raises ``Unreachable``.
    """
    digest = environment.pointed(kube, "production").digest
    if not digest:
        return None
    came = promotion_log.arrival(promotion_log.about(site, "production", digest), digest)
    if came and came.override:
        progress.note(f"no baseline: {came} was let in by an override")
        return None
    fingerprint = identity.fingerprint(site, kube)
    for entry in ledger.entries(site, environment=where, digest=digest, gate=gate, kube=kube):
        told = entry.statement
        if not told or entry.state is rules.State.REVOKED:
            continue
        if (told.gate, told.verdict, told.site) != (gate, "PASS", fingerprint):
            continue
        if found := _fetch(site, entry.run.run_id, told, profile):
            return found
    return None


def _fetch(site: Site, run_id: str, told: Statement, profile: str) -> tuple[Run, Samples] | None:
    """The run that MLflow keeps, when its samples are those that were signed and its load is ``profile``."""
    tracking = Tracking(site.url("mlflow"))
    with tempfile.TemporaryDirectory(prefix="cx-baseline-") as scratch:
        for name in _FILES:
            content = tracking.artifact_if_there(run_id, name)
            if content is None:
                return None
            (Path(scratch) / name).write_bytes(content)
        samples = (Path(scratch) / _FILES[1]).read_bytes()
        if hashlib.sha256(samples).hexdigest() != told.samples_sha256:
            progress.note(f"MLflow run {run_id} has other samples than were signed: no baseline")
            return None
        try:
            run, columns = runfolder.read(Path(scratch))
        except runfolder.BrokenRun as exc:
            progress.note(f"MLflow run {run_id} can't be read: {exc}: no baseline")
            return None
    return (run, columns) if run.profile == profile else None
