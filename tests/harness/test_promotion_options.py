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
EXACT = f"7@sha256:{'5' * 64}"
HANDS_ON = """
from pytest_bdd import given
from cxlib.harness import summary

@given("it works")
def _(pytestconfig):
    summary.output("candidate", pytestconfig.getoption("--candidate"))
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


NIGHT = "@nightly\nFeature: Ninety\n\n  Scenario: It works\n    Given it works\n"
# what a project's conftest adds where its site is protected
PROTECTED = """
from cxlib import settings

_load = settings.load_site
settings.load_site = lambda name: _load(name).model_copy(update={"protected": True})
"""


def test_a_night_of_a_protected_site_needs_no_confirmation(promoted: Project) -> None:
    """It only reads: a schedule that had to name the cluster could not run there at all."""
    promoted.write("features/90.feature", NIGHT)
    conftest = promoted.root / "conftest.py"
    conftest.write_text(conftest.read_text() + PROTECTED)
    done = promoted.run("features", "-m", "nightly", "--env=production")
    assert done.code == 0, done.stderr
    refused = promoted.run("features", "--env=production")
    assert refused.code == 4
    assert "is protected and production may be written to" in refused.stderr


def test_a_night_on_another_cluster_than_the_named_one_is_refused(promoted: Project) -> None:
    """Whoever names one means it, also where none has to be named."""
    promoted.write("features/90.feature", NIGHT)
    done = promoted.run("features", "-m", "nightly", "--confirm=local:0123abcd")
    assert done.code == 4
    assert "there is no cluster to compare with" in done.stderr


@pytest.mark.parametrize(
    "args",
    [("--env=canary", "--candidate="), ("--env=canary", "--candidate=7"), (f"--candidate={EXACT}",)],
    ids=["empty", "no digest", "staging"],
)
def test_a_candidate_that_names_no_image_to_promote_is_refused(
    promoted: Project, args: tuple[str, ...]
) -> None:
    """An approval without an image would be one of whatever runs: a job's output may be empty."""
    done = promoted.run("features", *args)
    assert done.code == 4
    assert "--candidate: " in done.stderr
    assert not (promoted.root / ".cx").exists()


def test_a_green_run_tells_the_next_job_what_it_was_about(promoted: Project) -> None:
    """The approval is of that image; a run that isn't green has nothing to hand on."""
    told = promoted.root / "outputs"
    promoted.env["GITHUB_OUTPUT"] = str(told)
    promoted.write("steps/all.py", HANDS_ON)
    assert promoted.run("features", "--env=canary", f"--candidate={EXACT}").code == 0
    assert told.read_text() == f"candidate={EXACT}\n"
    promoted.write("steps/all.py", HANDS_ON + "    raise ValueError\n")
    assert promoted.run("features", "--env=canary", f"--candidate={EXACT}").code == 1
    assert told.read_text() == f"candidate={EXACT}\n"
