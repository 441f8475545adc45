"""The one wait, with a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from cxlib.errors import Unrecoverable, WaitTimedOut
from cxlib.wait import Budget, Look, wait_until


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_value_is_returned_as_soon_as_it_is_there() -> None:
    """Nobody waits for the rest of a budget."""
    looks: Iterator[Look[int]] = iter((Look("none"), Look("none"), Look.found(7)))
    clock = Clock()
    value = wait_until(
        "x", lambda: next(looks), wanted="7", within=60, every=2, clock=clock, sleep=clock.sleep
    )
    assert value == 7
    assert clock.slept == [2, 2]


def test_probe_looks_once_more_when_the_time_is_up() -> None:
    """A thing that came true during the last sleep is true."""
    clock = Clock()
    value = wait_until(
        "x",
        lambda: Look("…", value="late", done=clock.now >= 105),
        wanted="it",
        within=5,
        every=3,
        clock=clock,
        sleep=clock.sleep,
    )
    assert value == "late"
    assert clock.slept == [3, 2]


def test_timeout_says_what_was_seen_last() -> None:
    """That is where a person begins to look."""
    clock = Clock()
    states = iter(["Pending", "Pending", "ContainerCreating", "ContainerCreating"])
    with pytest.raises(WaitTimedOut, match="wanted Running within 3s, saw ContainerCreating after 3s"):
        wait_until(
            "pod", lambda: Look(next(states)), wanted="Running", within=3, clock=clock, sleep=clock.sleep
        )


def test_hopeless_state_ends_the_wait_at_once() -> None:
    """Waiting five minutes for a failed workflow tells nobody more than the first look."""
    clock = Clock()
    with pytest.raises(Unrecoverable, match="saw Failed: exit 1"):
        wait_until(
            "workflow",
            lambda: Look("Failed: exit 1", hopeless=True),
            wanted="Succeeded",
            within=Budget.WORKFLOW,
            clock=clock,
            sleep=clock.sleep,
        )
    assert clock.slept == []


def test_budgets_are_seconds() -> None:
    """They go where a number goes."""
    assert Budget.ANSWER + 1 == 31.0
