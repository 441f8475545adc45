"""One run of a small project with everything in it: what passes, what fails, what is left over."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from cxlib.clients.process import Completed
from tests.harness.checkout import Project, make

FEATURE_1 = """
Feature: The site
  Background:
    Given a site

  Scenario: Three nodes answer
    Then 3 nodes answer

  Scenario: The plan is <empty> & odd
    Then the plan is empty
    And 3 nodes answer

  Scenario Outline: With <n> nodes
    Then <n> nodes answer
    Examples:
      | n |
      | 3 |
      | 4 |
"""
FEATURE_2 = """
Feature: Later
  @staging
  Scenario: In staging
    Given a site
  @canary
  Scenario: In canary
    Given a site
  @nightly
  Scenario: At night
    Given a site
  @teardown
  Scenario: At the end
    Given a site
"""
STEPS = """
from pytest_bdd import given, parsers, then
from cxlib import progress
from cxlib.errors import StageFailed
from cxlib.harness import diagnostics, redact, summary

def events(folder):
    (folder / "events.txt").write_text("password: hunter22\\nseen s3cr3tvalue\\n")

def broken(folder):
    raise OSError("no route to node2")

diagnostics.register("events", events)
diagnostics.register("journal", broken)
redact.add("s3cr3tvalue")

@given("a site", target_fixture="nodes")
def _(environment, run_folder):
    with progress.stage("site"):
        progress.note("made with s3cr3tvalue")
    summary.record("model version", 7)
    (run_folder / "load.html").write_text("load")
    summary.link("Load report", run_folder / "load.html")
    return 3

@then(parsers.parse("{count:d} nodes answer"))
def _(count, nodes):
    assert count == nodes

@then("the plan is empty")
def _():
    raise StageFailed("terraform", wanted="no changes", seen="2 to add, s3cr3tvalue")
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project above; file names are out of alphabetical order on purpose."""
    project = make(tmp_path_factory.mktemp("small"))
    project.write("features/02_later.feature", FEATURE_2)
    project.write("features/01_site.feature", FEATURE_1)
    project.write("steps/site.py", STEPS)
    return project


@pytest.fixture(scope="module")
def ran(small: Project) -> Completed:
    """Its run for staging."""
    return small.run("features/")


@pytest.fixture(scope="module")
def folder(small: Project, ran: Completed) -> Path:
    """That run's folder."""
    return small.latest.resolve()


def test_run_with_a_failure_exits_1(ran: Completed) -> None:
    """CI must see it."""
    assert ran.code == 1, ran.stdout


def test_features_run_in_the_order_of_their_files(ran: Completed) -> None:
    """The pipeline's stages are numbered, and the later stand on the earlier."""
    assert ran.stdout.index("01 The site") < ran.stdout.index("02 Later")


def test_each_scenario_is_a_line_with_its_result(ran: Completed) -> None:
    """A person follows the run without reading pytest's dots."""
    assert "✓ Three nodes answer" in ran.stdout
    assert "✗ With 4 nodes" in ran.stdout
    assert "✓ In staging" in ran.stdout


def test_staging_leaves_later_environments_and_asked_for_scenarios_out(ran: Completed) -> None:
    """`--env` is how far the run goes; nightly and teardown run only when asked for."""
    for left_out in ("In canary", "At night", "At the end"):
        assert left_out not in ran.stdout


def test_cause_is_shown_without_traceback_and_with_its_step(ran: Completed, folder: Path) -> None:
    """Our own errors say what is wrong; Python frames would only hide it."""
    block = ran.stdout.partition("= FAILURES =")[2].partition("With 4 nodes")[0]
    assert "01_site.feature:9: Then the plan is empty" in block
    assert "terraform: wanted no changes, saw 2 to add" in block
    assert "raise StageFailed" not in block
    assert "raise StageFailed" in next((folder / "tracebacks").glob("*plan*")).read_text()


def test_summary_says_what_was_proven_what_failed_and_what_to_do(ran: Completed) -> None:
    """It is what most people read of a run."""
    end = ran.stdout.partition("staging on local")[2]
    for expected in (
        "NOT GREEN",
        "2 scenarios failed",
        "model version",
        "Load report",
        "diagnostics: .cx/runs",
    ):
        assert expected in end
    assert "this one again: pytest features/01_site.feature::the_plan_is_empty_odd --env=staging" in end


def test_no_secret_is_shown_or_written(ran: Completed, folder: Path) -> None:
    """Neither values known to be secret nor what looks like one reaches the screen or the run's folder."""
    texts = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert any("[redacted]" in text for text in texts)
    for text in (*texts, ran.stdout, ran.stderr):
        assert "s3cr3tvalue" not in text
        assert "hunter22" not in text


def test_diagnostics_are_collected_and_a_broken_collector_is_written_down(folder: Path) -> None:
    """One collector's failure must hide neither the others' findings nor the scenario's own failure."""
    found = folder / "diagnostics" / "01_site_the_plan_is_empty_odd"
    assert (found / "events" / "events.txt").read_text().startswith("password: [redacted]")
    assert "no route to node2" in (found / "journal" / "collector-failed.txt").read_text()


def test_junit_holds_the_steps(folder: Path) -> None:
    """CI shows a failed scenario by its steps."""
    root = ET.parse(folder / "junit.xml").getroot()
    case = next(c for c in root.iter("testcase") if c.get("name") == "the_plan_is_empty_odd")
    steps = [p.get("value", "") for p in case.iter("property") if p.get("name", "").startswith("step")]
    assert [step.split(" | ")[1] for step in steps] == ["passed", "failed", "not run"]
    assert steps[1].startswith("Then the plan is empty")
    assert root.find("testsuite").attrib["failures"] == "2"  # type: ignore[union-attr]


def test_html_report_is_one_small_file_with_everything_escaped(folder: Path) -> None:
    """It is mailed and opened offline, and names come from users."""
    text = (folder / "report.html").read_text()
    assert len(text) < 1_000_000
    assert "The plan is &lt;empty&gt; &amp; odd" in text
    assert "<empty>" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert 'href="load.html"' in text
