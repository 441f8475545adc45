"""The report of a run of the features: one HTML file that needs nothing else."""

from __future__ import annotations

from itertools import groupby

from cxlib.judge.nights import told
from cxlib.report import page
from cxlib.report.run_record import RunRecord, ScenarioRecord

_MOST_ERROR_CHARACTERS = 20_000
_MARKS = {"passed": "✓", "failed": "✗", "skipped": "○", "interrupted": "■", "not run": "·"}


def render(record: RunRecord) -> str:
    """``record`` as HTML. Everything that comes from the run is escaped."""
    return page.fill(
        "run.html.j2",
        run=record,
        features=_by_feature(record.scenarios),
        longest=_longest(record),
        marks=_MARKS,
        shorten=_shorten,
        told=told,
    )


def _by_feature(scenarios: tuple[ScenarioRecord, ...]) -> list[tuple[str, str, list[ScenarioRecord]]]:
    """(file, feature, its scenarios), in the order in which they ran."""
    return [
        (file, feature, list(group))
        for (file, feature), group in groupby(scenarios, key=lambda one: (one.file, one.feature))
    ]


def _longest(record: RunRecord) -> float:
    return max((stage.seconds for stage in record.stages), default=0.0) or 1.0


def _shorten(text: str) -> str:
    """The end of a long error says more than its beginning, so both stay."""
    half = _MOST_ERROR_CHARACTERS // 2
    return text if len(text) <= 2 * half else f"{text[:half]}\n[…]\n{text[-half:]}"
