"""The one parser of criteria lines. It speaks before any load is sent and points at the column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

from cxlib.errors import ConfigError
from cxlib.model.criterion import Criterion, Gate, LoadPoint, Metric

EXAMPLE = "p95 of POST /predict < 30 ms at 1 users"
METRICS = "p<number> (such as p95 or p99.9), fail, rc<glob> (such as rc5??), count"
_PREFIX = re.compile(r"(?P<prefix>\w+):\s+")
_METRIC = re.compile(r"\S+")
_OF = re.compile(r"\s+of(?=\s|$)")
_NAME = re.compile(r"\s+(?P<name>\S.*?)(?=\s+(?:<=|>=|<|>)|\s+vs\s|\s*$)")
_OP = re.compile(r"\s+(?P<op><=|>=|<|>|vs(?=\s))")
_NUMBER = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)")
_UNIT = re.compile(r"\s*(?P<unit>%|[A-Za-z]+)")
_LEVEL = re.compile(r"\s+at\s+(?P<amount>\d+(?:\.\d+)?)\s+(?P<unit>\S+)")
_PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)")
_STATUS = re.compile(r"rc[0-9?*\[\]!-]+")
_UNITS = {
    Metric.PERCENTILE: ("ms", "s"),
    Metric.FAIL: ("%",),
    Metric.STATUS: ("%",),
    Metric.COUNT: (),
}


def parse_gate(name: str, lines: Iterable[str]) -> Gate:
    """The gate ``name`` with one criterion a line. Raises ``ConfigError`` when there is none."""
    criteria = tuple(parse(line) for line in lines)
    if not criteria:
        raise ConfigError(f"gate '{name}'", "it has no criterion and proves nothing", f"Add '{EXAMPLE}'")
    twice = next((c for i, c in enumerate(criteria) if c.text in {d.text for d in criteria[:i]}), None)
    if twice:
        raise ConfigError(f"gate '{name}'", f"it lists '{twice.text}' twice", "Remove one of them")
    return Gate(name, criteria)


def parse(line: str) -> Criterion:
    """The criterion that ``line`` says. Raises ``ConfigError`` with column, problem and what is allowed."""
    return _Scanner(" ".join(line.split())).criterion()


class _Scanner:
    """Reads one line from left to right; ``at`` is where it is."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def criterion(self) -> Criterion:
        if not self.text:
            self._wrong("an empty line", f"Write a criterion such as '{EXAMPLE}'")
        prefix = self._prefix()
        metric, metric_text = self._metric()
        if not self._take(_OF):
            self._wrong("' of ' and the endpoint's name are missing", f"Write it as in '{EXAMPLE}'")
        endpoint = self._need(_NAME, "name", "the endpoint's name is missing", "Name it, as 'POST /predict'")
        op = self._need(_OP, "op", "a comparison is missing", "Write one of: < <= > >=")
        if op == "vs":
            self._later("a comparison with the baseline", back=len(op))
        limit = self._limit(metric)
        unit = self._unit(metric)
        level = self._level()
        if self.at < len(self.text):
            rest = self.text[self.at :].strip()
            self._wrong(f"'{rest}' is one too much", "End with the unit or with 'at N users'")
        key, watch = prefix == "key", prefix == "watch"
        return Criterion(self.text, metric, metric_text, endpoint, op, limit, unit, level, key, watch)

    def _prefix(self) -> str:
        found = self._take(_PREFIX)
        if found and found["prefix"] not in ("key", "watch"):
            self.at = 0
            self._wrong(f"unknown prefix '{found['prefix']}:'", "Write 'key:', 'watch:' or none")
        return found["prefix"] if found else ""

    def _metric(self) -> tuple[Metric, str]:
        start = self.at
        text = self._need(_METRIC, 0, "the metric is missing", f"Write one of: {METRICS}")
        self.at = start  # errors point at the metric's first letter
        if text in ("avg", "max", "rps", "late"):
            self._later(f"the metric '{text}'")
        percentile = _PERCENTILE.fullmatch(text)
        if percentile and not 0 < float(percentile[1]) < 100:
            self._wrong(f"'{text}' is no percentile", "Write a level between 0 and 100, both exclusive")
        if not (percentile or _STATUS.fullmatch(text) or text in ("fail", "count")):
            self._wrong(f"unknown metric '{text}'", f"Write one of: {METRICS}")
        self.at = start + len(text)
        if percentile:
            return Metric.PERCENTILE, text
        return (Metric.STATUS if text.startswith("rc") else Metric(text)), text

    def _limit(self, metric: Metric) -> float:
        start = self.at
        limit = float(self._need(_NUMBER, "number", "the limit is missing", "Write a number such as 30"))
        end, self.at = self.at, start  # errors point at the number
        if limit == 0:
            self._wrong("a limit of 0 is always or never met", "Write a limit above 0")
        if metric is Metric.COUNT and limit != int(limit):
            self._wrong("a count is a whole number", "Write one such as 500")
        if _UNITS[metric] == ("%",) and limit >= 100:
            self._wrong("a share of 100 % or more is always or never met", "Write a limit below 100 %")
        self.at = end
        return limit

    def _unit(self, metric: Metric) -> str:
        allowed = _UNITS[metric]
        before = self.at
        found = self._take(_UNIT)
        unit = found["unit"] if found else ""
        if unit == "at" or not unit:
            self.at, unit = before, ""
        if not (unit in allowed or (not allowed and not unit)):
            problem = f"the unit '{unit}' does not fit this metric" if unit else "the unit is missing"
            self.at -= len(unit)
            self._wrong(problem, f"Write one of: {', '.join(allowed)}" if allowed else "A count has no unit")
        return unit

    def _level(self) -> LoadPoint | None:
        start = self.at
        found = self._take(_LEVEL)
        if not found:
            return None
        unit = {"user": "users"}.get(found["unit"], found["unit"])
        self.at = start + found.start("unit") - found.start()
        if unit == "rps":
            self._later("a load level in rps")
        if unit != "users":
            self._wrong(f"unknown load level '{found['unit']}'", "Write 'at N users'")
        amount = float(found["amount"])
        if amount < 1 or amount != int(amount):
            self._wrong(f"'{found['amount']}' users", "Write a whole number of users from 1 up")
        self.at = start + len(found[0])
        return LoadPoint(amount, unit)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _need(self, pattern: re.Pattern[str], group: str | int, problem: str, fix: str) -> str:
        found = self._take(pattern)
        if not found:
            self._wrong(problem, fix)
        return str(found[group])

    def _later(self, what: str, back: int = 0) -> NoReturn:
        self.at -= back
        self._wrong(f"{what} is not judged yet", f"Use one of: {METRICS}, 'at N users'")

    def _wrong(self, problem: str, fix: str) -> NoReturn:
        rest = self.text[self.at :]
        column = self.at + len(rest) - len(rest.lstrip()) + 1
        raise ConfigError(f"criterion '{self.text}', column {column}", problem, fix)
