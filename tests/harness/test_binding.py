"""Steps are bound before anything runs; the project's own features are bound whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cxlib.clients import process
from cxlib.harness import written
from cxlib.settings import CHECKOUT
from tests.harness.checkout import Project

STEPS = """
from pathlib import Path
from pytest_bdd import given, parsers, then

@given("a site", target_fixture="nodes")
def _(environment):
    Path("touched").touch()

@then(parsers.parse("{count:d} nodes answer"))
def count_nodes(count, nodes):
    Path("touched").touch()
"""
FEATURE = """
Feature: One
  Scenario: It works
    Given a site
    Then 3 nodes answer
"""


@pytest.fixture
def bound(project: Project) -> Project:
    """A feature whose steps are all there, each once."""
    project.write("steps/site.py", STEPS)
    project.write("features/01_one.feature", FEATURE)
    return project


def test_plan_names_each_steps_function_and_touches_nothing(bound: Project) -> None:
    """A person sees what a run would do, without a fixture being set up."""
    done = bound.run("features", "--plan")
    assert done.code == 0, done.stdout
    assert "Then 3 nodes answer  steps/site.py:8" in done.stdout
    assert "1 scenarios would run. Nothing was touched." in done.stdout
    assert not (bound.root / "touched").exists()
    assert not (bound.root / ".cx").exists()


@pytest.mark.parametrize(
    ("steps", "feature", "expected"),
    [
        ("", "    And 3 nodes sleep\n", "01_one.feature:5: And 3 nodes sleep\n    no step function matches"),
        ('\n@then("3 nodes answer")\ndef _(): pass\n', "", "ambiguous: steps/site.py:12 and steps/site.py:8"),
        ('\n@then("it is unused")\ndef _(): pass\n', "", "steps/site.py:12\n    no scenario uses it"),
    ],
    ids=["undefined", "ambiguous", "unused"],
)
def test_plan_fails_on_steps_that_do_not_fit(bound: Project, steps: str, feature: str, expected: str) -> None:
    """pytest-bdd finds an undefined step only by running it, and an ambiguous one never."""
    bound.write("steps/site.py", STEPS + steps)
    bound.write("features/01_one.feature", FEATURE + feature)
    done = bound.run("features", "--plan")
    assert done.code == 1
    assert expected in done.stdout


def test_plan_of_nothing_fails_as_a_run_of_nothing_does(bound: Project) -> None:
    """A misspelt -k is what one looks for with --plan."""
    done = bound.run("features", "--plan", "-k", "no_such_scenario")
    assert done.code == 1
    assert "nothing would run: no scenario was selected" in done.stdout


def test_run_with_an_undefined_step_touches_nothing(bound: Project) -> None:
    """Minutes into a run is too late to hear of a typing error in its last scenario."""
    bound.write("features/02_two.feature", "Feature: Two\n  Scenario: It breaks\n    Given a syte\n")
    done = bound.run("features")
    assert done.code == 4
    assert "02_two.feature:3: Given a syte" in done.stderr
    assert not (bound.root / "touched").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@stageing\n  Scenario: Odd\n    Given a site\n", "02_two.feature:3: unknown tag @stageing"),
        ("@skip\n  Scenario: Odd\n    Given a site\n", "02_two.feature:3: unknown tag @skip"),
        (
            "Scenario: A b\n    Given a site\n  Scenario: A  B\n    Given a site\n",
            "two scenarios are called 'A b'",
        ),
        ("Scenario: A b\n    Given a site\n    Whatever\n", "02_two.feature:5"),
    ],
    ids=["unknown-tag", "pytest-tag", "same-name", "syntax"],
)
def test_wrong_feature_file_is_an_error_that_names_the_line(bound: Project, text: str, expected: str) -> None:
    """A misspelt tag would leave a scenario out of the run, and pytest-bdd drops one of two namesakes."""
    bound.write("features/02_two.feature", f"Feature: Two\n\n  {text}")
    done = bound.run("features")
    assert done.code == 2
    assert expected in done.stdout


def test_unit_tests_run_without_the_features_machinery(bound: Project) -> None:
    """A broken step module or a missing site must not stop anybody's unit tests."""
    bound.write("steps/site.py", "raise RuntimeError('imported')\n")
    bound.write("tests/test_one.py", "def test_one():\n    assert True\n")
    done = bound.run("tests", "--site=moon")
    assert done.code == 0, done.stdout
    assert not (bound.root / ".cx").exists()


@pytest.mark.skipif(not any((CHECKOUT / "features").glob("*.feature")), reason="no features yet")
def test_every_step_of_ours_is_defined_used_and_unambiguous() -> None:
    """What `--plan` finds wrong in the project's own features would break a run."""
    argv = [sys.executable, "-m", "pytest", "features", "--plan", "-p", "no:cacheprovider"]
    done = process.run(argv, timeout=60, cwd=Path(CHECKOUT), expect=None)
    assert done.code == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("stage", ["01", "02", "03", "04", "05", "06", "07"])
def test_every_stage_of_ours_shows_that_its_second_run_changes_nothing(stage: str) -> None:
    """That is the first promise of the README; a stage without such a scenario only says so."""
    said = {"a second plan is empty", "they changed nothing", "nothing was changed"}
    found = [one for one in written.scenarios(CHECKOUT / "features") if one.path.name.startswith(stage)]
    assert any(said & {step.name for step in one.scenario.steps} for one in found)
