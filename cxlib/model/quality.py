"""What a gate asks of a model: one criterion a line, as people write it in Gherkin tables and gate files."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cxlib.model import fact
from cxlib.model.fact import FactCriterion, FactGate
from cxlib.model.line import Line

EXAMPLE = "accuracy >= 0.9"
_WHAT = "accuracy, evaluation samples, size, or a metric as MLflow has it, such as macro_f1"
_NAME = re.compile(r"\s*(?P<name>evaluation samples|[A-Za-z_][\w./-]*)(?=[\s<>=]|$)")
_OP = re.compile(r"\s*(?P<op><=|>=|<|>)")
_VS = re.compile(r"\s+vs(?=\s|$)")
_INCUMBENT = re.compile(r"\s+incumbent(?=\s|$)")
_BY = re.compile(r"\s+by(?=\s|$)")
_UNIT = re.compile(r"\s*(?P<unit>%|[A-Za-z]\w*)")
BYTES = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


class Measure(enum.Enum):
    """What a criterion is about."""

    ACCURACY = "accuracy"
    SAMPLES = "evaluation samples"
    SIZE = "size"
    METRIC = "a metric of MLflow"


@dataclass(frozen=True, slots=True)
class QualityCriterion(FactCriterion):
    """One parsed line.

    ``limit`` is in ``unit``: ``%`` of the evaluation set for accuracy, also when written as 0.9; kB, MB or
    GB for the size; none for a count or a metric of MLflow, which ``name`` names. ``relative``: against the
    incumbent; then ``limit`` is how many points of accuracy fewer, or % of size more, are borne.
    """

    measure: Measure
    name: str
    unit: str
    relative: bool = False


QualityGate = FactGate[QualityCriterion]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What MLflow has of a model version. ``right``: answer by answer on the evaluation set that ``data``
    (a hash) names, None when it wasn't logged; ``bytes`` of all its files, None when they can't be had."""

    version: str
    metrics: Mapping[str, float]
    bytes: int | None = None
    right: tuple[bool, ...] | None = None
    data: str = ""


def parse_gate(name: str, lines: Iterable[str]) -> QualityGate:
    """The gate ``name`` with one criterion a line. Raises ``ConfigError`` when none of them blocks."""
    return fact.parse_gate(name, lines, parse, EXAMPLE)


def parse(text: str) -> QualityCriterion:
    """The criterion that ``text`` says. Raises ``ConfigError`` with column, problem and what is allowed."""
    line = Line(text, EXAMPLE)
    prefix = line.prefix()
    name = line.need(_NAME, "what is measured is missing", f"Write one of: {_WHAT}")["name"]
    measure = next((m for m in Measure if m.value == name), Measure.METRIC)
    relative = bool(line.take(_VS))
    op, limit, unit = _tolerance(line, measure, name) if relative else _bound(line, measure)
    line.end("End with the number and its unit")
    return QualityCriterion(
        line.text, op, limit, measure, name, unit, relative, key=prefix == "key", watch=prefix == "watch"
    )


def _bound(line: Line, measure: Measure) -> tuple[str, float, str]:
    op = line.need(
        _OP, "a comparison is missing", "Write one of: < <= > >=, or 'vs incumbent by 2 %'"
    )["op"]  # fmt: skip
    wanted = {Measure.SIZE: "<", Measure.METRIC: op[0]}.get(measure, ">")
    if not op.startswith(wanted):
        line.wrong(f"'{op}' asks for a worse model", f"Write {wanted} or {wanted}=", at=line.at - len(op))
    start = line.at
    limit = line.number("the limit is missing", f"Write a number, as in '{EXAMPLE}'")
    unit = _unit(line, measure)
    if measure is Measure.ACCURACY:
        limit *= 1 if unit else 100
        if not 0 < limit < 100:
            fix = "Write a share between 0 and 1, or a percentage"
            line.wrong("no evaluation can prove that, or every one does", fix, at=start)
        return op, limit, "%"
    if measure is not Measure.METRIC and limit == 0:
        line.wrong("a limit of 0 is always or never met", "Write a limit above 0", at=start)
    if measure is Measure.SAMPLES and limit != int(limit):
        line.wrong("a number of samples is whole", "Write one such as 300", at=start)
    return op, limit, unit


def _tolerance(line: Line, measure: Measure, name: str) -> tuple[str, float, str]:
    """What ``vs`` says: the comparison, and how much worse than the incumbent is borne."""
    if measure not in (Measure.ACCURACY, Measure.SIZE):
        fix = f"Compare accuracy or size, or write a limit such as '{name} >= 0.9'"
        line.wrong(f"whether more or less '{name}' is better isn't known", fix, at=line.at - len("vs"))
    line.need(_INCUMBENT, "'incumbent' is missing", f"Write '{name} vs incumbent by 2 %'")
    line.need(_BY, "'by' is missing", f"Write '{name} vs incumbent by 2 %'")
    start = line.at
    limit = line.number("the tolerance is missing", "Write one such as 2 %")
    line.need(re.compile(r"\s*%"), "the unit is missing", "Write one of: %")
    if limit == 0 or (measure is Measure.ACCURACY and limit >= 100):
        line.wrong("such a tolerance is never or always kept", "Write one such as 2 %", at=start)
    return (">=", -limit, "%") if measure is Measure.ACCURACY else ("<=", limit, "%")


def _unit(line: Line, measure: Measure) -> str:
    allowed = {Measure.ACCURACY: ("", "%"), Measure.SIZE: tuple(BYTES)}.get(measure, ("",))
    before = line.at
    found = line.take(_UNIT)
    unit = found["unit"] if found else ""
    if unit not in allowed:
        line.at = line.at - len(unit) if unit else before
        problem = f"the unit '{unit}' does not fit" if unit else "the unit is missing"
        line.wrong(problem, f"Write one of: {', '.join(u or 'none' for u in allowed)}")
    return unit
