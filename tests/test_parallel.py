"""Several things at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from cxlib.clients import process
from cxlib.errors import ProcessFailed, StageFailed
from cxlib.parallel import run_all


def test_results_come_in_the_order_of_the_tasks() -> None:
    """The caller zips them with its nodes."""

    def after(seconds: float) -> float:
        threading.Event().wait(seconds)
        return seconds

    assert run_all([lambda: after(0.2), lambda: after(0.0), lambda: after(0.1)]) == [0.2, 0.0, 0.1]


def test_tasks_run_at_the_same_time() -> None:
    """Three nodes are checked in the time of one: each waits here for the others."""
    barrier = threading.Barrier(3, timeout=5)
    assert sorted(run_all([barrier.wait] * 3)) == [0, 1, 2]


def test_first_error_is_raised_and_ends_the_other_children(tmp_path: Path) -> None:
    """A failed node must not leave two others working for minutes."""

    def fails() -> None:
        threading.Event().wait(0.3)
        raise StageFailed("node2", wanted="up", seen="down")

    def long() -> None:
        with pytest.raises(ProcessFailed):
            process.run(["sh", "-c", "trap 'exit 5' INT; while :; do sleep 0.05; done"], timeout=30)
        (tmp_path / "ended").touch()

    began = time.monotonic()
    with pytest.raises(StageFailed, match="node2"):
        run_all([fails, long])
    assert time.monotonic() - began < 5
    assert (tmp_path / "ended").exists()


def test_an_error_leaves_children_of_others_alone() -> None:
    """A failed look at a node must not end the load generator that runs beside it."""

    def fails() -> None:
        raise StageFailed("node2", wanted="up", seen="down")

    with process.background(["sleep", "30"]) as beside:
        with pytest.raises(StageFailed, match="node2"):
            run_all([fails])
        threading.Event().wait(0.3)
        assert not beside.ended()


def test_an_error_ends_children_of_tasks_within_tasks(tmp_path: Path) -> None:
    """A stage's parts fan out again; their children are the stage's."""

    def fails() -> None:
        threading.Event().wait(0.5)
        raise StageFailed("node2", wanted="up", seen="down")

    def inner() -> None:
        with pytest.raises(ProcessFailed):
            process.run(["sh", "-c", "trap 'exit 5' INT; while :; do sleep 0.05; done"], timeout=30)
        (tmp_path / "ended").touch()

    with pytest.raises(StageFailed, match="node2"):
        run_all([fails, lambda: run_all([inner])])
    assert (tmp_path / "ended").exists()


def test_nothing_to_do_is_done() -> None:
    """A stage without a difference asks for nothing."""
    assert run_all([]) == []
