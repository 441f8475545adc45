"""04 model: trained, registered and built by Argo Workflows."""

from __future__ import annotations

import pytest
from pytest_bdd import given, parsers, then, when

from cxlib.harness import summary
from cxlib.settings import Site
from cxlib.stage import model as stage
from cxlib.stage import rights
from cxlib.stage.model import Model
from cxlib.stage.platform import Platform, connect


@pytest.fixture(scope="session")
def model(site: Site, platform: Platform, policy: object) -> Model:
    """The model, converged once a session; the cluster knows by then what it asks of what comes of it."""
    converged = stage.converge(site, platform.revision)
    summary.record("model version", converged.version)
    summary.record("image digest", converged.digest)
    summary.record("model", ", ".join(converged.did) if converged.changed else "nothing changed")
    return converged


@given("the model")
def _(model: Model) -> None:
    """Converged by its fixture."""


@when("the model has converged on a site that is as it says", target_fixture="again")
def _(site: Site, platform: Platform, model: Model) -> Model:
    return stage.converge(site, platform.revision) if model.changed else model


@then("these workflows succeeded for it")
def _(model: Model, datatable: list[list[str]]) -> None:
    phases = {run.template: run.phase for run in model.workflows}
    assert {t: phases.get(t) for (t,) in datatable[1:]} == {t: "Succeeded" for (t,) in datatable[1:]}


@then("the registry has the images")
def _(site: Site, model: Model, datatable: list[list[str]]) -> None:
    tags = [tag for (tag,) in datatable[1:]]
    missing = [tag for tag in tags if stage.image_digest(connect(site), tag) is None]
    assert not missing, f"not in the registry: {', '.join(missing)}"


@then("the tag of the model's image points at the digest that was built")
def _(site: Site, model: Model) -> None:
    built = model.workflows[-1].output("digest")
    assert stage.image_digest(connect(site), model.tag) == built == model.digest


@then("every workflow template has a service account of its own")
def _(site: Site, model: Model) -> None:
    accounts = rights.accounts(connect(site))
    assert accounts, "there are no workflow templates"
    assert accounts == {template: {template} for template in accounts}


@then("none of them is cluster-admin")
def _(site: Site, model: Model) -> None:
    kube = connect(site)
    ours = {name for names in rights.accounts(kube).values() for name in names}
    assert not {f"argo/{name}" for name in ours} & rights.administrators(kube)
    assert not [name for name in ours if rights.allowed(kube, name, "*", "*", "")]


@then("the cluster answers about them")
def _(site: Site, model: Model, datatable: list[list[str]]) -> None:
    head, *rows = datatable
    asked = [dict(zip(head, row, strict=True)) for row in rows]
    wrong = [row for row in asked if rights.answer(connect(site), row) != row["allowed"]]
    assert not wrong, f"the cluster says otherwise: {wrong}"


@when(parsers.parse('"{template}" is asked for with'), target_fixture="reason")
def _(site: Site, model: Model, template: str, datatable: list[list[str]]) -> str:
    parameters = dict(datatable[1:])
    return stage.reason_of_failure(site, template, parameters)


@then(parsers.parse('the workflow has failed with "{text}"'))
def _(reason: str, text: str) -> None:
    assert text in reason
