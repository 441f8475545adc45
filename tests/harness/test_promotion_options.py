"""What a run to canary and production asks of the person who starts it, before anything is touched."""

from __future__ import annotations

import pytest

from tests.harness.checkout import Project

STEPS = """
from pytest_bdd import given

@given("it works")
def _(environment):
    pass
"""
FEATURE = "@canary\nFeature: Six\n\n  Scenario: It works\n    Given it works\n"


@pytest.fixture
def promoted(project: Project) -> Project:
    """A feature that leads to canary and beyond."""
    project.write("steps/all.py", STEPS)
    project.write("features/06.feature", FEATURE)
    project.write("features/07.feature", FEATURE.replace("@canary", "@production"))
    return project


@pytest.mark.parametrize("args", [("--env=canary", "--override= "), ("--override=it burns",)])
def test_an_override_without_reason_or_promotion_is_refused(promoted: Project, args: tuple[str, ...]) -> None:
    """Break-glass without a reason on record is what it must never be; on staging it opens nothing."""
    done = promoted.run("features", *args)
    assert done.code == 4
    assert "--override: it needs a reason, and --env=canary or --env=production" in done.stderr
    assert not (promoted.root / ".cx").exists()


def test_another_cluster_than_the_named_one_is_refused(promoted: Project) -> None:
    """Also on a site that needs no confirmation: whoever names a cluster means it. Here there is none."""
    done = promoted.run("features", "--env=canary", "--confirm=local:0123abcd")
    assert done.code == 4
    assert "--confirm: there is no cluster to compare with" in done.stderr
    assert not (promoted.root / ".cx").exists()


def test_a_plan_needs_no_confirmation(promoted: Project) -> None:
    """It touches nothing, so it must not need a cluster either."""
    assert promoted.run("features", "--env=production", "--plan", "--confirm=local:0123abcd").code == 0
