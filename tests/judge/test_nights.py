"""What is new, how long it has been red, and how often it flips."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from cxlib.judge.nights import WINDOW, history, told
from cxlib.model.night import History, Night

FIRST = datetime(2026, 11, 1, 3, 23, tzinfo=UTC)


def nights(*checks: dict[str, str]) -> list[Night]:
    return [Night(FIRST + timedelta(days=n), "staging", one) for n, one in enumerate(checks)]


def of(strip: str) -> History:
    """The history of one check that was green (.) or red (x) night after night."""
    (found,) = history(nights(*({"drift": "changed" if mark == "x" else ""} for mark in strip)))
    return found


@pytest.mark.parametrize(
    ("strip", "change", "count", "flips", "says"),
    [
        (".", "", 0, 0, "green"),
        ("x", "first seen", 1, 0, "red, first night"),
        ("..x", "new", 1, 1, "new since last night"),
        (".xxx", "still", 3, 1, "red for 3 nights, since 2026-11-02"),
        ("xx.", "mended", 0, 1, "mended"),
        (".x.x.x", "new", 1, 5, "new since last night, flipped 5 times in 6 nights"),
        ("x..", "", 0, 1, "green"),
    ],
)
def test_history_of_a_check(strip: str, change: str, count: int, flips: int, says: str) -> None:
    """A reader of the morning wants the news first, then what is old, then what can't be trusted."""
    found = of(strip)
    assert (found.change, found.nights, found.flips, told(found)) == (change, count, flips, says)
    assert found.since == (FIRST + timedelta(days=len(strip) - count) if count else None)


def test_flips_are_counted_in_a_window() -> None:
    """A check that was flaky last year has earned its peace."""
    found = of(".x" * 20 + "." * WINDOW)
    assert (found.flips, found.of) == (0, WINDOW)


def test_night_that_did_not_ask_says_nothing() -> None:
    """`-k drift` must neither mend nor break the other checks."""
    known = nights({"a": "bad", "b": ""}, {"b": ""}, {"a": "bad", "b": ""})
    a = next(one for one in history(known) if one.check == "a")
    assert (a.change, a.nights, a.of) == ("still", 2, 2)


def test_only_what_tonight_asked_is_told_red_first() -> None:
    """A check that was renamed must not stay red for ever."""
    known = nights({"gone": "bad", "b": "bad", "c": ""}, {"a": "", "b": "", "c": "bad"})
    assert [one.check for one in history(known)] == ["c", "b", "a"]
    assert history([]) == ()


def test_night_survives_its_line() -> None:
    """What is kept is read next year, too; of another schema nothing is guessed."""
    (night,) = nights({"a": "ä: bad"})
    line = json.loads(json.dumps(night.as_json()))
    assert Night.from_json(line) == night
    with pytest.raises(ValueError, match="schema 2"):
        Night.from_json({**line, "schema": 2})
