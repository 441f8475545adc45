"""Load gates: what is asked, the load, the verdict and its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_bdd import given, parsers, then, when

from cxlib.evidence import EXPERIMENT
from cxlib.harness import gates, summary
from cxlib.model.load import Load, levels
from cxlib.settings import Site
from cxlib.stage import baseline, evidence, gate, reuse
from cxlib.stage.environment import Environment
from cxlib.stage.evidence import Measured
from cxlib.stage.reuse import Proven


@dataclass(frozen=True, slots=True)
class Question:
    """A gate by its name and its criteria, a line each."""

    name: str
    criteria: tuple[str, ...]


@given(parsers.parse('the gate "{name}"'), target_fixture="question")
def _(name: str, datatable: list[list[str]]) -> Question:
    return Question(name, gates.criteria(name, datatable))


@when(parsers.parse('staging is put under the load "{profile}"'), target_fixture="measured")
def _(
    site: Site,
    environment: str,
    staging: Environment,
    question: Question,
    profile: str,
    datatable: list[list[str]],
    run_folder: Path,
) -> Measured | Proven:
    folder = run_folder / "load" / question.name
    under = Load(profile, tuple(levels(datatable)))
    further = not reuse.measures("staging", environment)
    text = gate.text(question.criteria, under)
    if further and (proven := reuse.proven(site, "staging", question.name, text)):
        summary.record(f"gate {question.name}", f"not measured again: {proven}")
        return proven
    measured = baseline.measure(site, "staging", question.name, question.criteria, under, folder)
    summary.record(f"gate {question.name}", measured.result.verdict.value)
    summary.record("evidence", f"MLflow run {measured.logged.run_id} in {EXPERIMENT}")
    for criterion in measured.result.outcome.criteria:
        summary.record(criterion.text, evidence.told(criterion))
    summary.link(f"load report of gate {question.name}", measured.result.report)
    return measured


@then("the gate passes")
def _(measured: Measured | Proven) -> None:
    if isinstance(measured, Measured):
        gate.require_pass(measured.result)
    else:
        assert measured.statement.verdict == "PASS"


@then("MLflow keeps its evidence")
def _(site: Site, question: Question, measured: Measured | Proven) -> None:
    if isinstance(measured, Proven):
        told = measured.statement
        asked = {question.name: told.gate_sha256}
        assert evidence.accepted(site, "staging", told.subject.digest, asked).passes == (told,)
        return
    verdict = measured.result.folder / "verdict.json"
    assert evidence.kept(site, measured.logged, verdict.name) == verdict.read_bytes()
    signed = measured.recorded.path
    assert evidence.kept(site, measured.logged, signed.name) == signed.read_bytes()
    proven = evidence.verify(site, measured.logged)
    until = f"{proven.expires:%Y-%m-%d %H:%M} UTC"
    summary.record(f"evidence of {proven.gate}", f"{proven.verdict}, signed, until {until}")
