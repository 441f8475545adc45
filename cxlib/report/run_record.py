"""What happened in a run of the features, as plain data for the reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cxlib.model.night import History
from cxlib.model.verdict import GateVerdict

Status = Literal["passed", "failed", "skipped", "interrupted", "not run"]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One line of Gherkin: ``keyword name`` at ``line`` of the feature file."""

    keyword: str
    name: str
    line: int
    status: Status
    seconds: float

    @property
    def text(self) -> str:
        return f"{self.keyword} {self.name}"


@dataclass(frozen=True, slots=True)
class ScenarioRecord:
    """One scenario. ``cause`` is one line, ``error`` the whole text; ``diagnostics`` a path or empty."""

    node: str
    file: str
    feature: str
    name: str
    tags: tuple[str, ...]
    status: Status
    seconds: float
    steps: tuple[StepRecord, ...] = ()
    cause: str = ""
    error: str = ""
    diagnostics: str = ""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage of the pipeline and how long it took."""

    name: str
    seconds: float
    outcome: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. ``facts`` are versions, digests and verdicts; ``links`` paths relative to the run's folder.

    ``part`` is empty for a run of all scenarios that belong to it, or says how many it was of how many.
    ``gates`` are the load gates that it judged; ``history`` compares a nightly run with the nights before.
    """

    site: str
    environment: str
    started: datetime
    seconds: float
    verdict: str
    part: str = ""
    reasons: tuple[str, ...] = ()
    scenarios: tuple[ScenarioRecord, ...] = ()
    stages: tuple[StageRecord, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    rerun: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    gates: tuple[GateVerdict, ...] = ()
    history: tuple[History, ...] = ()

    @property
    def title(self) -> str:
        """``GREEN``, ``NOT GREEN`` or ``INTERRUPTED``, and of which part of the scenarios that is true."""
        return f"{self.verdict} ({self.part})" if self.part else self.verdict
