"""A gate about a model: what MLflow has of it, and of the version now in production, against criteria."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cxlib import progress
from cxlib.clients.mlflow import Tracking
from cxlib.errors import CxError, StageFailed
from cxlib.evidence.statement import Subject
from cxlib.judge import quality
from cxlib.model.quality import Evaluation, Measure, QualityGate, parse_gate
from cxlib.model.verdict import GateVerdict
from cxlib.settings import MODEL_NAME, Site
from cxlib.stage import fact_gate
from cxlib.stage.fact_gate import Judged

INCUMBENT = "production"  # MLflow's alias of the version that a candidate is compared with
ANSWERS = "evaluation.json"


def measure(
    site: Site, environment: str, name: str, criteria: Sequence[str], subject: Subject, folder: Path
) -> Judged:
    """Judge the model version of ``subject`` and record the evidence, also when the gate is closed.

    Raises ``ConfigError`` for a criterion that is wrong, before MLflow is asked, and what
    ``evidence.record`` raises. A verdict other than PASS is returned: see ``fact_gate.require_pass``.
    """
    asked = parse_gate(name, criteria)
    with progress.stage(f"gate {name}"):
        started = datetime.now(UTC)
        outcome = judge(Tracking(site.url("mlflow")), asked, subject.model_version)
        return fact_gate.record(site, environment, outcome, criteria, subject, folder, started)


def judge(tracking: Tracking, gate: QualityGate, version: str, model: str = MODEL_NAME) -> GateVerdict:
    """The verdict on a registered version. What MLflow can't be asked for is INVALID, with the reason."""
    try:
        candidate = _evaluation(tracking, gate, model, version, relative=False)
        incumbent = None
        if any(c.relative for c in gate.criteria):
            before = tracking.alias(model, INCUMBENT)
            incumbent = _evaluation(tracking, gate, model, before, relative=True) if before else None
        return quality.judge(gate, candidate, incumbent)
    except CxError as exc:
        return quality.broken(gate, str(exc))


def _evaluation(
    tracking: Tracking, gate: QualityGate, model: str, version: str, *, relative: bool
) -> Evaluation:
    """What MLflow has of ``version``; only what the criteria, or the ``relative`` ones alone, ask for."""
    found = tracking.version(model, version)
    if found is None:
        raise StageFailed(f"{model} {version}", wanted="a registered version", seen="no such version")
    measures = {c.measure for c in gate.criteria if c.relative or not relative}
    size = tracking.model_bytes(model, version) if Measure.SIZE in measures else None
    raw = tracking.artifact_if_there(found.run_id, ANSWERS)
    right, data = _answers(raw, f"{ANSWERS} of {model} {version}") if raw else (None, "")
    return Evaluation(version, found.metrics, size, right, data)


def _answers(raw: bytes, what: str) -> tuple[tuple[bool, ...], str]:
    """Answer by answer whether it was right, and the hash of the evaluation set."""
    try:
        logged = json.loads(raw)
        right, data = logged["right"], logged["data"]
        if not (isinstance(right, str) and isinstance(data, str) and data and set(right) <= {"0", "1"}):
            raise ValueError("'right' is no text of 0 and 1, or 'data' is no hash")
    except (ValueError, KeyError, TypeError) as exc:
        raise StageFailed(what, wanted="JSON with 'right' and 'data'", seen=f"something else: {exc}") from exc
    return tuple(one == "1" for one in right), data
