"""What the files for GitHub Actions bind to each other; that they are valid is for actionlint."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cxlib.settings import CHECKOUT


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHECKOUT / ".github/workflows" / name).read_text())["jobs"]
    return found


def features(job: dict[str, Any]) -> dict[str, Any]:
    """The step that runs the features."""
    (step,) = [one for one in job["steps"] if "pytest features/" in one.get("run", "")]
    return dict(step)


@pytest.mark.parametrize(("name", "before"), [("canary", "staging"), ("production", "canary")])
def test_an_approval_is_of_the_image_that_was_proven(name: str, before: str) -> None:
    """Else whatever runs in staging by the time somebody approves is what comes to production."""
    found = jobs("promotion.yml")
    assert found[name]["needs"] == before
    proven = found[before]["outputs"]["candidate"]
    assert proven == "${{ steps." + features(found[before])["id"] + ".outputs.candidate }}"
    assert found[name]["env"]["CANDIDATE"] == "${{ needs." + before + ".outputs.candidate }}"
    assert '--candidate="$CANDIDATE"' in features(found[name])["run"]


@pytest.mark.parametrize("name", ["staging", "canary", "production"])
def test_a_promotion_names_its_site_and_cluster(name: str) -> None:
    """A protected site's production can't run otherwise."""
    run = features(jobs("promotion.yml")[name])["run"]
    assert '--site="$SITE"' in run
    assert '--confirm="$CONFIRM"' in run


def test_a_night_is_ended_before_somebody_waits_for_it() -> None:
    """It has ten minutes; the runner is the site's own, and does one job at a time."""
    assert jobs("nightly.yml")["look"]["timeout-minutes"] == 12
