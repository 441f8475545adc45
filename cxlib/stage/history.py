"""What MLflow remembers of a gate: its last runs and every override, for reports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from cxlib.clients.mlflow import Found, Tracking
from cxlib.errors import Unreachable
from cxlib.evidence import FILE, envelope
from cxlib.evidence.statement import OVERRIDE, EvidenceRefused, Statement
from cxlib.model.verdict import CriterionResult, GateVerdict
from cxlib.parallel import run_all
from cxlib.report.context import Context, OverrideMark, PastGate, Provenance

MOST_RUNS = 20
MOST_OVERRIDES = 20
_VERDICT = "verdict.json"


def metric_name(criterion: str) -> str:
    """A criterion's text as MLflow lets a metric be called."""
    return "".join(ch if ch.isalnum() or ch in "_-. " else "_" for ch in criterion)[:250]


def context(tracking: Tracking, experiment: str, statement: Statement, public_key: bytes) -> Context:
    """What the report on ``statement`` shows besides it: where it comes from, and what was before.

    An MLflow that can't be asked is said in the report, not raised: the verdict stands without it.
    """
    made = Context(
        _provenance(statement, envelope.keyid(public_key)),
        digest=statement.subject.digest,
        model_version=statement.subject.model_version,
    )
    texts = [str(criterion["text"]) for criterion in statement.criteria]
    try:
        runs = past(tracking, experiment, statement.gate, texts, statement.environment, most=MOST_RUNS - 1)
        marks = overrides(tracking, experiment, public_key)
    except Unreachable as exc:
        return replace(made, history_missing=f"The earlier runs could not be read: {exc}")
    return replace(made, history=tuple(runs), overrides=tuple(marks))


def past(
    tracking: Tracking,
    experiment: str,
    gate: str,
    criteria: Iterable[str],
    environment: str = "",
    *,
    most: int = MOST_RUNS,
) -> list[PastGate]:
    """The last runs of ``gate``, newest first, with the values of ``criteria``. Raises ``Unreachable``."""
    names = {metric_name(text): text for text in criteria}
    wanted = {"cx.gate": gate} | ({"cx.environment": environment} if environment else {})
    return [_past(run, names) for run in tracking.search(experiment, wanted, most)]


def last_criteria(tracking: Tracking, experiment: str, gate: str) -> tuple[CriterionResult, ...]:
    """The criteria of the newest run of ``gate`` that kept its verdict. Raises ``Unreachable``."""
    for run in tracking.search(experiment, {"cx.gate": gate}, MOST_RUNS):
        raw = tracking.artifact_if_there(run.run_id, _VERDICT)
        try:
            if raw:
                return GateVerdict.from_json(json.loads(raw)).criteria
        except (ValueError, RecursionError):
            continue  # anybody may write to MLflow
    return ()


def overrides(tracking: Tracking, experiment: str, public_key: bytes) -> list[OverrideMark]:
    """The newest overrides of the site, deleted ones too: none is forgotten. Raises ``Unreachable``.

    One whose signature is not the site's is told as such.
    """
    runs = tracking.search(experiment, {"cx.verdict": OVERRIDE}, MOST_OVERRIDES, deleted=True)
    kept = run_all([partial(tracking.artifact_if_there, run.run_id, FILE) for run in runs])
    return [_mark(run, raw, public_key) for run, raw in zip(runs, kept, strict=True)]


def _past(run: Found, names: dict[str, str]) -> PastGate:
    tags = run.tags
    return PastGate(
        run.started,
        tags.get("cx.verdict", "unknown"),
        tags.get("cx.environment", ""),
        tags.get("cx.model-version", ""),
        tags.get("cx.digest", ""),
        run.run_id,
        {text: run.metrics[name] for name, text in names.items() if name in run.metrics},
    )


def _mark(run: Found, raw: bytes | None, public_key: bytes) -> OverrideMark:
    about = {"digest": run.tags.get("cx.digest", ""), "model_version": run.tags.get("cx.model-version", "")}
    try:
        found = envelope.verify(raw, public_key) if raw is not None else None
        why = "MLflow keeps no statement of it"
    except EvidenceRefused as exc:
        found, why = None, f"its statement is not to be believed: {exc}"
    if found is None or found.override is None:
        return OverrideMark(run.started, "somebody", why, run.tags.get("cx.override", ""), **about)
    by = found.override
    return OverrideMark(found.finished, by.who, by.why, by.target_environment, **about)


def _provenance(statement: Statement, key_id: str) -> Provenance:
    return Provenance(
        environment=statement.environment,
        site=statement.site,
        commit=statement.commit,
        gate_sha256=statement.gate_sha256,
        samples_sha256=statement.samples_sha256,
        key_id=key_id,
        expires=statement.expires,
    )
