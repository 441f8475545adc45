"""95 hostile: production is changed while something goes wrong."""

from __future__ import annotations

import pytest
from pytest_bdd import given, parsers, then, when

from cxlib.harness import summary
from cxlib.harness.state import RUN
from cxlib.settings import Site
from cxlib.stage import hostile as stage
from cxlib.stage import nightly, outage
from cxlib.stage.environment import Candidate
from cxlib.stage.hostile import MOMENTS, NAME, Change


@given("production, with another version that was good there", target_fixture="other")
def _(pytestconfig: pytest.Config) -> Candidate:
    return stage.other(nightly.require_site(pytestconfig.stash[RUN].site))


@when(
    parsers.parse("production changes to the other version, and {part} is silent for {seconds:g} seconds"),
    target_fixture="done",
)
def _(site: Site, other: Candidate, part: str, seconds: float) -> Change:
    return stage.change(site, other, MOMENTS[0], lambda kube, _: outage.begin(site, kube, part, seconds))


@when(
    parsers.parse("production changes to the other version, and the harness is killed {moment}"),
    target_fixture="done",
)
def _(site: Site, other: Candidate, moment: str) -> Change:
    return stage.change(site, other, moment, stage.kill)


@when("production changes to the other version, and the pod that does it is killed", target_fixture="done")
def _(site: Site, other: Candidate) -> Change:
    return stage.change(site, other, MOMENTS[1], stage.kill_pod)


@then("production is all new or all old")
def _(done: Change) -> None:
    now = stage.require_whole(done)
    new = "all new" if now == done.to else "all old"
    summary.record(
        f"{done.before} to {done.to}", f"{new}; the slowest answer took {done.heard.slowest:.2f} s"
    )


@then("no caller of production saw a failure")
def _(done: Change) -> None:
    stage.require_unharmed(done)


@then("the same command again brings production to the other version")
def _(site: Site, done: Change) -> None:
    from cxlib.stage import rollback

    assert rollback.roll_back(site, NAME, done.to.version).candidate == done.to
