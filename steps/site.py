"""01 site and 99 teardown."""

from __future__ import annotations

import pytest
from pytest_bdd import given, then, when

from cxlib.clients.machine import Machine
from cxlib.harness import diagnostics, summary
from cxlib.parallel import run_all
from cxlib.settings import Site
from cxlib.stage import machine_diagnosis
from cxlib.stage import site as stage


@pytest.fixture(scope="session")
def machines(site: Site) -> stage.Machines:
    """The site, converged."""
    for name, collector in machine_diagnosis.collectors(site).items():
        diagnostics.register(name, collector)
    converged = stage.converge(site)
    summary.record("site", f"{len(site.nodes)} machines, {', '.join(converged.done) or 'nothing to do'}")
    return converged


@given("the site")
def _(machines: stage.Machines) -> None:
    """Converged by its fixture."""


@then("a second plan is empty")
def _(site: Site) -> None:
    stage.require_empty(stage.replan(site))


@then("the machines answer at")
def _(site: Site, datatable: list[list[str]]) -> None:
    wanted = [tuple(row) for row in datatable[1:]]
    seen = run_all([Machine(site, name).address for name, _ in wanted])
    assert seen == [address for _, address in wanted]


@then("Terraform's outputs name the floating address, the machines and the volume")
def _(site: Site, machines: stage.Machines) -> None:
    assert machines.outputs["floating_address"] == str(site.floating_address)
    assert machines.outputs["nodes"] == {name: str(address) for name, address in site.nodes.items()}
    assert machines.outputs["volume"]["id"]  # type: ignore[index]


@when("the site is taken down", target_fixture="left_behind")
def _(site: Site) -> list[str]:
    return stage.destroy(site)


@then("no container, network or volume of it is left")
def _(left_behind: list[str]) -> None:
    assert left_behind == []


@then("no route or firewall rule of it is left")
def _(site: Site) -> None:
    assert stage.network_traces(site) == []
