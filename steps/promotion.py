"""06 canary and 07 production: what came there, that all agree on it, and the canary's soak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, then, when

from cxlib.harness import gates, summary
from cxlib.model.load import Load, levels
from cxlib.settings import Site
from cxlib.stage import break_glass, evidence, promotion, reuse
from cxlib.stage import canary as stage
from cxlib.stage.break_glass import BreakGlass
from cxlib.stage.canary import Asked, Soak
from cxlib.stage.environment import Candidate, Environment, served
from cxlib.stage.platform import Platform
from steps.load import Question


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the person who runs this lets pass: one image alone, or one without proof."""

    candidate: Candidate | None
    override: BreakGlass | None


_NAME = r"(?:the )?(?P<name>staging|canary|production)"


@pytest.fixture(scope="session")
def policy(
    site: Site, platform: Platform, pytestconfig: pytest.Config
) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The gates of all features, by environment; the cluster asks for just these from now on."""
    declared = gates.declared(pytestconfig.rootpath / "features")
    promotion.require_gates(site, declared)
    return declared


@pytest.fixture(scope="session")
def override(pytestconfig: pytest.Config, run_folder: Path) -> BreakGlass | None:
    """What ``--override`` says, by the person who runs this."""
    why = pytestconfig.getoption("--override")
    return BreakGlass(break_glass.person(), why, run_folder / "override") if why else None


@pytest.fixture(scope="session")
def admitted(pytestconfig: pytest.Config, override: BreakGlass | None) -> Admitted:
    """The image that ``--candidate`` names, if one is named: no other one is promoted. And ``--override``."""
    exact = pytestconfig.getoption("--candidate")
    return Admitted(Candidate.named(exact) if exact else None, override)


@pytest.fixture(scope="session")
def canary(site: Site, policy: object, staging: Environment, admitted: Admitted) -> Environment:
    """The canary, with what staging serves, converged once a session."""
    return _converged(site, "canary", admitted)


@pytest.fixture(scope="session")
def production(site: Site, policy: object, canary: Environment, admitted: Admitted) -> Environment:
    """Production, with what the canary serves, converged once a session."""
    return _converged(site, "production", admitted)


def _converged(site: Site, name: str, admitted: Admitted) -> Environment:
    found = promotion.converge(site, name, admitted.override, only=admitted.candidate)
    if opened := break_glass.overrides(site, found.serving.digest, name):
        summary.record(f"OVERRIDE for {name}", "; before that: ".join(map(break_glass.told, opened)))
    summary.record(name, f"{site.url(name)}, {', '.join(found.did) if found.changed else 'nothing changed'}")
    summary.record(f"{name} serves", f"model {found.serving.model_version}, {found.serving.digest}")
    summary.output("candidate", found.candidate.exact)
    return found


@given("the canary")
def _(canary: Environment) -> None:
    """Converged by its fixture."""


@given("production")
def _(production: Environment) -> None:
    """Converged by its fixture."""


@then(parsers.re(_NAME + r" serves what (?:the )?(?P<source>staging|canary) serves"))
def _(site: Site, name: str, source: str) -> None:
    now, there = served(site, name), served(site, source)
    assert (now.model_version, now.digest) == (there.model_version, there.digest)


@then(parsers.re(r"these agree on what " + _NAME + r" serves"))
def _(site: Site, name: str, datatable: list[list[str]]) -> None:
    wrong = promotion.disagreements(site, name, [who for (who,) in datatable[1:]])
    assert not wrong, f"{served(site, name)}, but {'; '.join(wrong)}"


@when(parsers.re(_NAME + r" is promoted to once more"), target_fixture="again")
def _(site: Site, name: str) -> Environment:
    return promotion.converge(site, name)


@given(parsers.parse('its pods are watched by the gate "{name}"'), target_fixture="health")
def _(name: str, datatable: list[list[str]]) -> Asked:
    return Asked(name, gates.criteria(name, datatable))


@when(parsers.parse('the canary is soaked under the load "{profile}"'), target_fixture="soak")
def _(
    site: Site,
    environment: str,
    question: Question,
    health: Asked,
    profile: str,
    datatable: list[list[str]],
    run_folder: Path,
) -> Soak:
    asked, under = Asked(question.name, question.criteria), Load(profile, tuple(levels(datatable)))
    again = reuse.measures("canary", environment)
    soak = stage.soak(site, asked, health, under, run_folder / "load", again=again)
    for gate, verdict in soak.verdicts.items():
        summary.record(f"gate {gate}", verdict.value)
    for criterion in soak.health.criteria:
        summary.record(criterion.text, f"{criterion.verdict.value}: {criterion.reason}")
    if isinstance(soak.load, reuse.Proven):
        summary.record(f"gate {soak.load.gate}", f"not measured again: {soak.load}")
    else:
        summary.link(f"load report of gate {asked.name}", soak.load.result.report)
    return soak


@then("the canary stays")
def _(soak: Soak) -> None:
    stage.require_pass(soak)


@then("MLflow keeps what the soak proved")
def _(site: Site, soak: Soak) -> None:
    assert evidence.verify(site, soak.recorded.logged) == soak.recorded.statement
    assert evidence.accepted(site, "canary", soak.recorded.statement.subject.digest).passes
