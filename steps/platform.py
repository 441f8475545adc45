"""03 platform: what Argo CD runs for all environments, and the services used for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, then, when

from cxlib.harness import redact, summary
from cxlib.settings import Site
from cxlib.stage import platform as stage
from cxlib.stage import usage
from cxlib.stage.environment import Environment
from cxlib.stage.model import Model
from cxlib.stage.platform import Platform
from cxlib.stage.usage import RoundTrip


@pytest.fixture(scope="session")
def platform(site: Site, cluster: object) -> Platform:
    """The platform, converged once a session; its secrets are hidden from all that is written."""
    converged = stage.converge(site)
    for keys in stage.secret_values(stage.connect(site)).values():
        for value in keys.values():
            redact.add(value)
    summary.record("platform", f"git {converged.revision[:8]}, {_changes(converged)}")
    return converged


def _changes(converged: Platform) -> str:
    return ", ".join(converged.did) if converged.changed else "nothing changed"


@given("the platform")
def _(platform: Platform) -> None:
    """Converged by its fixture."""


@then("Argo CD says")
def _(site: Site, datatable: list[list[str]]) -> None:
    _, *wanted = datatable
    seen = stage.states(site, [name for name, _, _ in wanted])
    assert [[s.name, s.sync, s.health] for s in seen] == wanted, "\n".join(map(str, seen))


@when("the platform has converged on a site that is as it says", target_fixture="again")
def _(site: Site, platform: Platform) -> Platform:
    return stage.converge(site) if platform.changed else platform


@then("nothing was changed")
def _(again: Platform | Model | Environment) -> None:
    assert not again.changed, f"converging twice changed: {', '.join(again.did)}"


@then("every secret is the one that was made first")
def _(site: Site, platform: Platform) -> None:
    now, made = stage.ensure_secrets(stage.connect(site))
    assert (now, made) == (platform.secrets, [])


@when("a run with an artifact is logged to MLflow", target_fixture="round_trip")
def _(site: Site, platform: Platform) -> Iterator[RoundTrip]:
    trip = usage.log_and_read(site)
    yield trip
    usage.forget(site, trip.key)


@when("an object is put into MinIO", target_fixture="round_trip")
def _(site: Site, platform: Platform) -> RoundTrip:
    return usage.put_and_get(site)


@then("the same comes back")
def _(round_trip: RoundTrip) -> None:
    assert round_trip.read == round_trip.wrote


@then(parsers.parse('PostgreSQL holds that run as "{status}"'))
def _(site: Site, round_trip: RoundTrip, status: str) -> None:
    assert usage.row_in_postgres(site, round_trip.key) == {"run_uuid": round_trip.key, "status": status}


@then("MinIO has the buckets")
def _(site: Site, platform: Platform, datatable: list[list[str]]) -> None:
    wanted = {name for (name,) in datatable[1:]}
    assert wanted <= set(usage.object_store(site).buckets())


@then("no secret is in a file of this run or in a log of the platform")
def _(site: Site, platform: Platform, run_folder: Path) -> None:
    exposed = usage.exposures(site, run_folder)
    assert not exposed, f"a secret can be read in: {', '.join(exposed)}"
