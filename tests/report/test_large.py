"""Runs of very much, or of very long names: a page that a browser opens, in a moment."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from cxlib.judge.gate import judge
from cxlib.model.grammar import parse_gate
from cxlib.model.run import Run
from cxlib.model.sample import Samples
from cxlib.report import compare, load
from tests.judge.made import run, samples

MOST_BYTES = 2_000_000
P95 = "p95 of POST /predict < 30 ms"


def page(made: tuple[Run, Samples], *lines: str) -> str:
    return load.render(*made, judge(*made, parse_gate("g", lines)))


def many_levels(count: int) -> tuple[Run, Samples]:
    """20 s of each number of users from 1 to ``count``."""
    levels: list[dict[str, Any]] = [
        {"users": i + 1, "rate": 0, "start": 20.0 * i, "end": 20.0 * (i + 1)} for i in range(count)
    ]
    made = samples(60 * count, seconds=20.0 * count)
    made.users[:] = np.repeat(np.arange(1, count + 1), 60)
    return run(levels=levels, planned_seconds=20.0 * count, actual_seconds=20.0 * count), made


def test_a_thousand_load_levels_fit_a_page() -> None:
    """Each as a line of its own made 3.4 MB, in which nobody could tell two of them apart."""
    text = page(many_levels(1000), P95, *(f"{P95} at {users} users" for users in range(1, 400)))
    assert len(text.encode()) < MOST_BYTES
    assert "20 of 1000 load levels are drawn." in text
    assert "100 more criteria are in verdict.json." in text


@pytest.mark.parametrize("count", [1, 20, 60])
def test_a_few_load_levels_are_all_drawn(count: int) -> None:
    """The first and the last among them, however many."""
    text = page(many_levels(count), P95)
    assert ("load levels are drawn" in text) == (count > load.MOST_LOADS)
    assert f"{count} users" in text


@pytest.mark.parametrize("where", ["name", "profile", "error", "gate"])
def test_a_text_of_a_megabyte_is_cut(where: str) -> None:
    """It comes from outside, and nobody reads it to its end."""
    long = "x" * 1_000_000
    made = samples(1000, failed=1, name=long if where == "name" else "POST /predict")
    if where == "error":
        made.error[made.failed] = long
    told = run(profile=long) if where == "profile" else run()
    line = P95.replace("POST /predict", long) if where == "name" else P95
    gate = parse_gate(long if where == "gate" else "g", [line])
    text = load.render(told, made, judge(told, made, gate))
    assert len(text.encode()) < 200_000


def test_thirty_thousand_endpoints_are_compared_in_a_moment() -> None:
    """The names were gathered anew for each of them, which took hours."""
    made = samples(31_000)
    made.name[1000:] = [f"GET /{i}" for i in range(30_000)]
    side = compare.Side("a", run(), made)
    begun = time.process_time()
    assert len(compare.render(side, side).encode()) < MOST_BYTES
    assert time.process_time() - begun < 20
