"""Which gates the features ask for, and which of them a run measures anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxlib.errors import ConfigError
from cxlib.harness import gates
from cxlib.model.load import Load, LoadLevel
from cxlib.settings import CHECKOUT
from cxlib.stage import gate, reuse

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
