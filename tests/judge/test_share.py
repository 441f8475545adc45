"""The exact bounds, against the figures of the design and of the literature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cxlib.judge import share
from cxlib.judge.observed import Observed, Span
from tests.judge.made import observed, samples, together


@pytest.mark.parametrize(("n", "passes", "fails"), [(1000, 4, 16), (5000, 38, 63)])
def test_p99_passes_and_fails_at_the_designed_counts(n: int, passes: int, fails: int) -> None:
    """One more or less would be a wrong verdict on a real model."""
    assert share.most_within(0.01, n) == passes
    assert share.least_above(0.01, n) == fails


@pytest.mark.parametrize(("allowed", "least"), [(0.01, 299), (0.05, 59)])
def test_fewest_samples_that_can_pass(allowed: float, least: int) -> None:
    """One sample fewer cannot pass, whatever the service does."""
    assert share.least_samples(allowed, 0.0) == least
    assert share.most_within(allowed, least) == 0
    assert share.most_within(allowed, least - 1) == -1


def test_bounds_agree_with_the_binomial_distribution() -> None:
    """The bound is where the binomial tail is 5 %, by its definition, computed another way."""
    from scipy.stats import binom

    assert binom.cdf(7, 200, share.upper(7, 200)) == pytest.approx(0.05)
    assert binom.sf(6, 200, share.lower(7, 200)) == pytest.approx(0.05)


def test_bounds_at_the_ends() -> None:
    """None and all of n have closed ends, where the beta distribution is not defined."""
    assert share.lower(0, 50) == 0.0
    assert share.upper(50, 50) == 1.0


def test_no_number_of_samples_settles_a_share_over_the_line() -> None:
    """Asking for more samples of a service that is too slow would be false hope."""
    assert share.least_samples(0.01, 0.01) is None
    assert share.least_samples(0.01, 0.02) is None


def at(times: np.ndarray[Any, Any], seconds: float) -> Observed:
    """Requests at ``times``, steady for ``seconds``."""
    made = samples(len(times), seconds=seconds)
    made.scheduled[:] = times
    return observed(made, seconds)


def test_clustered_hits_are_worth_less_than_spread_ones() -> None:
    """One stall of a second is one piece of evidence, not as many as it hit requests."""
    made = at(np.linspace(0.0, 59.9, 1000), 60.0)
    clustered, even = np.zeros(1000, dtype=bool), np.zeros(1000, dtype=bool)
    clustered[:30] = True
    even[::33] = True
    assert share.design_effect(clustered, made) > 10
    assert share.design_effect(even, made) == 1.0


def test_design_effect_of_independent_hits_is_about_one() -> None:
    """Independent requests must not be punished: most runs of them keep their full weight."""
    rng = np.random.default_rng(1)
    made = at(np.linspace(0.0, 119.9, 2000), 120.0)
    effects = [share.design_effect(rng.random(2000) < 0.05, made) for _ in range(200)]
    assert float(np.mean(np.array(effects) == 1.0)) > 0.75
    assert float(np.mean(effects)) < 1.25


def test_one_block_cannot_show_dependence() -> None:
    """Under 3 s there is nothing to compare; dividing by zero blocks would crash."""
    hits = np.array([True, False, False, False])
    assert share.design_effect(hits, at(np.array([0.0, 0.5, 1.0, 1.5]), 2.0)) == 1.0


def test_levels_that_differ_are_no_dependence() -> None:
    """Every tenth request of 8 users is slow and none of 1 user: that is the load, and no burst."""
    made = together(samples(600, users=1, seconds=30), samples(600, start=30, seconds=30))
    spans = (Span((1, 0.0), 0.0, 30.0), Span((8, 0.0), 30.0, 60.0))
    hits = np.zeros(1200, dtype=bool)
    hits[600::10] = True
    assert share.design_effect(hits, Observed(made, spans, (np.arange(1200) >= 600).astype(np.intp))) == 1.0
