"""Which gates the features ask for, and which of them a run measures anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cxlib.errors import ConfigError
from cxlib.harness import gates
from cxlib.model.load import Load, LoadLevel
from cxlib.settings import CHECKOUT
from cxlib.stage import gate, reuse
from tests.harness.checkout import Project

FEATURE = """
@{tag}
Feature: One
  Scenario: A gate
    Given the gate "{gate}"
      | criterion |
      | {line}    |
"""

LOADED = """
@canary
Feature: One
  Scenario: A soak
    Given the gate "soak"
      | criterion           |
      | fail of GET / < 1 % |
    And its pods are watched by the gate "health"
      | criterion                 |
      | restarts of its pods <= 0 |
    When the canary is soaked under the load "classify"
      | rps | seconds | arrivals |
      | 50  | 60      | constant |
    Then the gate "soak" passes
"""


def write(folder: Path, name: str, tag: str, gate: str, line: str) -> None:
    (folder / f"{name}.feature").write_text(FEATURE.format(tag=tag, gate=gate, line=line))


def test_gates_belong_to_the_environment_of_their_tag(tmp_path: Path) -> None:
    """What must be passed to leave an environment is what its features ask for, all of them."""
    write(tmp_path, "one", "staging", "fast", "p95 of GET / < 1 s")
    write(tmp_path, "two", "canary", "soak", "fail of GET / < 1 %")
    write(tmp_path, "three", "staging", "small", "size < 1 MB")
    assert gates.declared(tmp_path) == {
        "staging": {"fast": ("p95 of GET / < 1 s",), "small": ("size < 1 MB",)},
        "canary": {"soak": ("fail of GET / < 1 %",)},
    }


def test_the_load_is_part_of_the_gate_that_it_is_for(tmp_path: Path) -> None:
    """Less load is another gate. One that watches pods meanwhile is looked at without load as well."""
    (tmp_path / "soak.feature").write_text(LOADED)
    declared = gates.declared(tmp_path)["canary"]
    load = Load("classify", (LoadLevel(0, 60, 50, "constant"),))
    assert declared == {
        "soak": gate.text(("fail of GET / < 1 %",), load),
        "health": ("restarts of its pods <= 0",),
    }
    (tmp_path / "less").mkdir()
    (tmp_path / "less" / "soak.feature").write_text(LOADED.replace("50 ", "5  "))
    changed = gates.declared(tmp_path / "less")["canary"]
    assert {name for name in declared if declared[name] != changed[name]} == {"soak"}


KINDS = """
@staging
Feature: One
  Scenario: Quick
    Given the gate "quick"
      | criterion                     |
      | p95 of POST /predict < 30 ms  |
    When staging is put under the load "classify"
      | users | seconds |
      | 1     | 30      |
    Then the gate passes

  Scenario: Good
    Given the gate "model"
      | criterion      |
      | size <= 250 MB |
    When the model is judged by what MLflow has of it
    Then the gate "model" passes
    And MLflow keeps the evidence of "model"

  Scenario: Sound
    Given the gate "below"
      | criterion        |
      | nodes ready >= 3 |
    When the infrastructure below staging is looked at
    Then the gate "below" passes

  Scenario: Healthy
    Given the gate "soak"
      | criterion                   |
      | fail of POST /predict < 1 % |
    And its pods are watched by the gate "health"
      | criterion                 |
      | restarts of its pods <= 0 |
    When the canary is soaked under the load "classify"
      | users | seconds |
      | 4     | 60      |
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("30 ms ", "30 lightyears ", "one.feature:5: gate 'quick': criterion .* 'lightyears' .*: ms, s"),
        ("POST /predict", "GET /", "5: gate 'quick': .*unknown endpoint 'GET /'. Use"),
        ("< 30 ms ", "< 30 ms at 9 users ", "5: gate 'quick': .*the run has no load level of 9 users"),
        ('"classify"', '"nope"', "5: gate 'quick': load profile: there is no .* Known profiles: classify"),
        ("users |", "usrs  |", r"8: gate 'quick': .* usrs \| seconds. Write a table such as"),
        ("      | users | seconds |\n      | 1     | 30      |\n", "", "8: .*columns are missing"),
        ("| criterion                     |\n      ", "", "table are p95 .* the one column 'criterion'"),
        ("| criterion      |\n      | size <= 250 MB |", "| criterion | why |\n | size <= 250 MB | it |",
         r"14: gate 'model': the columns of its table are criterion \| why"),
        ("size <= 250 MB |", "size <= 250 MB | it |", "one.feature:16: "),
        ("250 MB", "250 MiB", "14: gate 'model': criterion .*the unit 'MiB' does not fit"),
        ("ready", "redy", "22: gate 'below': .*unknown or missing count. Write one of: nodes ready"),
        ('gate "below" passes', 'gate "bellow" passes', "26: gate 'bellow': its scenario doesn't .*: below"),
        ("    When the model is judged by what MLflow has of it\n", "", "'model': no step .* judges it"),
        ("      | nodes ready >= 3 |\n", "", "gate 'below': it has no criterion .* Add 'nodes"),
        ("restarts of its pods", "restarts", "32: gate 'health': watch 'restarts <= 0'.*Write it as one of"),
        ("      | restarts of its pods <= 0 |\n", "", "32: gate 'health': it has no criterion"),
    ],
)  # fmt: skip
def test_a_gate_that_cannot_be_asked_is_told_from_the_files_alone(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """Told when its step comes, it would cost the hour in which a new site is built."""
    for name, text in (("right", KINDS), ("wrong", KINDS.replace(old, new, 1))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.feature").write_text(text)
    assert gates.problems(tmp_path / "right") == []
    found = gates.problems(tmp_path / "wrong")
    assert len(found) == 1
    assert re.search(said, found[0]), found[0]


def test_a_locustfile_that_is_no_python_is_told_from_the_files_alone(tmp_path: Path) -> None:
    """It is imported late, and by a child."""
    (tmp_path / "one.feature").write_text(KINDS)
    (tmp_path / "classify.py").write_text("def (\n")
    found = gates.problems(tmp_path, profiles=tmp_path)
    assert len(found) == 2
    assert re.search(r"5: gate 'quick': .*classify.py, line 1: .*Mend the locustfile", found[0])


def test_an_outline_asks_a_gate_for_each_of_its_examples(tmp_path: Path) -> None:
    """Evidence is of the text that is measured, not of one with a name in angle brackets."""
    (tmp_path / "one.feature").write_text(
        FEATURE.format(tag="staging", gate="at <n>", line="rps of GET / >= 1 rps at <n> users").replace(
            "Scenario:", "Scenario Outline:"
        )
        + "    Examples:\n      | n |\n      | 1 |\n      | 8 |\n"
    )
    assert gates.declared(tmp_path)["staging"] == {
        f"at {n}": (f"rps of GET / >= 1 rps at {n} users",) for n in (1, 8)
    }


BROKEN = KINDS.replace("30 ms", "30 lightyears")
STEPS = """
from pathlib import Path
from pytest_bdd import given

@given("the site is up")
def _():
    Path("touched").touch()
"""


@pytest.fixture
def broken(project: Project) -> Project:
    """A checkout in which a gate of one feature can't be asked; the scenarios of the others need none."""
    project.write("features/01_site.feature", "Feature: Site\n  Scenario: Up\n    Given the site is up\n")
    project.write("features/05_staging.feature", BROKEN)
    project.write(
        "features/99.feature", "@teardown\nFeature: D\n  Scenario: Down\n    Given the site is up\n"
    )
    project.write("steps/site.py", STEPS)
    return project


def test_a_run_touches_nothing_before_every_gate_can_be_asked(broken: Project) -> None:
    """Also a run of other scenarios: a promotion asks for the gates of all feature files."""
    done = broken.run("features/01_site.feature")
    assert (done.code, (broken.root / "touched").exists()) == (4, False)
    assert "these gates can't be asked:\n05_staging.feature:4: gate 'quick': criterion 'p95" in done.stderr


def test_a_plan_tells_of_gates_that_cannot_be_asked(broken: Project) -> None:
    """`--plan` is where one looks before a run."""
    done = broken.run("features/01_site.feature", "--plan")
    assert done.code == 1
    assert "05_staging.feature:4: gate 'quick': criterion 'p95" in done.stdout


def test_a_site_can_be_taken_down_whatever_is_wrong_with_a_gate(broken: Project) -> None:
    """It asks for none."""
    done = broken.run("features/99.feature", "-m", "teardown")
    assert done.code == 0, done.stdout + done.stderr


def test_a_table_of_two_columns_is_a_mistake_of_its_writer() -> None:
    """Where a step reads it, too."""
    with pytest.raises(ConfigError, match=r"gate 'a': the columns of its table are criterion \| why"):
        gates.criteria("a", [["criterion", "why"], ["size < 1 MB", "it"]])


def test_every_gate_of_ours_can_be_asked() -> None:
    """With its load and its locustfile, and judged by a step that is known to judge."""
    assert gates.problems(CHECKOUT / "features") == []


@pytest.mark.parametrize(("old", "new"), [("classify", "clasify"), ("| 60 ", "| no ")])
def test_a_load_that_cannot_be_is_told_when_the_features_are_read(tmp_path: Path, old: str, new: str) -> None:
    """The cluster must not be told of a gate that nobody can measure."""
    (tmp_path / "soak.feature").write_text(LOADED.replace(old, new))
    with pytest.raises(ConfigError, match=new.strip("| ")):
        gates.declared(tmp_path)


def test_gates_of_the_night_open_nothing(tmp_path: Path) -> None:
    """They only read, and only when they are asked for: a promotion can't wait for them."""
    write(tmp_path, "one", "nightly @staging", "night", "p95 of GET / < 1 s")
    assert gates.declared(tmp_path) == {}


def test_one_gate_asked_in_two_ways_is_refused(tmp_path: Path) -> None:
    """Evidence names its gate: with two texts one of them would never be proven."""
    write(tmp_path, "one", "staging", "fast", "p95 of GET / < 1 s")
    write(tmp_path, "two", "staging", "fast", "p95 of GET / < 2 s")
    with pytest.raises(ConfigError, match="another scenario asks it otherwise"):
        gates.declared(tmp_path)


def test_every_environment_that_something_leaves_has_a_gate() -> None:
    """Nothing passes vacuously: an environment without a gate would prove nothing, and open nothing."""
    declared = gates.declared(CHECKOUT / "features")
    assert "staging" in declared["staging"]
    assert {"canary", "canary health"} <= set(declared["canary"])


@pytest.mark.parametrize(
    ("where", "goal", "expected"),
    [
        ("staging", "staging", True),
        ("staging", "canary", False),
        ("staging", "production", False),
        ("canary", "canary", True),
        ("canary", "production", False),
    ],
)
def test_a_run_measures_its_own_gates_and_reuses_those_before(where: str, goal: str, expected: bool) -> None:
    """`--env=staging` is asked to measure staging; a promotion further on is not."""
    assert reuse.measures(where, goal) is expected
