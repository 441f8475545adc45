"""What a gate asks for: one criterion a line, as people write it in Gherkin tables and gate files."""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Metric(enum.Enum):
    """What a criterion measures."""

    PERCENTILE = "p"
    FAIL = "fail"
    STATUS = "rc"
    COUNT = "count"


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """The load level that a criterion is about: users (closed model) or planned arrivals a second."""

    amount: float
    unit: str  # "users" or "rps"

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parsed line.

    ``metric_text`` is the metric as written (``p95``, ``rc5??``); ``limit`` is in ``unit`` (``ms``,
    ``s``, ``%``, empty for a count); ``level`` is None when every load level counts.
    """

    text: str
    metric: Metric
    metric_text: str
    endpoint: str
    op: str
    limit: float
    unit: str
    level: LoadPoint | None = None
    key: bool = False
    watch: bool = False

    @property
    def blocking(self) -> bool:
        return not self.watch

    @property
    def percentile(self) -> float:
        """The level of a percentile criterion, 0 to 100, both exclusive."""
        return float(self.metric_text[1:])

    @property
    def status_glob(self) -> str:
        """The statuses of an ``rc`` criterion, such as ``5??``."""
        return self.metric_text[2:]

    @property
    def limit_seconds(self) -> float:
        """The limit of a latency criterion in seconds."""
        return self.limit / self.per_second

    @property
    def per_second(self) -> float:
        """How many of the unit of a latency criterion a second has."""
        return 1000.0 if self.unit == "ms" else 1.0

    @property
    def wants_less(self) -> bool:
        return self.op in ("<", "<=")

    def holds(self, value: Any) -> Any:
        """Whether ``value`` (a number or an array, in the limit's unit) is on the wanted side."""
        return _OPERATORS[self.op](value, self.limit)


@dataclass(frozen=True, slots=True)
class Gate:
    """A named list of criteria."""

    name: str
    criteria: tuple[Criterion, ...]

    @property
    def blocking(self) -> tuple[Criterion, ...]:
        return tuple(c for c in self.criteria if c.blocking)
