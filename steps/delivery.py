"""05 staging: what runs there, and that it is what was built."""

from __future__ import annotations

import pytest
from pytest_bdd import given, parsers, then, when

from cxlib.harness import summary
from cxlib.settings import Site
from cxlib.stage import digits
from cxlib.stage import staging as stage
from cxlib.stage.environment import Environment
from cxlib.stage.model import Model


@pytest.fixture(scope="session")
def staging(site: Site, policy: object, model: Model) -> Environment:
    """Staging, converged once a session."""
    converged = stage.converge(site, model)
    summary.record("staging", site.url("staging"))
    summary.record("staging serves", f"model {converged.serving.model_version}, {converged.serving.digest}")
    summary.output("candidate", converged.candidate.exact)
    return converged


@given("staging")
def _(staging: Environment) -> None:
    """Converged by its fixture."""


@when("staging has converged on a site that is as it says", target_fixture="again")
def _(site: Site, model: Model, staging: Environment) -> Environment:
    return stage.converge(site, model) if staging.changed or model.changed else staging


@then("staging serves the digest that was built")
def _(site: Site, model: Model) -> None:
    assert stage.served(site, "staging").digest == model.digest


@then("every pod of staging runs that digest")
def _(staging: Environment, model: Model) -> None:
    assert staging.running == {model.digest}


@then(parsers.parse('staging serves the model version with MLflow\'s alias "{alias}"'))
def _(site: Site, staging: Environment, alias: str) -> None:
    assert stage.served(site, "staging").model_version == stage.aliased(site, alias)


@when(parsers.parse("{name:w} is asked about {count:d} digits"), target_fixture="share_right")
def _(site: Site, staging: Environment, name: str, count: int) -> float:
    return digits.share_right(site.url(name), count)


@then(parsers.parse("at least {percent:g} % of the answers are right"))
def _(share_right: float, percent: float) -> None:
    summary.record("digits recognised", f"{share_right:.1%}")
    assert share_right * 100 >= percent
