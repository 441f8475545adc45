"""What a gate asks for: one criterion a line, as people write it in Gherkin tables and gate files."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from cxlib.model.line import OPERATORS
from cxlib.model.load import Load


class Metric(enum.Enum):
    """What a criterion measures."""

    PERCENTILE = "p"
    AVG = "avg"
    MAX = "max"
    RPS = "rps"
    FAIL = "fail"
    STATUS = "rc"
    COUNT = "count"
    LATE = "late"

    @property
    def unit(self) -> str:
        """The unit that its values are told in; a latency's limit may also be in seconds."""
        if self in (Metric.PERCENTILE, Metric.AVG, Metric.MAX):
            return "ms"
        return {Metric.RPS: "rps", Metric.COUNT: ""}.get(self, "%")


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """The load level that a criterion is about: users (closed model) or planned arrivals a second."""

    amount: float
    unit: str  # "users" or "rps"

    @property
    def users(self) -> int:
        """Its users, 0 in the open model: as the samples have it."""
        return int(self.amount) if self.unit == "users" else 0

    @property
    def rate(self) -> float:
        """Its planned arrivals a second, 0 in the closed model."""
        return self.amount if self.unit == "rps" else 0.0

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parsed line.

    ``metric_text`` is the metric as written (``p95``, ``rc5??``); ``limit`` is in ``unit`` (``ms``,
    ``s``, ``rps``, ``%``, empty for a count); ``level`` is None when every load level counts.

    ``relative``: against the baseline. What is judged then is the change in %, candidate / baseline - 1:
    ``op`` and ``limit`` are ``<= 10`` where more is worse and ``>= -10`` where less is.
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
    relative: bool = False

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
        return 1.0 if self.unit == "s" else 1000.0

    @property
    def measured_unit(self) -> str:
        """The unit of what is measured, which in a comparison with the baseline is not the limit's."""
        return self.metric.unit if self.relative else self.unit

    @property
    def wants_less(self) -> bool:
        return self.op in ("<", "<=")

    def holds(self, value: Any) -> Any:
        """Whether ``value`` (a number or an array, in the limit's unit) is on the wanted side."""
        return OPERATORS[self.op](value, self.limit)


def matches(glob: str, status: int) -> bool:
    """Whether an HTTP status is one of ``glob``. Status 0 is no answer, and no pattern's but its own."""
    return fnmatchcase(str(status), glob) if status else glob == "0"


@dataclass(frozen=True, slots=True)
class Gate:
    """A named list of criteria, and the load that they are about where that was said."""

    name: str
    criteria: tuple[Criterion, ...]
    load: Load | None = None

    @property
    def blocking(self) -> tuple[Criterion, ...]:
        return tuple(c for c in self.criteria if c.blocking)

    @property
    def relative(self) -> tuple[Criterion, ...]:
        """Those that need a baseline."""
        return tuple(c for c in self.criteria if c.relative)
