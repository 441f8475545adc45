"""Nights that follow each other: what the closing summary, the report and the file for machines say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cxlib.judge import agreement
from cxlib.settings import CHECKOUT
from tests.harness.checkout import Project, make

FEATURE = """
@nightly
Feature: Night

  Scenario: Nothing drifted
    Then "drift" is as it was

  Scenario: Disks have room
    Then "disks" is as it was
"""
STEPS = """
from pathlib import Path
from pytest_bdd import parsers, then
from cxlib.errors import StageFailed

@then(parsers.parse('"{what}" is as it was'))
def _(what):
    if Path(what).exists():
        raise StageFailed(what, wanted="nothing changed", seen=Path(what).read_text())
"""


@pytest.fixture
def night(tmp_path: Path) -> Project:
    """A checkout with two checks; a file of its name makes one red."""
    project = make(tmp_path)
    project.write("features/90_nightly.feature", FEATURE)
    project.write("steps/night.py", STEPS)
    return project


def summary(project: Project, *args: str) -> list[str]:
    """The lines of the closing summary's part about nights, after one run."""
    out = project.run("features/", "-m", "nightly", *args).stdout
    part = out.partition("\nNights\n")[2].partition("\nWhere\n")[0]
    return [" ".join(line.split()) for line in part.splitlines()]


def test_what_is_new_still_red_and_mended_is_told_night_by_night(night: Project) -> None:
    """The reader of the morning has one question: is that new?"""
    assert summary(night) == ["2 more green"]
    (night.root / "drift").write_text("2 to change")
    assert summary(night) == ["Nothing drifted ✓✗ new since last night", "1 more green"]
    assert summary(night)[0].startswith("Nothing drifted ✓✗✗ red for 2 nights, since 20")
    (night.root / "drift").unlink()
    assert summary(night)[0] == "Nothing drifted ✓✗✗✓ mended, flipped 2 times in 4 nights"


def test_machines_and_the_report_are_told_the_same(night: Project) -> None:
    """A dashboard must not parse the screen."""
    (night.root / "drift").write_text("2 to <change>")
    summary(night)
    told = json.loads((night.latest / "nightly.json").read_text())
    first = told["history"][0]
    assert (first["check"], first["red"], first["change"], first["nights"]) == (
        "Nothing drifted",
        True,
        "first seen",
        1,
    )
    assert told["night"]["checks"]["Disks have room"] == ""
    assert "red, first night" in (night.latest / "report.html").read_text()
    assert "2 to &lt;change&gt;" in (night.latest / "report.html").read_text()
    assert json.loads((night.latest / "record.json").read_text())["history"][0]["check"] == "Nothing drifted"


def test_history_is_kept_in_the_sites_state_and_survives_a_line_cut_off(night: Project) -> None:
    """A crash in the middle of the night costs one night's line, not all of them."""
    kept = night.root / "state/local/nightly/history.jsonl"
    summary(night)
    with kept.open("a") as out:
        out.write('{"schema": 1, "at": "2026-')
    (night.root / "disks").write_text("full")
    assert summary(night)[0] == "Disks have room ✓✗ new since last night"
    assert len(kept.read_text().splitlines()) == 3


def test_part_of_a_night_says_nothing_of_the_rest(night: Project) -> None:
    """`-k` looks at one thing; the others are neither mended nor broken by it."""
    (night.root / "drift").write_text("2 to change")
    summary(night)
    assert summary(night, "-k", "disks") == ["1 more green"]
    assert summary(night)[0].startswith("Nothing drifted ✗✗ red for 2 nights")


def test_run_that_is_no_night_leaves_the_history_alone(night: Project) -> None:
    """Else a developer's run would count as a night."""
    night.write("features/01_day.feature", 'Feature: Day\n  Scenario: D\n    Then "drift" is as it was\n')
    out = night.run("features/01_day.feature").stdout
    assert "Nights" not in out
    assert not (night.root / "state/local/nightly").exists()


def test_next_command_after_a_red_night_mends_it(night: Project) -> None:
    """The night itself mends nothing; the command that does is said."""
    (night.root / "drift").write_text("2 to change")
    out = night.run("features/", "-m", "nightly").stdout
    after = out.partition("\nNext\n")[2]
    for expected in (
        "cx status",
        "mend it: pytest features/ --env=staging",
        "pytest features/ -m nightly --env=staging",
    ):
        assert expected in after


def test_real_nightly_on_a_machine_without_a_site_is_red_with_one_cause(tmp_path: Path) -> None:
    """All checks fail for the same reason, which is told once, with the command that brings a site."""
    project = make(tmp_path)
    for path in ("features/90_nightly.feature", "steps/nightly.py"):
        project.write(path, (CHECKOUT / path).read_text())
    done = project.run("features/", "-m", "nightly")
    assert done.code == 1
    failed = done.stdout.partition("\nFailed\n")[2].partition("\nNights\n")[0]
    assert "wanted a site to look at, saw nothing" in failed
    assert "Bring it up: pytest features/" in failed
    assert "16 scenarios more of the same cause" in failed
    assert not (tmp_path / "state/local/terraform").exists()
    assert not (tmp_path / "state/local/id_ed25519").exists()


def test_the_night_asks_about_every_part_that_can_disagree() -> None:
    """What `cx status` shows in red and no night asks for is found by nobody."""
    asked = re.findall(r"^ +\| (\S.*?) +\|$", (CHECKOUT / "features/90_nightly.feature").read_text(), re.M)
    named = re.findall(r'Disagreement\(one\.name, "(.+?)"', Path(agreement.__file__).read_text())
    assert {*named, "Application", "serves", "pods"} <= set(asked)
