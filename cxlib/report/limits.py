"""The limits that can be drawn: those of percentiles, in ms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxlib.errors import ConfigError
from cxlib.model.criterion import Criterion, Metric
from cxlib.model.grammar import parse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.verdict import CriterionResult


def parsed(result: CriterionResult) -> Criterion | None:
    """The criterion of a result; None when it is of another kind of gate, or of an older grammar."""
    try:
        return parse(result.text)
    except ConfigError:
        return None


def drawable(results: Iterable[CriterionResult]) -> list[Criterion]:
    """The percentile criteria with a limit of their own."""
    found = [c for c in map(parsed, results) if c]
    return [c for c in found if c.metric is Metric.PERCENTILE and not c.relative]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A limit in ms over load levels that follow each other; ``first`` and ``last`` are their places.

    ``below`` is where its label goes, so that the labels of two close limits don't meet.
    """

    first: int
    last: int
    value: float
    label: str
    below: bool


def stretches(criteria: Sequence[Criterion], loads: Sequence[str]) -> list[Stretch]:
    """The limits over ``loads``, the load of each place; equal limits share a line and say so."""
    open_: dict[tuple[float, str], Stretch] = {}
    found: list[Stretch] = []
    for place, load in enumerate(loads):
        here = _at(criteria, load)
        for order, (value, label) in enumerate(here):
            before = open_.get((value, label))
            goes_on = before is not None and before.last == place - 1
            start = before.first if before and goes_on else place
            below = before.below if before and goes_on else order % 2 == 0
            if before and goes_on:
                found.remove(before)
            open_[value, label] = Stretch(start, place, value, label, below)
            found.append(open_[value, label])
    return found


def _at(criteria: Sequence[Criterion], load: str) -> list[tuple[float, str]]:
    """The limits at one load from low to high, each with what it is of."""
    texts: dict[float, list[str]] = {}
    for c in criteria:
        if c.level is None or str(c.level) == load:
            texts.setdefault(milliseconds(c), []).append(c.metric_text)
    return [(value, f"{', '.join(said)}: {value:g} ms") for value, said in sorted(texts.items())]


def milliseconds(criterion: Criterion) -> float:
    return criterion.limit_seconds * 1000


def span(latency: NDArray[np.float64], criteria: Iterable[Criterion]) -> tuple[float, float]:
    """A logarithmic axis in ms that shows all of ``latency`` and every limit."""
    values = [milliseconds(c) for c in criteria]
    if len(latency):
        values += [max(float(latency.min()), 0.01), max(float(latency.max()), 0.01)]
    low, high = min(values, default=1.0), max(values, default=100.0)
    return low / 1.2, max(high, low * 2) * 1.25
