"""The one parser of criteria lines. It speaks before any load is sent and points at the column."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cxlib.errors import ConfigError
from cxlib.model.criterion import Criterion, Gate, LoadPoint, Metric, matches
from cxlib.model.line import NUMBER, Line

EXAMPLE = "p95 of POST /predict < 30 ms at 1 users"
METRICS = "p<number> (such as p95 or p99.9), avg, max, rps, fail, rc<glob> (such as rc5??), count, late"
_METRIC = re.compile(r"\S+")
_OF = re.compile(r"\s+of(?=\s|$)")
_NAME = re.compile(r"\s+(?P<name>(?!(?:<=|>=|<|>|vs)(?=\s|$))\S.*?)(?=\s+(?:<=|>=|<|>)|\s+vs(?:\s|$)|\s*$)")
_OP = re.compile(r"\s+(?P<op><=|>=|<|>|vs(?=\s|$))")
_BASELINE = re.compile(r"\s+baseline(?=\s|$)")
_BY = re.compile(r"\s+by(?=\s|$)")
_UNIT = re.compile(r"\s*(?P<unit>%|[A-Za-z]+)")
_LEVEL = re.compile(rf"\s+at\s+(?P<amount>{NUMBER})\s+(?P<unit>\S+)")
_PERCENTILE = re.compile(rf"p({NUMBER})")
_STATUS = re.compile(r"rc[0-9?*\[\]!-]+")
_STATUSES = (0, *range(100, 600))
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
    return _Reader(line, EXAMPLE).criterion()


def _units(metric: Metric) -> tuple[str, ...]:
    return {"ms": ("ms", "s"), "": ()}.get(metric.unit, (metric.unit,))


class _Reader(Line):
    """A line about a load."""

    most = 1e9  # no limit and no load is beyond it, and every sum with it is a number

    def criterion(self) -> Criterion:
        if not self.text.isprintable():
            self.at = next(i for i, letter in enumerate(self.text) if not letter.isprintable())
            self.text = self.text.encode("unicode_escape").decode()
            self.wrong("a character that no one can see", "Remove it")
        prefix = self.prefix()
        metric, metric_text = self._metric()
        self.need(_OF, "' of ' and the endpoint's name are missing", f"Write it as in '{EXAMPLE}'")
        endpoint = self.need(_NAME, "the endpoint's name is missing", "Name it, as 'POST /predict'")["name"]
        op = self.need(
            _OP, "a comparison is missing", "Write one of: < <= > >=, or 'vs baseline by 10 %'"
        )["op"]  # fmt: skip
        relative = op == "vs"
        op, limit, unit = self._tolerance(metric) if relative else (op, *self._bound(metric))
        level = self._level(metric)
        self.end("A level ends the line" if level else "End with the unit, 'at N users' or 'at N rps'")
        key, watch = prefix == "key", prefix == "watch"
        return Criterion(
            self.text, metric, metric_text, endpoint, op, limit, unit, level, key, watch, relative
        )

    def _metric(self) -> tuple[Metric, str]:
        start = self.at
        text = self.need(_METRIC, "the metric is missing", f"Write one of: {METRICS}")[0]
        self.at = start  # errors point at the metric's first letter
        metric = self._known(text)
        self.at = start + len(text)
        return metric, text

    def _known(self, text: str) -> Metric:
        if percentile := _PERCENTILE.fullmatch(text):
            if not _LEAST_SHARE <= float(percentile[1]) <= 100 - _LEAST_SHARE:
                fix = f"Write a level from {_LEAST_SHARE:g} to {100 - _LEAST_SHARE:g}"
                self.wrong(f"'{text}' is no percentile that can be measured", fix)
            return Metric.PERCENTILE
        if _STATUS.fullmatch(text):
            found, fix = (
                [s for s in _STATUSES if matches(text[2:], s)],
                "Write such as rc5??, rc404 or rc[45]??",
            )
            if not found:
                self.wrong(f"no HTTP status matches '{text[2:]}'", fix)
            if len(found) == len(_STATUSES) - 1:
                self.wrong(f"every answer matches '{text[2:]}', whatever it says", fix)
            return Metric.STATUS
        if text not in {m.value for m in Metric} - {Metric.PERCENTILE.value, Metric.STATUS.value}:
            self.wrong(f"unknown metric '{text}'", f"Write one of: {METRICS}")
        return Metric(text)

    def _bound(self, metric: Metric) -> tuple[float, str]:
        """The limit of a comparison and its unit."""
        start = self.at
        limit = self.number("the limit is missing", "Write a number such as 30")
        end, self.at = self.at, start  # errors point at the number
        if limit == 0:
            self.wrong("a limit of 0 is always or never met", "Write a limit above 0")
        if metric is Metric.COUNT and limit != int(limit):
            self.wrong("a count is a whole number", "Write one such as 500")
        if metric.unit == "%" and limit >= 100:
            self.wrong("a share of 100 % or more is always or never met", "Write a limit below 100 %")
        self.at = end
        return limit, self._unit(_units(metric))

    def _tolerance(self, metric: Metric) -> tuple[str, float, str]:
        """What ``vs`` says: comparison, limit and unit of the change against the baseline."""
        if metric is Metric.COUNT:
            self.at -= len("vs")
            self.wrong("a count depends on how long was measured", "Compare rps, or write 'count of … >= N'")
        self.need(_BASELINE, "'baseline' is missing", "Write 'vs baseline by 10 %'")
        self.need(_BY, "'by' is missing", "Write 'vs baseline by 10 %'")
        start = self.at
        limit = self.number("the tolerance is missing", "Write one such as 10 %")
        end, self.at = self.at, start
        if limit == 0:
            self.wrong("a tolerance of 0 leaves no room for chance", "Write one such as 5 %")
        if metric is Metric.RPS and limit >= 100:
            self.wrong("a rate that may fall by 100 % may be nothing", "Write a tolerance below 100 %")
        self.at = end
        unit = self._unit(("%",))
        return (">=", -limit, unit) if metric is Metric.RPS else ("<=", limit, unit)

    def _unit(self, allowed: tuple[str, ...]) -> str:
        before = self.at
        found = self.take(_UNIT)
        unit = found["unit"] if found else ""
        if unit == "at" or not unit:
            self.at, unit = before, ""
        if not (unit in allowed or (not allowed and not unit)):
            problem = f"the unit '{unit}' does not fit" if unit else "the unit is missing"
            self.at -= len(unit)
            self.wrong(problem, f"Write one of: {', '.join(allowed)}" if allowed else "A count has no unit")
        return unit

    def _level(self, metric: Metric) -> LoadPoint | None:
        start = self.at
        found = self.take(_LEVEL)
        if not found:
            return None
        unit = {"user": "users"}.get(found["unit"], found["unit"])
        self.at = start + found.start("unit") - found.start()
        if unit not in ("users", "rps"):
            self.wrong(f"unknown load level '{found['unit']}'", "Write 'at N users' or 'at N rps'")
        if metric is Metric.LATE and unit == "users":
            self.wrong("users are never late: each waits for its answer", "Write 'late … at N rps'")
        amount = float(found["amount"])
        whole = unit == "rps" or (amount >= 1 and amount == int(min(amount, self.most)))
        if not (0 < amount <= self.most and whole):
            what = "an arrival rate above 0" if unit == "rps" else "a whole number of users from 1 up"
            self.wrong(f"'{found['amount']}' {unit}", f"Write {what}, to {self.most:.0f} at most")
        self.at = start + len(found[0])
        return LoadPoint(amount, unit)
