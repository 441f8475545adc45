"""The last runs of a gate: how its criteria's values moved, and what the verdicts were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from cxlib.report import page, trend
from cxlib.report.context import Context, OverrideMark, PastGate
from cxlib.report.wording import number

if TYPE_CHECKING:
    from datetime import datetime

    from cxlib.model.verdict import CriterionResult, GateVerdict

MOST_RUNS = 20
MOST_TRENDS = 3
LETTERS = 1500


@dataclass(frozen=True, slots=True)
class PastRow:
    """One run; ``cells`` are name and value of the criteria that are drawn. ``recorded`` None: this run."""

    recorded: datetime | None
    verdict: str
    model_version: str
    digest: str
    environment: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Past:
    """Drawings by criterion, and rows newest first."""

    trends: tuple[tuple[str, Markup], ...] = ()
    rows: tuple[PastRow, ...] = ()


def of(outcome: GateVerdict, context: Context, digest: str, model_version: str) -> Past:
    """The history of ``outcome``'s gate with itself as the newest run; nothing without earlier ones."""
    if not context.history:
        return Past()
    values = {c.text: c.value for c in outcome.criteria if c.value is not None}
    environment = context.provenance.environment
    now = PastGate(None, outcome.verdict.value, environment, model_version, digest, values=values)
    return drawn([now, *context.history[: MOST_RUNS - 1]], outcome.criteria)


def drawn(runs: Sequence[PastGate], criteria: Sequence[CriterionResult]) -> Past:
    """``runs`` newest first; the key criteria are drawn, then the other blocking ones."""
    ranked = sorted((c for c in criteria if c.blocking), key=lambda c: not c.key)
    chosen = [c for c in ranked if any(c.text in run.values for run in runs)][:MOST_TRENDS]
    trends = []
    for place, c in enumerate(chosen):
        points = [(run.values.get(c.text), run.verdict) for run in reversed(runs)]
        drawing = trend.draw(f"trend{place}", c.text, c.unit, c.limit, points)
        trends.append((c.text, Markup(drawing)))  # noqa: S704  the drawing escapes its texts itself
    rows = (_row(run, chosen) for run in runs[:MOST_RUNS])
    return Past(tuple(trends), tuple(rows))


def render(
    gate: str,
    where: str,
    runs: Sequence[PastGate],
    criteria: Sequence[CriterionResult],
    overrides: Sequence[OverrideMark] = (),
) -> str:
    """A page of its own on ``runs``, newest first; ``where`` is the site that was asked."""
    history = drawn(runs, criteria)
    return page.fill(
        "past.html.j2",
        letters=LETTERS,
        gate=gate,
        where=where,
        newest=runs[0].verdict if runs else "",
        digest=runs[0].digest if runs else "",
        counts=Counter(run.verdict for run in runs).most_common(),
        trends=history.trends,
        rows=history.rows,
        overrides=overrides,
    )


def _row(run: PastGate, chosen: Sequence[CriterionResult]) -> PastRow:
    cells = tuple((c.text, number(run.values.get(c.text), c.unit)) for c in chosen)
    return PastRow(run.recorded, run.verdict, run.model_version, run.digest, run.environment, cells)
