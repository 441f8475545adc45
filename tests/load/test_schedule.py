"""When arrivals are due."""

from __future__ import annotations

import numpy as np
import pytest

from cxlib.load.schedule import arrivals, share


def test_constant_arrivals_are_evenly_spaced() -> None:
    """From the first moment on, none at the level's very end."""
    times = arrivals(10, 2, "constant", "1")
    assert list(times) == pytest.approx([n / 10 for n in range(20)])
    assert len(arrivals(0.3, 10, "constant", "1")) == 3


def test_poisson_arrivals_have_exponential_gaps() -> None:
    """Mean and spread of an exponential are the same, and its median is ln 2 of the mean."""
    times = np.asarray(arrivals(100, 500, "poisson", "1"))
    gaps = np.diff(times)
    assert len(times) == pytest.approx(50_000, abs=4 * 50_000**0.5)
    assert gaps.mean() == pytest.approx(0.01, rel=0.02)
    assert gaps.std() == pytest.approx(0.01, rel=0.03)
    assert np.median(gaps) == pytest.approx(0.01 * np.log(2), rel=0.03)
    assert times[0] > 0
    assert times[-1] < 500


def test_poisson_counts_vary_by_their_root() -> None:
    """Fixed counts would hide how a service takes a crowd (variance of a Poisson count is its mean)."""
    counts = np.bincount(np.asarray(arrivals(20, 2000, "poisson", "1")).astype(int), minlength=2000)
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.12)


def test_same_seed_is_the_same_load() -> None:
    """A run can be repeated; another level, or an extension, is not a copy of the first."""
    assert arrivals(50, 5, "poisson", "1/0") == arrivals(50, 5, "poisson", "1/0")
    assert arrivals(50, 5, "poisson", "1/0") != arrivals(50, 5, "poisson", "1/1")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_together_send_each_arrival_once(workers: int) -> None:
    """The load doesn't depend on who sends it."""
    times = arrivals(50, 5, "poisson", "7")
    shares = [share(times, index, workers) for index in range(workers)]
    assert sorted(t for own in shares for t in own) == list(times)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
