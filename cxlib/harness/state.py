"""The state of one run of the features."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cxlib.report.run_record import ScenarioRecord, StageRecord, Status, StepRecord

if TYPE_CHECKING:
    from pytest_bdd.parser import Step

    from cxlib.harness.collection import ScenarioItem
    from cxlib.settings import Site


@dataclass(slots=True)
class Open:
    """The scenario that is running now."""

    item: ScenarioItem
    began: float = field(default_factory=time.monotonic)
    step: Step | None = None
    step_began: float = 0.0
    steps: list[StepRecord] = field(default_factory=list)
    diagnostics: str = ""

    def begin(self, step: Step) -> None:
        self.step, self.step_began = step, time.monotonic()

    def end(self, status: Status) -> None:
        """The current step has ended; a failed one stays current, for the messages that name it."""
        if self.step is None:
            return
        seconds = time.monotonic() - self.step_began
        step = self.step
        self.steps.append(StepRecord(step.keyword, step.name, step.line_number, status, seconds))
        if status == "passed":
            self.step = None


@dataclass(slots=True)
class Run:
    """One run of the features: where it writes, what it has seen."""

    site: Site
    environment: str
    folder: Path
    root: Path
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
    now: Open | None = None
    scenarios: list[ScenarioRecord] = field(default_factory=list)
    stages: list[StageRecord] = field(default_factory=list)
    selected: int = 0
    belonging: int = 0  # how many there are of the kind that was selected, selected or not
    interrupted: bool = False

    @property
    def part(self) -> str:
        """``3 of 25 scenarios``; empty for a run of all that belong to it."""
        return f"{self.selected} of {self.belonging} scenarios" if self.selected < self.belonging else ""

    def step_of(self, item: ScenarioItem) -> Step | None:
        return self.now.step if self.now and self.now.item is item else None

    def save_traceback(self, item: ScenarioItem, text: str) -> Path:
        """Write ``text`` where a person who wants the Python finds it; the path from the checkout."""
        folder = self.folder / "tracebacks"
        folder.mkdir(exist_ok=True)
        path = folder / f"{label(item)}.txt"
        path.write_text(text + "\n")
        return self.shown(path)

    def shown(self, path: Path) -> Path:
        """``path`` as a person at the checkout would type it."""
        return path.relative_to(self.root) if path.is_relative_to(self.root) else path


def label(item: ScenarioItem) -> str:
    """A name for files about ``item``, plain enough for every shell and URL."""
    return re.sub(r"\W+", "_", f"{item.path.stem}-{item.name}").strip("_")


RUN: pytest.StashKey[Run] = pytest.StashKey()


def new_folder(runs: Path) -> Path:
    """A folder of this run's own in ``runs``, which ``runs/latest`` points at from now on."""
    folder = runs / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    folder.mkdir(parents=True, mode=0o700)
    pointer = runs / f".latest-{folder.name}"
    pointer.symlink_to(folder.name)
    pointer.replace(runs / "latest")
    return folder
