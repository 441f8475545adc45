"""02 cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_bdd import given, parsers, then, when

from cxlib.clients.ansible import PlaybookRun
from cxlib.harness import diagnostics, summary
from cxlib.settings import Site
from cxlib.stage import cluster as stage
from cxlib.stage import diagnosis, network_check, node_check, storage_check
from cxlib.stage.site import Machines


@pytest.fixture(scope="session")
def cluster(site: Site, machines: Machines) -> PlaybookRun:
    """The cluster, converged. What it has to say is collected also when that fails."""
    for name, collector in diagnosis.collectors(site).items():
        diagnostics.register(name, collector)
    converged = stage.converge(site)
    summary.record("cluster", f"{len(converged.changes)} changes by Ansible")
    return converged


@given("the cluster")
def _(cluster: PlaybookRun) -> None:
    """Converged by its fixture."""


@then("these plays ran on the machines without a failure")
def _(cluster: PlaybookRun, datatable: list[list[str]]) -> None:
    carried_out = {play.name: play for play in cluster.plays if play.ok + play.changed and not play.failed}
    assert [row[0] for row in datatable[1:] if row[0] not in carried_out] == []


@when("the plays have run on a cluster that is as they say", target_fixture="second_run")
def _(site: Site, cluster: PlaybookRun) -> PlaybookRun:
    return stage.converge(site) if cluster.changed else cluster


@then("they changed nothing")
def _(second_run: PlaybookRun) -> None:
    assert second_run.changes == ()


@then("every machine has")
def _(site: Site, datatable: list[list[str]]) -> None:
    node_check.check(site, [node_check.Expectation(*row) for row in datatable[1:]])


@then("Kubernetes lists every machine as Ready")
def _(site: Site) -> None:
    assert stage.ready_nodes(site) == sorted(site.nodes)


@given("a pod on every machine", target_fixture="trial")
def _(site: Site) -> Iterator[network_check.Trial]:
    with network_check.trial(site) as trial:
        yield trial


@then("every pod reaches every other by its name")
def _(trial: network_check.Trial) -> None:
    network_check.require_all_reached(trial)


@then(parsers.parse("a name that nobody has is denied within {seconds:g} second"))
def _(trial: network_check.Trial, seconds: float) -> None:
    network_check.require_denied(trial, seconds)


@then("a Service still answers when its pod has moved to another machine")
def _(trial: network_check.Trial) -> None:
    network_check.require_same_service_after_reschedule(trial)


@then("the registry of the cluster answers")
def _(site: Site) -> None:
    assert stage.registry_version(site) == "registry/2.0"


@given("a pod that writes to a volume of the default storage class", target_fixture="volume")
def _(site: Site) -> Iterator[storage_check.Volume]:
    with storage_check.volume(site) as volume:
        yield volume


@then("the volume's next pod reads what was written")
def _(volume: storage_check.Volume) -> None:
    storage_check.require_kept(volume)
