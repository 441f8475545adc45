"""The one parser of criteria lines."""

from __future__ import annotations

import pytest

from cxlib.errors import ConfigError
from cxlib.model.criterion import LoadPoint, Metric
from cxlib.model.grammar import parse, parse_gate


def test_whole_line_is_read() -> None:
    """Every part of the grammar lands in its field."""
    c = parse("key: p99.9 of GET /a b/{id} <= 1.5 s at 8 users")
    assert (c.metric, c.percentile, c.endpoint, c.op) == (Metric.PERCENTILE, 99.9, "GET /a b/{id}", "<=")
    assert (c.limit, c.unit, c.limit_seconds, c.level) == (1.5, "s", 1.5, LoadPoint(8, "users"))
    assert c.key
    assert c.blocking


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ("fail of POST /predict < 1 %", Metric.FAIL),
        ("fail of POST /predict <1%", Metric.FAIL),
        ("rc5?? of POST /predict < 0.5 %", Metric.STATUS),
        ("count of POST /predict >= 500 at 1 user", Metric.COUNT),
        ("avg of POST /predict < 30 ms", Metric.AVG),
        ("max of POST /predict < 1 s", Metric.MAX),
        ("rps of POST /predict >= 50 rps", Metric.RPS),
        ("late of POST /predict < 0.5 % at 50 rps", Metric.LATE),
    ],
)
def test_each_metric_is_read(line: str, metric: Metric) -> None:
    """All the metrics of the design."""
    assert parse(line).metric is metric


def test_watched_criterion_does_not_block() -> None:
    """`watch:` is shown and never blocks."""
    assert not parse("watch: fail of POST /predict < 1 %").blocking


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("p95 of POST /predict < 30", 26, "the unit is missing"),
        ("p95 of POST /predict < 30 %", 27, "does not fit"),
        ("fail of POST /predict < 1 ms", 27, "does not fit"),
        ("count of POST /predict > 3 ms", 28, "does not fit"),
        ("p95 of POST /predict 30 ms", 27, "comparison is missing"),
        ("p95 of POST /predict < ms", 24, "limit is missing"),
        ("p95 of POST /predict < 0 ms", 24, "always or never met"),
        ("fail of POST /predict <= 100 %", 26, "always or never met"),
        ("median of POST /predict < 3 ms", 1, "unknown metric"),
        ("p100 of POST /predict < 3 ms", 1, "no percentile"),
        ("p95 < 30 ms", 5, "endpoint"),
        ("hey: p95 of POST /predict < 3 ms", 1, "unknown prefix"),
        ("p95 of POST /predict < 3 ms at 8 goats", 34, "unknown load level"),
        ("p95 of POST /predict < 3 ms at 0 users", 34, "whole number"),
        ("p95 of POST /predict < 3 ms and more", 29, "too much"),
        ("", 1, "empty line"),
        ("rps of X > 3", 13, "unit is missing"),
        ("rps of X > 3 ms", 14, "does not fit"),
        ("rc5 of X < 1 %", 1, "no HTTP status"),
        ("late of X < 1 % at 5 users", 22, "users are never late"),
        ("p95 of X < 3 ms at 0 rps", 22, "above 0"),
        ("p95 of X < 3 ms at 99999999999 users", 32, "whole number"),
        ("p95 of X < 99999999999 ms", 12, "too large"),
        ("p95 of < 30 ms", 8, "name is missing"),
        ("p95 of X vs basline by 10 %", 13, "'baseline' is missing"),
        ("p95 of X vs baseline 10 %", 22, "'by' is missing"),
        ("p95 of X vs baseline by %", 25, "tolerance is missing"),
        ("p95 of X vs baseline by 10", 27, "unit is missing"),
        ("p95 of X vs baseline by 0 %", 25, "no room for chance"),
        ("rps of X vs baseline by 100 %", 25, "may be nothing"),
        ("count of X vs baseline by 10 %", 12, "how long was measured"),
    ],
)
def test_error_points_at_the_column(line: str, column: int, says: str) -> None:
    """A person mends a line faster when told where and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        parse(line)
    assert f"column {column}:" in str(caught.value)
    assert says in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("line", "op", "limit"),
    [("p95 of X vs baseline by 10 %", "<=", 10.0), ("rps of X vs baseline by 10 % at 8 users", ">=", -10.0)],
)
def test_worse_than_the_baseline_is_more_latency_and_less_rate(line: str, op: str, limit: float) -> None:
    """A candidate that serves more requests a second is not 10 % worse."""
    c = parse(line)
    assert (c.relative, c.op, c.limit, c.unit) == (True, op, limit, "%")


@pytest.mark.parametrize(("line", "is_open"), [("at 8 users", False), ("at 12.5 rps", True)])
def test_load_level_is_users_or_arrivals(line: str, is_open: bool) -> None:
    """Samples carry both columns, one of them 0."""
    level = parse(f"avg of X < 3 ms {line}").level
    assert level is not None
    assert (level.users, level.rate) == ((0, 12.5) if is_open else (8, 0.0))


def test_gate_without_criteria_is_refused() -> None:
    """An empty gate proves nothing."""
    with pytest.raises(ConfigError, match="proves nothing"):
        parse_gate("empty", [])
