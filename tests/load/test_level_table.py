"""Load levels as tables and programs write them."""

from __future__ import annotations

import json

import pytest

from cxlib.clients import locust
from cxlib.errors import ConfigError
from cxlib.model.load import LoadLevel, levels


def test_users_are_the_closed_model() -> None:
    """Cells are as people type them."""
    assert levels([["users", " seconds "], ["1", "30"], [" 8", "0.5"]]) == [
        LoadLevel(1, 30),
        LoadLevel(8, 0.5),
    ]


def test_rates_are_the_open_model() -> None:
    """The columns may come in any order, and arrivals are Poisson unless told."""
    assert levels([["rps", "seconds"], ["12.5", "30"]]) == [LoadLevel(0, 30, 12.5, "poisson")]
    assert levels([["arrivals", "seconds", "rps"], ["constant", "30", "5"]]) == [
        LoadLevel(0, 30, 5, "constant")
    ]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ([], "columns are missing"),
        ([["users", "seconds"]], "there is none"),
        ([["users", "rps", "seconds"], ["1", "1", "1"]], "the columns are users | rps"),
        ([["users"], ["1"]], "the columns are users"),
        ([["users", "users", "seconds"], ["1", "1", "1"]], "the columns are users | users"),
        ([["users", "seconds", "arrivals"], ["1", "1", "poisson"]], "the columns are users"),
        ([["users", "seconds"], ["1.5", "30"]], "row 1: 1.5 users"),
        ([["users", "seconds"], ["1", "30"], ["many", "30"]], "row 2, column users: 'many' is no number"),
        ([["users", "seconds"], ["1", "nan"]], "column seconds"),
        ([["users", "seconds"], ["-1", "30"]], "less than nothing"),
        ([["users", "seconds"], ["0", "30"]], "either users or an arrival rate"),
        ([["users", "seconds"], ["1", "0"]], "Give it time"),
        ([["rps", "seconds"], ["inf", "30"]], "column rps"),
        ([["rps", "seconds", "arrivals"], ["5", "30", "bursts"]], "poisson, constant"),
    ],
)
def test_wrong_table_is_told_with_its_place(table: list[list[str]], says: str) -> None:
    """It costs no load, and the message is enough to mend it."""
    with pytest.raises(ConfigError) as caught:
        levels(table)
    assert says in str(caught.value)


def test_users_and_rates_do_not_mix_in_one_run() -> None:
    """Users of the one model would load the service during the levels of the other."""
    with pytest.raises(ConfigError, match="two gates"):
        locust.check([LoadLevel(1, 1), LoadLevel(0, 1, 5)])


def test_more_workers_than_users_are_refused() -> None:
    """A worker without users would prove that nothing fails when nothing is sent."""
    errand = locust.Errand(locust.CHECKOUT, "http://127.0.0.1:1", (LoadLevel(2, 1),), "1", locust.CHECKOUT)
    with pytest.raises(ConfigError, match="too few for 3 workers"):
        locust.require_work(errand, 3)


@pytest.mark.parametrize(("users", "workers"), [(8, 1), (8, 3), (2, 2), (101, 7)])
def test_users_are_shared_out_to_the_last(users: int, workers: int) -> None:
    """A level of 8 users on 3 workers is 8 users."""
    errand = locust.Errand(
        locust.CHECKOUT, "http://127.0.0.1:1", (LoadLevel(users, 1),), "1", locust.CHECKOUT
    )
    shares = [json.loads(errand.order(i, workers, 1.0, None))["levels"][0][0] for i in range(workers)]
    assert sum(shares) == users
    assert max(shares) - min(shares) <= 1
