"""A load gate on an environment of the site, and what MLflow keeps of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxlib import progress
from cxlib.clients.mlflow import Logged, Tracking
from cxlib.model.load import LoadLevel
from cxlib.model.verdict import CriterionResult
from cxlib.settings import Site
from cxlib.stage import gate, staging

EXPERIMENT = "cx-gates"


@dataclass(frozen=True, slots=True)
class Measured:
    """A judged gate and the MLflow run that keeps its evidence, whatever the verdict."""

    result: gate.GateResult
    logged: Logged


def measure(
    site: Site,
    environment: str,
    name: str,
    criteria: Sequence[str],
    profile: str,
    levels: Sequence[LoadLevel],
    folder: Path,
) -> Measured:
    """Put the environment under load and judge it.

    The evidence goes to MLflow also when the gate is closed. Raises what ``gate.run_gate`` raises.
    """
    from cxlib.model.run import Served

    def served() -> Served:
        now = staging.served(site, environment)
        return Served(digest=now.digest or None, model_version=now.model_version or None)

    with progress.stage(f"load gate {name}"):
        result = gate.run_gate(
            name=name,
            host=site.url(environment),
            profile=profile,
            criteria_lines=criteria,
            levels=levels,
            served=served,
            folder=folder,
            site=site.name,
        )
        return Measured(result, _log(site, environment, result))


def _log(site: Site, environment: str, result: gate.GateResult) -> Logged:
    tags = {
        "cx.gate": result.outcome.gate,
        "cx.environment": environment,
        "cx.verdict": result.verdict.value,
        "cx.digest": result.served.digest or "",
        "cx.model-version": result.served.model_version or "",
    }
    return Tracking(site.url("mlflow")).log(
        EXPERIMENT,
        f"{result.outcome.gate} {result.verdict.value}",
        metrics=result.metrics(),
        tags=tags,
        files=result.files(),
    )


def kept(site: Site, logged: Logged, name: str) -> bytes:
    """A file of the evidence, as MLflow gives it back."""
    return Tracking(site.url("mlflow")).artifact(logged.run_id, name)


def told(criterion: CriterionResult) -> str:
    """A criterion's outcome in one line: verdict, value, and on how many samples it rests."""
    value = "no value" if criterion.value is None else f"{criterion.value:.4g} {criterion.unit}"
    blocking = "" if criterion.blocking else " (only watched)"
    return f"{criterion.verdict.value}{blocking}: {value}, n = {criterion.n}"
