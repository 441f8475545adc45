"""The one parser of criteria lines. It speaks before any load is sent and points at the column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NoReturn

from cxlib.errors import ConfigError
from cxlib.model.criterion import Criterion, Gate, LoadPoint, Metric

EXAMPLE = "p95 of POST /predict < 30 ms at 1 users"
METRICS = "p<number> (such as p95 or p99.9), avg, max, rps, fail, rc<glob> (such as rc5??), count, late"
_NUMBER_TEXT = r"[0-9]+(?:\.[0-9]+)?"
_PREFIX = re.compile(r"(?P<prefix>\w+):\s*")
_METRIC = re.compile(r"\S+")
_OF = re.compile(r"\s+of(?=\s|$)")
_NAME = re.compile(r"\s+(?P<name>(?!(?:<=|>=|<|>|vs)(?=\s|$))\S.*?)(?=\s+(?:<=|>=|<|>)|\s+vs(?:\s|$)|\s*$)")
_OP = re.compile(r"\s+(?P<op><=|>=|<|>|vs(?=\s|$))")
_BASELINE = re.compile(r"\s+baseline(?=\s|$)")
_BY = re.compile(r"\s+by(?=\s|$)")
_NUMBER = re.compile(rf"\s*(?P<number>{_NUMBER_TEXT})")
_UNIT = re.compile(r"\s*(?P<unit>%|[A-Za-z]+)")
_LEVEL = re.compile(rf"\s+at\s+(?P<amount>{_NUMBER_TEXT})\s+(?P<unit>\S+)")
_PERCENTILE = re.compile(rf"p({_NUMBER_TEXT})")
_STATUS = re.compile(r"rc[0-9?*\[\]!-]+")
_STATUSES = ("0", *map(str, range(100, 600)))
_MOST = 1e9  # no limit and no load is beyond it, and every sum with it is a number
_LEAST_SHARE = 0.0001  # a percentile nearer to 0 or 100 than this would take millions of requests


def parse_gate(name: str, lines: Iterable[str]) -> Gate:
    """The gate ``name`` with one criterion a line. Raises ``ConfigError`` when there is none."""
    if not name.isprintable() or not name.strip():
        raise ConfigError(f"gate {name!a}", "its name cannot be read", "Name it, as 'staging'")
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


def _units(metric: Metric) -> tuple[str, ...]:
    return {"ms": ("ms", "s"), "": ()}.get(metric.unit, (metric.unit,))


class _Scanner:
    """Reads one line from left to right; ``at`` is where it is."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def criterion(self) -> Criterion:
        if not self.text:
            self._wrong("an empty line", f"Write a criterion such as '{EXAMPLE}'")
        if not self.text.isprintable():
            self.at = next(i for i, letter in enumerate(self.text) if not letter.isprintable())
            self.text = self.text.encode("unicode_escape").decode()
            self._wrong("a character that no one can see", "Remove it")
        prefix = self._prefix()
        metric, metric_text = self._metric()
        if not self._take(_OF):
            self._wrong("' of ' and the endpoint's name are missing", f"Write it as in '{EXAMPLE}'")
        endpoint = self._need(_NAME, "name", "the endpoint's name is missing", "Name it, as 'POST /predict'")
        op = self._need(
            _OP, "op", "a comparison is missing", "Write one of: < <= > >=, or 'vs baseline by 10 %'"
        )
        relative = op == "vs"
        op, limit, unit = self._tolerance(metric) if relative else (op, *self._bound(metric))
        level = self._level(metric)
        if self.at < len(self.text):
            rest = self.text[self.at :].strip()
            fix = "A level ends the line" if level else "End with the unit, 'at N users' or 'at N rps'"
            self._wrong(f"'{rest}' is one too much", fix)
        key, watch = prefix == "key", prefix == "watch"
        return Criterion(
            self.text, metric, metric_text, endpoint, op, limit, unit, level, key, watch, relative
        )

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
        metric = self._known(text)
        self.at = start + len(text)
        return metric, text

    def _known(self, text: str) -> Metric:
        if percentile := _PERCENTILE.fullmatch(text):
            if not _LEAST_SHARE <= float(percentile[1]) <= 100 - _LEAST_SHARE:
                fix = f"Write a level from {_LEAST_SHARE:g} to {100 - _LEAST_SHARE:g}"
                self._wrong(f"'{text}' is no percentile that can be measured", fix)
            return Metric.PERCENTILE
        if _STATUS.fullmatch(text):
            if not any(fnmatchcase(status, text[2:]) for status in _STATUSES):
                self._wrong(f"no HTTP status matches '{text[2:]}'", "Write such as rc5??, rc404 or rc[45]??")
            return Metric.STATUS
        if text not in {m.value for m in Metric} - {Metric.PERCENTILE.value, Metric.STATUS.value}:
            self._wrong(f"unknown metric '{text}'", f"Write one of: {METRICS}")
        return Metric(text)

    def _bound(self, metric: Metric) -> tuple[float, str]:
        """The limit of a comparison and its unit."""
        start = self.at
        limit = self._number("the limit is missing", "Write a number such as 30")
        end, self.at = self.at, start  # errors point at the number
        if limit == 0:
            self._wrong("a limit of 0 is always or never met", "Write a limit above 0")
        if metric is Metric.COUNT and limit != int(limit):
            self._wrong("a count is a whole number", "Write one such as 500")
        if metric.unit == "%" and limit >= 100:
            self._wrong("a share of 100 % or more is always or never met", "Write a limit below 100 %")
        self.at = end
        return limit, self._unit(_units(metric))

    def _tolerance(self, metric: Metric) -> tuple[str, float, str]:
        """What ``vs`` says: comparison, limit and unit of the change against the baseline."""
        if metric is Metric.COUNT:
            self.at -= len("vs")
            self._wrong("a count depends on how long was measured", "Compare rps, or write 'count of … >= N'")
        if not self._take(_BASELINE):
            self._wrong("'baseline' is missing", "Write 'vs baseline by 10 %'")
        if not self._take(_BY):
            self._wrong("'by' is missing", "Write 'vs baseline by 10 %'")
        start = self.at
        limit = self._number("the tolerance is missing", "Write one such as 10 %")
        end, self.at = self.at, start
        if limit == 0:
            self._wrong("a tolerance of 0 leaves no room for chance", "Write one such as 5 %")
        if metric is Metric.RPS and limit >= 100:
            self._wrong("a rate that may fall by 100 % may be nothing", "Write a tolerance below 100 %")
        self.at = end
        unit = self._unit(("%",))
        return (">=", -limit, unit) if metric is Metric.RPS else ("<=", limit, unit)

    def _number(self, missing: str, fix: str) -> float:
        start = self.at
        number = float(self._need(_NUMBER, "number", missing, fix))
        if number > _MOST:
            self.at = start
            self._wrong("the number is too large", f"Write at most {_MOST:.0f}")
        return number

    def _unit(self, allowed: tuple[str, ...]) -> str:
        before = self.at
        found = self._take(_UNIT)
        unit = found["unit"] if found else ""
        if unit == "at" or not unit:
            self.at, unit = before, ""
        if not (unit in allowed or (not allowed and not unit)):
            problem = f"the unit '{unit}' does not fit" if unit else "the unit is missing"
            self.at -= len(unit)
            self._wrong(problem, f"Write one of: {', '.join(allowed)}" if allowed else "A count has no unit")
        return unit

    def _level(self, metric: Metric) -> LoadPoint | None:
        start = self.at
        found = self._take(_LEVEL)
        if not found:
            return None
        unit = {"user": "users"}.get(found["unit"], found["unit"])
        self.at = start + found.start("unit") - found.start()
        if unit not in ("users", "rps"):
            self._wrong(f"unknown load level '{found['unit']}'", "Write 'at N users' or 'at N rps'")
        if metric is Metric.LATE and unit == "users":
            self._wrong("users are never late: each waits for its answer", "Write 'late … at N rps'")
        amount = float(found["amount"])
        whole = unit == "rps" or (amount >= 1 and amount == int(min(amount, _MOST)))
        if not (0 < amount <= _MOST and whole):
            what = "an arrival rate above 0" if unit == "rps" else "a whole number of users from 1 up"
            self._wrong(f"'{found['amount']}' {unit}", f"Write {what}, to {_MOST:.0f} at most")
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

    def _wrong(self, problem: str, fix: str) -> NoReturn:
        rest = self.text[self.at :]
        column = self.at + len(rest) - len(rest.lstrip()) + 1
        raise ConfigError(f"criterion '{self.text}', column {column}", problem, fix)
