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
    ],
)
def test_each_metric_is_read(line: str, metric: Metric) -> None:
    """The metrics that are judged today."""
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
    "line",
    [
        "avg of POST /predict < 3 ms",
        "max of POST /predict < 3 ms",
        "rps of POST /predict > 3 rps",
        "late of POST /predict < 1 %",
        "p95 of POST /predict vs baseline by 10 %",
        "p95 of POST /predict < 3 ms at 50 rps",
    ],
)
def test_what_is_not_judged_yet_is_refused(line: str) -> None:
    """A criterion that is parsed and not judged would pass in silence."""
    with pytest.raises(ConfigError, match="not judged yet"):
        parse(line)


def test_gate_without_criteria_is_refused() -> None:
    """An empty gate proves nothing."""
    with pytest.raises(ConfigError, match="proves nothing"):
        parse_gate("empty", [])
