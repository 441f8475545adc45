"""Which scenarios a run holds, and which runs are not green."""

from __future__ import annotations

import json

import pytest

from cxlib.harness.tags import belongs
from tests.harness.checkout import Project

STEPS = """
import pytest
from pytest_bdd import given

@given("it works")
def _(environment):
    pass

@given("it is skipped")
def _():
    pytest.skip("not today")

@given("a late helper skips")
def _(request):
    request.applymarker(pytest.mark.xfail(reason="known"))
    raise AssertionError("wrong")

@given("a thing")
@given("the machine")
def _(site):
    pass
"""


@pytest.mark.parametrize(
    ("tags", "environment", "markexpr", "expected"),
    [
        ((), "staging", "", True),
        (("staging",), "staging", "", True),
        (("staging",), "production", "", True),
        (("canary",), "staging", "", False),
        (("canary",), "canary", "", True),
        (("production",), "canary", "", False),
        (("nightly",), "production", "", False),
        (("nightly",), "staging", "nightly", True),
        (("nightly", "canary"), "staging", "nightly", False),
        (("teardown",), "production", "nightly", False),
        (("teardown",), "staging", "teardown or nightly", True),
    ],
)
def test_tags_decide_the_runs(tags: tuple[str, ...], environment: str, markexpr: str, expected: bool) -> None:
    """An environment's tag holds for it and those after it; the others must be asked for by name."""
    assert belongs(frozenset(tags), environment, markexpr) is expected


@pytest.fixture
def chosen(project: Project) -> Project:
    """A feature with a working scenario and two that prove nothing."""
    project.write("steps/all.py", STEPS)
    project.write(
        "features/01_one.feature",
        """
        Feature: One
          Scenario: It works well
            Given it works
          Scenario: It skips
            Given it is skipped
          Scenario: It is known to be wrong
            Given a late helper skips
          @teardown
          Scenario: It needs the machine
            Given the machine
        """,
    )
    return project


def test_skipped_and_xfailed_scenarios_are_not_green(chosen: Project) -> None:
    """pytest leaves with 0 when everything was skipped; a gate must not open on that."""
    done = chosen.run("features", "-k", "skips or known")
    assert done.code == 1, done.stdout
    assert "NOT GREEN (2 of 3 scenarios)  2 skipped" in done.stdout
    assert "because 2 scenarios skipped" in done.stdout
    assert "✓" not in done.stdout


def test_run_of_nothing_is_not_green(chosen: Project) -> None:
    """A misspelt -k must not look like success."""
    done = chosen.run("features", "-k", "no_such_scenario")
    assert done.code == 1
    assert "nothing ran: no scenario was selected" in done.stdout


def test_scenario_runs_alone_by_its_node_id(chosen: Project) -> None:
    """A person runs again just what failed, by the id that the summary printed."""
    done = chosen.run("features/01_one.feature::it_works_well")
    assert done.code == 0, done.stdout
    assert "GREEN (1 of 3 scenarios)  1 passed" in done.stdout
    assert "all of it: pytest features/ --env=staging" in done.stdout


def test_words_of_a_scenario_select_it(chosen: Project) -> None:
    """`-k` knows the scenario's words as well as its slug."""
    for words in ("It and works and well", "it_works_well"):
        assert "1 test collected" in chosen.run("features", "--collect-only", "-k", words).stdout.replace(
            "1/4 tests", "1 test"
        )


def test_last_failed_runs_only_what_failed(chosen: Project) -> None:
    """`--lf` is the quickest way back to a failing stage."""
    chosen.write("pytest.ini", "[pytest]\naddopts = --strict-markers -p no:locust\n")
    # a run to canary needs a scenario that leads there
    chosen.write("features/06.feature", "@canary\nFeature: Six\n\n  Scenario: Canary\n    Given it works\n")
    chosen.write("steps/all.py", STEPS.replace("    pass\n", "    assert environment == 'canary'\n", 1))
    assert chosen.run("features", "-k", "well or skips").code == 1
    again = chosen.run("features", "--lf", "--env=canary")
    assert "GREEN (1 of 4 scenarios)  1 passed" in again.stdout, again.stdout


def test_environment_that_no_scenario_leads_to_is_refused(chosen: Project) -> None:
    """A run to production that proves only staging must not look like one that proved production."""
    done = chosen.run("features", "--env=production")
    assert done.code == 4
    assert "no scenario leads to production yet" in done.stderr


def test_unknown_environment_and_site_are_refused_before_anything_runs(chosen: Project) -> None:
    """A typing error must not cost a run, nor touch the wrong place."""
    environment = chosen.run("features", "--env=prod")
    assert environment.code == 4
    assert "invalid choice: 'prod'" in environment.stderr
    site = chosen.run("features", "--site=moon")
    assert site.code == 4
    assert "there is no site 'moon'. Use one of: " in site.stderr
    assert not (chosen.root / ".cx").exists()


def test_machine_that_lacks_programs_ends_the_run_with_a_table(chosen: Project) -> None:
    """The preflight comes before whatever touches the machine, and says how to get what is missing."""
    chosen.env["PATH"] = "/nowhere"
    done = chosen.run("features", "-m", "teardown")
    assert done.code == 2
    assert "this machine is not ready for the site 'local'" in done.stdout
    assert "apt-get install podman" in done.stdout


PARTS = """
Feature: Parts
  Scenario: First
    Given it works
  Scenario Outline: For <n>
    Given it works
    Examples:
      | n |
      | 1 |
      | 2 |
  @canary
  Scenario: Later
    Given it works
  @nightly
  Scenario: At night
    Given it works
  @nightly
  Scenario: Late at night
    Given it works
"""


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (("features",), "GREEN"),
        (("features", "--env=canary"), "GREEN"),
        (("features", "-m", "nightly"), "GREEN"),
        (("features", "-k", "first"), "GREEN (1 of 3 scenarios)"),
        (("features", "-k", "for", "--env=canary"), "GREEN (2 of 4 scenarios)"),
        (("features/01.feature",), "GREEN (3 of 4 scenarios)"),
        (("features", "--deselect", "features/01.feature::first"), "GREEN (3 of 4 scenarios)"),
        (("features", "-m", "nightly", "-k", "late"), "GREEN (1 of 2 scenarios)"),
        (("features", "-m", "canary", "--env=canary"), "GREEN (1 of 4 scenarios)"),
    ],
)
def test_verdict_says_of_which_part_it_is(project: Project, asked: tuple[str, ...], verdict: str) -> None:
    """Green means that all that belongs to the run passed; a few chosen ones mustn't pass for that."""
    project.write("steps/all.py", STEPS)
    project.write("features/01.feature", PARTS)
    if "GREEN (3 of 4" in verdict:
        project.write("features/02.feature", "Feature: Two\n  Scenario: Other\n    Given it works\n")
    done = project.run(*asked)
    assert done.code == 0, done.stdout
    assert f"\n{verdict}  " in done.stdout
    part = verdict.removeprefix("GREEN").strip(" ()")
    assert json.loads((project.latest / "record.json").read_text())["part"] == part
    assert f'<property name="part" value="{part}"' in (project.latest / "junit.xml").read_text()
    assert f"✓ {verdict}</h1>" in (project.latest / "report.html").read_text()


@pytest.mark.parametrize("asked", [(), ("features",), ("features/01_one.feature::it_works_well",)])
def test_features_are_not_spread_over_processes(chosen: Project, asked: tuple[str, ...]) -> None:
    """They share one site. A worker's refusal would be shown as an internal error, seconds later."""
    done = chosen.run(*asked, "-n", "2")
    assert (done.code, done.stdout) == (4, "")
    assert "leave out -n" in done.stderr
    assert "INTERNALERROR" not in done.stderr


def test_unit_tests_may_be_spread_over_processes(chosen: Project) -> None:
    """That is how `make test` runs them, in a checkout that has features beside them."""
    chosen.write("tests/test_one.py", "def test_one():\n    assert True\n")
    done = chosen.run("tests", "-n", "2")
    assert done.code == 0, done.stdout + done.stderr
