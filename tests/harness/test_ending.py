"""Ctrl-C and SIGTERM at a real pytest with a real child process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cxlib.wait import Look, wait_until
from tests.harness.checkout import Project

FEATURE = """
Feature: Slow
  Scenario: It takes long
    Given a long thing runs
    Then it is done
"""
# {work} is what the step does while the signal comes.
STEPS = """
import os, threading, time
from pathlib import Path
import pytest
from pytest_bdd import given, then
from cxlib.clients import process
from cxlib.harness import diagnostics
from cxlib.parallel import run_all

diagnostics.register("events", lambda folder: (folder / "events.txt").write_text("seen"))
CHILD = "trap 'echo int >> signals; exit 0' INT; echo $$ > pid.$$; mv pid.$$ pid; while :; do sleep 0.1; done"

@pytest.fixture(scope="session")
def thing(environment):
    yield
    Path("torn-down").touch()

@given("a long thing runs")
def _(thing):
    {work}

@then("it is done")
def _():
    pass
"""
ONE_CHILD = 'process.run(["sh", "-c", CHILD], timeout=60)'
IN_THREADS = 'run_all([lambda: process.run(["sh", "-c", CHILD], timeout=60), lambda: time.sleep(1)])'
# What a library's `with lock:` leaves behind when the interrupt comes before its first line; asked for again
# at Python's end, as urllib3's pools of connections are.
LOST_LOCK = """import atexit; lock = threading.Lock(); lock.acquire(); atexit.register(lock.acquire)
    Path("pid").write_text(str(os.getpid())); time.sleep(40)"""
STUCK_THREAD = 'Path("pid").write_text(str(os.getpid())); run_all([lambda: time.sleep(40)])'


def start(project: Project, work: str) -> subprocess.Popen[str]:
    """The project's run, with the step's child already running."""
    project.write("features/01_slow.feature", FEATURE)
    project.write("steps/slow.py", STEPS.replace("{work}", work))
    child = subprocess.Popen(
        project.argv("features"),
        cwd=project.root,
        env=project.environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    pid = project.root / "pid"
    wait_until("step", lambda: Look("…", done=pid.exists()), wanted="running", within=30, every=0.05)
    return child


def end(child: subprocess.Popen[str], *numbers: signal.Signals) -> tuple[str, float]:
    """What the run said, and how long it took to end after ``numbers`` were sent."""
    began = time.monotonic()
    for number in numbers:
        os.kill(child.pid, number)
        time.sleep(0.2)
    out, _ = child.communicate(timeout=30)
    return out, time.monotonic() - began


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("numbers", "work"),
    [
        ((signal.SIGINT,), ONE_CHILD),
        ((signal.SIGTERM, signal.SIGTERM, signal.SIGINT), ONE_CHILD),
        ((signal.SIGTERM,), IN_THREADS),
    ],
    ids=["ctrl-c", "sigterm-and-more", "in-threads"],
)
def test_signal_ends_the_run_with_its_reports(
    project: Project, numbers: tuple[signal.Signals, ...], work: str
) -> None:
    """A person who stops a run gets the prompt back, and finds out what it did; nothing runs on."""
    child = start(project, work)
    out, seconds = end(child, *numbers)
    assert child.returncode == 2, out
    assert seconds < 10
    assert not alive(int((project.root / "pid").read_text()))
    assert (project.root / "signals").read_text() == "int\n"  # exactly one reached the child
    assert (project.root / "torn-down").exists()
    assert "INTERRUPTED  1 interrupted" in out
    assert "go on where it stopped: pytest features/ --env=staging" in out
    junit = (project.latest / "junit.xml").read_text()
    assert re.search(r"interrupted after \S+ at: Given a long thing runs", junit)
    assert "interrupted" in (project.latest / "report.html").read_text()
    assert next(project.latest.glob("diagnostics/*/events/events.txt")).read_text() == "seen"


def test_a_lock_that_the_interrupt_left_taken_does_not_hold_the_end(project: Project) -> None:
    """The run was over, and Python waited for ever to close a pool of connections."""
    child = start(project, LOST_LOCK)
    out, seconds = end(child, signal.SIGTERM)
    assert child.returncode == 2, out
    assert seconds < 12
    assert "INTERRUPTED" in out


def test_thread_that_hangs_does_not_hold_the_run(project: Project) -> None:
    """A slow answer in a thread must not make a person wait, nor cost the reports."""
    child = start(project, STUCK_THREAD)
    out, seconds = end(child, signal.SIGTERM)
    assert child.returncode == 2, out
    assert seconds < 12
    assert "INTERRUPTED" in out
    assert (project.latest / "junit.xml").exists()
