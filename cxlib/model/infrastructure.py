"""What a gate asks of the infrastructure: one criterion a line, as people write it in Gherkin tables."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cxlib.model import fact
from cxlib.model.fact import FactCriterion, FactGate
from cxlib.model.line import Line

EXAMPLE = "nodes ready >= 3"
_OP = re.compile(r"\s*(?P<op><=|>=|<|>|=)")
_APPLICATION = re.compile(r"\s*Application(?=\s|$)")
_NAME = re.compile(r"\s+(?P<name>(?!is(?:\s|$))[a-z0-9][a-z0-9.-]*)(?=\s|$)")
_IS = re.compile(r"\s+is(?=\s|$)")
_STATE = re.compile(r"\s+Synced and Healthy(?=\s|$)")


class Count(enum.Enum):
    """What is counted."""

    READY = "nodes ready"
    NOT_READY = "nodes not ready"
    TERRAFORM = "Terraform changes"
    ANSIBLE = "Ansible changes"
    OUT_OF_SYNC = "Applications out of sync"
    UNHEALTHY = "Applications unhealthy"


_COUNT = re.compile(rf"\s*(?P<name>{'|'.join(c.value for c in Count)})(?=[\s<>=]|$)")
_WHAT = f"{', '.join(c.value for c in Count)}, or 'Application NAME is Synced and Healthy'"


@dataclass(frozen=True, slots=True)
class InfrastructureCriterion(FactCriterion):
    """One parsed line: a count against a limit, or an ``application`` by name, which counts 1 when it is
    Synced and Healthy; ``count`` is None then."""

    count: Count | None
    application: str


InfrastructureGate = FactGate[InfrastructureCriterion]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was counted, each by name; ``problem`` says why it could not be, and then nothing was seen."""

    things: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Application:
    """An Application's own words; ``current`` is false while they are about something older."""

    sync: str
    health: str
    current: bool = True

    def __str__(self) -> str:
        return f"{self.sync}/{self.health}" + ("" if self.current else " (not looked at yet)")


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at the infrastructure: by count what was seen, and the Applications by name, None when they
    could not be had (``applications_problem`` says why)."""

    counts: Mapping[Count, Seen]
    applications: Mapping[str, Application] | None = None
    applications_problem: str = ""


def parse_gate(name: str, lines: Iterable[str]) -> InfrastructureGate:
    """The gate ``name`` with one criterion a line. Raises ``ConfigError`` when none of them blocks."""
    return fact.parse_gate(name, lines, parse, EXAMPLE)


def parse(text: str) -> InfrastructureCriterion:
    """The criterion that ``text`` says. Raises ``ConfigError`` with column, problem and what is allowed."""
    line = Line(text, EXAMPLE)
    prefix = line.prefix()
    count, application, op, limit = None, "", "=", 1.0
    if line.take(_APPLICATION):
        fix = "Write 'Application birdclef-staging is Synced and Healthy'"
        application = line.need(_NAME, "the Application's name is missing", fix)["name"]
        line.need(_IS, "'is' is missing", fix)
        line.need(_STATE, "the wanted state is missing", fix)
    else:
        count = Count(line.need(_COUNT, "unknown or missing count", f"Write one of: {_WHAT}")["name"])
        op = line.need(_OP, "a comparison is missing", "Write one of: < <= = >= >")["op"]
        limit = _limit(line, op)
    line.end("End with the number, without a unit" if count else "The state ends the line")
    return InfrastructureCriterion(
        line.text, op, limit, count, application, key=prefix == "key", watch=prefix == "watch"
    )


def _limit(line: Line, op: str) -> float:
    start = line.at
    limit = line.number("the number is missing", "Write a whole number such as 0")
    if limit != int(limit):
        line.wrong("a count is a whole number", "Write one such as 3", at=start)
    if limit == 0 and op in (">=", "<"):
        line.wrong(f"'{op} 0' is always or never met", "Write '= 0', or another number", at=start)
    return limit
