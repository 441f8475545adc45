"""What MLflow remembers of a gate, against a real server, and the report that tells it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cxlib.clients.mlflow import Tracking
from cxlib.evidence import envelope
from cxlib.evidence.statement import OVERRIDE, Override, Statement
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict
from cxlib.report import load
from cxlib.stage import history
from tests.evidence.made import LINES, Keys, keys, statement

KEYS = keys()


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    """All tests share one server."""
    return f"cx-{request.node.name}"


@pytest.fixture
def tracking(mlflow_url: str) -> Tracking:
    return Tracking(mlflow_url)


def keep(
    tracking: Tracking, experiment: str, said: Statement, folder: Path, by: Keys = KEYS, **values: float
) -> str:
    """``said`` as the evidence's door keeps it; ``values`` by the place of the criterion: ``c0=12.5``."""
    path = folder / "evidence.json"
    path.write_bytes(envelope.sign(said, by.private))
    tags = {
        "cx.gate": said.gate,
        "cx.environment": said.environment,
        "cx.verdict": said.verdict,
        "cx.digest": said.subject.digest,
        "cx.model-version": said.subject.model_version,
    }
    metrics = {history.metric_name(LINES[int(name[1:])]): value for name, value in values.items()}
    return tracking.log(experiment, said.gate, metrics=metrics, tags=tags, files=[path]).run_id


def overriding(why: str = "the fix had to go out") -> Statement:
    made = replace(statement(), gate="override", verdict=OVERRIDE, criteria=(), samples_sha256="")
    return replace(made, override=Override("ada", why, "canary"))


def report(tracking: Tracking, experiment: str, said: Statement) -> str:
    context = history.context(tracking, experiment, said, KEYS.public)
    one = CriterionResult(LINES[0], Verdict.PASS, "fine", 30.0, "ms", value=12.5, n=5000)
    return load.render_verdict(GateVerdict("staging", Verdict.PASS, "it holds", (one,)), context=context)


def test_past_runs_come_newest_first_with_the_values_of_their_criteria(
    tracking: Tracking, experiment: str, tmp_path: Path
) -> None:
    """A value that creeps towards its limit is seen before it closes the gate."""
    keep(tracking, experiment, statement(), tmp_path, c0=12.5, c1=0.0)
    keep(tracking, experiment, statement("FAIL"), tmp_path, c0=41.0)
    keep(tracking, experiment, replace(statement(), gate="another"), tmp_path, c0=1.0)
    found = history.past(tracking, experiment, "staging", LINES, "staging")
    assert [(run.verdict, dict(run.values)) for run in found] == [
        ("FAIL", {LINES[0]: 41.0}),
        ("PASS", {LINES[0]: 12.5, LINES[1]: 0.0}),
    ]
    assert history.past(tracking, experiment, "staging", LINES, "canary") == []


def test_an_override_is_in_every_later_report_also_when_its_run_was_deleted(
    tracking: Tracking, experiment: str, tmp_path: Path
) -> None:
    """Who went by a gate stays known: deleting a run in MLflow's page is not forgetting."""
    run_id = keep(tracking, experiment, overriding(), tmp_path)
    assert "the fix had to go out" in report(tracking, experiment, statement())
    tracking.remove(run_id)
    text = report(tracking, experiment, statement())
    assert "OVERRIDE" in text
    assert "ada" in text
    assert "this very image" in text


def test_an_override_by_another_key_is_told_as_unbelievable(
    tracking: Tracking, experiment: str, tmp_path: Path
) -> None:
    """Who can write to MLflow must not be able to write a name under an override."""
    keep(tracking, experiment, overriding("because I say so"), tmp_path, by=keys())
    text = report(tracking, experiment, statement())
    assert "is not to be believed" in text
    assert "because I say so" not in text


def test_report_names_commit_gate_samples_and_key(tracking: Tracking, experiment: str) -> None:
    """By these the numbers can be traced to what made them."""
    said = statement()
    text = report(tracking, experiment, said)
    for wanted in (said.commit, said.gate_sha256, said.samples_sha256, envelope.keyid(KEYS.public)):
        assert wanted in text


def test_a_silent_mlflow_is_said_in_the_report(experiment: str) -> None:
    """The verdict stands without its history; that it is missing must not look like there was none."""
    text = report(Tracking("http://127.0.0.1:9"), experiment, statement())
    assert "The earlier runs could not be read" in text
