"""Two tiers of tests: those of every run, and matrices whose further points are more of the same.

A point that is left out of `make test` is marked ``exhaustive``; `make test-exhaustive` runs just those.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Any

import pytest


def sampled(points: Iterable[Any], *, every_run: Collection[Hashable]) -> list[Any]:
    """``points`` of a matrix as parameters; those not in ``every_run`` are left to the exhaustive tier.

    Raises ``ValueError`` for a sample that is no point: nothing may be lost by a misspelling.
    """
    points = list(points)
    if unknown := set(every_run).difference(points):
        raise ValueError(f"no points of the matrix: {sorted(map(str, unknown))}")
    values = [point if isinstance(point, tuple) else (point,) for point in points]
    return [
        pytest.param(*value) if point in every_run else further(*value)
        for point, value in zip(points, values, strict=True)
    ]


def further(*values: Any) -> Any:
    """A point that is left to the exhaustive tier."""
    return pytest.param(*values, marks=pytest.mark.exhaustive)
