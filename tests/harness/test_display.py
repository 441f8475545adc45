"""What a person sees while a run goes on."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess

import pytest

from cxlib.harness.display import Display
from tests.harness.checkout import Project


class Clock:
    """Time that passes only when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_plain_lines_come_every_30_seconds_even_when_nothing_reports(clock: Clock) -> None:
    """A CI log without a line for minutes looks like a hang, and some CI systems end it."""
    out = io.StringIO()
    display = Display(out, live=False, clock=clock)
    display.began("cluster")
    display.state("nodes Ready", "2 of 3")
    for clock.now in range(0, 100):
        display.refresh()
    assert out.getvalue().splitlines() == [
        "    [cluster] …",
        "      … [cluster] waiting for nodes Ready: 2 of 3 · 30s",
        "      … [cluster] · 1m00s",
        "      … [cluster] · 1m30s",
    ]


def test_status_line_names_stage_state_and_elapsed(clock: Clock) -> None:
    """One line answers: what is it doing, and is it stuck?"""
    display = Display(io.StringIO(), live=True, clock=clock)
    display.doing("Nodes answer ▸ Given the site")
    display.began("site")
    clock.now = 71
    display.state("node2", "booting")
    assert display.status() == "[site] waiting for node2: booting · 1m11s"
    clock.now = 100
    assert display.status() == "[site] · 1m40s"  # an old state says nothing of now
    display.ended("site", 100, "done")
    assert display.status() == "Nodes answer ▸ Given the site · 1m40s"
    display.doing(None)
    assert display.status() == ""


def test_inner_stage_is_shown_and_the_outer_one_after_it(clock: Clock) -> None:
    """Stages may hold stages, also in threads that end in any order."""
    display = Display(io.StringIO(), live=True, clock=clock)
    display.began("platform")
    display.began("minio")
    display.began("mlflow")
    display.ended("minio", 1, "done")
    assert display.status().startswith("[mlflow]")
    display.ended("mlflow", 1, "done")
    assert display.status().startswith("[platform]")


def test_lines_stand_above_the_status_line(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a result is overwritten, and the status is drawn again below it."""
    monkeypatch.setenv("COLUMNS", "40")
    out = io.StringIO()
    display = Display(out, live=True, clock=clock)
    display.doing("x" * 100)
    display.refresh()
    display.line("  ✓ done")
    last = out.getvalue().split("\r\x1b[2K")
    assert len(last[1]) == 39  # it never wraps
    assert last[2].startswith("  ✓ done\n")
    assert last[2].endswith(last[1])


def test_end_of_a_stage_is_told(clock: Clock) -> None:
    """The closing summary's times come from here."""
    told: list[tuple[str, float, str]] = []
    display = Display(io.StringIO(), live=False, clock=clock, on_stage=lambda *args: told.append(args))
    display.began("site")
    display.ended("site", 12.0, "failed")
    assert told == [("site", 12.0, "failed")]


def test_secrets_are_not_shown(clock: Clock) -> None:
    """A stage's note may hold what a tool printed."""
    out = io.StringIO()
    Display(out, live=False, clock=clock).note("MINIO_ROOT_PASSWORD=abc123xyz")
    assert out.getvalue().strip() == "MINIO_ROOT_PASSWORD=[redacted]"


def test_status_line_is_drawn_on_a_real_terminal(project: Project) -> None:
    """pytest captures the step's own output; the status must come through all the same."""
    project.write("features/01_a.feature", "Feature: A\n  Scenario: It waits\n    Given a wait\n")
    project.write(
        "steps/a.py",
        """
        import threading
        from pytest_bdd import given
        from cxlib import progress

        @given("a wait")
        def _(environment):
            print("noise")
            with progress.stage("site"):
                progress.state("node2", "booting")
                threading.Event().wait(2.5)
        """,
    )
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        project.argv("features"), cwd=project.root, env=project.environment(), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    text = read_all(ours)
    assert child.wait(30) == 0, text
    assert re.search(r"\[site\] waiting for node2: booting · [123]s", text), text
    assert "✓ It waits" in text
    assert "noise" not in text


def read_all(descriptor: int) -> str:
    """What a terminal's other end gets until it closes, 30 s at most between two pieces."""
    pieces = []
    while select.select([descriptor], [], [], 30)[0]:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # the way Linux says that the other end is closed
            break
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces).decode(errors="replace")
