"""Gates that judge what is, without load: a model's quality, and the infrastructure."""

from __future__ import annotations

from pathlib import Path

from pytest_bdd import parsers, then, when

from cxlib.clients.ansible import PlaybookRun
from cxlib.evidence.statement import Subject
from cxlib.harness import summary
from cxlib.settings import Site
from cxlib.stage import evidence, fact_gate, infrastructure_gate, model_gate
from cxlib.stage.environment import Environment
from cxlib.stage.fact_gate import Judged
from cxlib.stage.model import Model
from steps.load import Question


@when("the model is judged by what MLflow has of it", target_fixture="judged")
def _(site: Site, model: Model, question: Question, run_folder: Path) -> Judged:
    subject = Subject(model.digest, model.version)
    folder = run_folder / "gates" / question.name
    return _told(model_gate.measure(site, "staging", question.name, question.criteria, subject, folder))


@when("the infrastructure below staging is looked at", target_fixture="judged")
def _(site: Site, cluster: PlaybookRun, staging: Environment, question: Question, run_folder: Path) -> Judged:
    subject = Subject(staging.serving.digest, staging.serving.model_version)
    folder = run_folder / "gates" / question.name
    judged = infrastructure_gate.measure(
        site, "staging", question.name, question.criteria, subject, folder, played=cluster
    )
    return _told(judged)


def _told(judged: Judged) -> Judged:
    summary.record(f"gate {judged.outcome.gate}", judged.outcome.verdict.value)
    for criterion in judged.outcome.criteria:
        summary.record(criterion.text, f"{criterion.verdict.value}: {criterion.reason}")
    return judged


@then(parsers.parse('the gate "{name}" passes'))
def _(judged: Judged, name: str) -> None:
    assert judged.outcome.gate == name
    fact_gate.require_pass(judged)


@then(parsers.parse('MLflow keeps the evidence of "{name}"'))
def _(site: Site, judged: Judged, name: str) -> None:
    proven = evidence.verify(site, judged.recorded.logged)
    assert proven == judged.recorded.statement
    assert (proven.gate, proven.verdict) == (name, judged.outcome.verdict.value)
