"""The gate about a model against a real MLflow: what it logged is what is judged."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from cxlib.clients.mlflow import Tracking
from cxlib.model.quality import parse_gate
from cxlib.model.verdict import GateVerdict, Verdict
from cxlib.stage import model_gate

LINES = ("accuracy >= 0.9", "accuracy vs incumbent by 2 %", "evaluation samples >= 300", "size <= 1 kB")


@pytest.fixture
def model(tracking: Tracking) -> str:
    """A registered model of the test's own, without versions."""
    name = f"ModelOfTheGate{uuid.uuid4().hex[:6]}"
    tracking._client().create_registered_model(name)
    return name


def register(
    tracking: Tracking, model: str, folder: Path, right: str, *, metrics: dict[str, float] | None = None,
    answers: str | None = None, size: int = 500,
) -> str:  # fmt: skip
    """A version as the evaluator leaves it: metrics, every answer, and files of ``size`` bytes."""
    file = folder / "evaluation.json"
    file.write_text(answers if answers is not None else json.dumps({"data": "digits", "right": right}))
    logged = {"test_accuracy": right.count("1") / len(right), "test_samples": float(len(right))}
    run = tracking.log("cx-model-gate", "train", metrics=metrics or logged, files=[file])
    weights = folder / "weights"
    weights.write_bytes(b"x" * size)
    client = tracking._client()
    client.log_artifact(run.run_id, str(weights), "model")
    source = client.get_run(run.run_id).info.artifact_uri + "/model"
    return str(client.create_model_version(model, source, run.run_id).version)


def judged(tracking: Tracking, model: str, version: str, *lines: str) -> GateVerdict:
    return model_gate.judge(tracking, parse_gate("model", lines or LINES), version, model)


def test_good_model_passes_without_and_with_an_incumbent(
    tracking: Tracking, model: str, tmp_path: Path
) -> None:
    """Before the first production there is no comparison; afterwards it is with what is in production."""
    first = register(tracking, model, tmp_path, "1" * 440 + "0" * 10)
    alone = judged(tracking, model, first)
    assert alone.verdict is Verdict.PASS, alone.reason
    assert alone.criteria[1].verdict is Verdict.NOT_APPLICABLE
    tracking._client().set_registered_model_alias(model, "production", first)
    second = register(tracking, model, tmp_path, "1" * 441 + "0" * 9)
    both = judged(tracking, model, second)
    assert both.verdict is Verdict.PASS, both.reason
    assert "1 answers only it has right, 0 only version 1" in both.criteria[1].reason
    assert judged(tracking, model, first).criteria[1].verdict is Verdict.NOT_APPLICABLE


def test_worse_than_the_incumbent_fails(tracking: Tracking, model: str, tmp_path: Path) -> None:
    """Good enough by itself, and still a step back for users."""
    best = register(tracking, model, tmp_path, "1" * 450)
    tracking._client().set_registered_model_alias(model, "production", best)
    worse = register(tracking, model, tmp_path, "1" * 425 + "0" * 25)
    outcome = judged(tracking, model, worse)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.reason.startswith("accuracy vs incumbent by 2 %")


def test_size_is_that_of_the_files_that_mlflow_serves(tracking: Tracking, model: str, tmp_path: Path) -> None:
    """Not what a trainer said about it."""
    large = register(tracking, model, tmp_path, "1" * 450, size=1001)
    outcome = judged(tracking, model, large)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.criteria[3].value == 1.001


@pytest.mark.parametrize(
    ("answers", "says"),
    [("{", "evaluation.json"), ('{"right": "12", "data": "x"}', "no text of 0 and 1"), ("[]", "else")],
)  # fmt: skip
def test_answers_that_cannot_be_read_are_invalid(
    tracking: Tracking, model: str, tmp_path: Path, answers: str, says: str
) -> None:
    """Half an evaluation is none."""
    version = register(tracking, model, tmp_path, "1" * 450, answers=answers)
    outcome = judged(tracking, model, version, "accuracy >= 0.9")
    assert outcome.verdict is Verdict.INVALID
    assert says in outcome.reason


def test_what_mlflow_has_not_is_invalid(tracking: Tracking, model: str, tmp_path: Path) -> None:
    """No version, no metric, no answer: each says what is missing."""
    assert "no such version" in judged(tracking, model, "7").reason
    bare = register(tracking, model, tmp_path, "1" * 450, metrics={"f1": 1.0})
    outcome = judged(tracking, model, bare, "accuracy >= 0.9")
    assert outcome.verdict is Verdict.INVALID
    assert "no metric test_accuracy of version 1; it has: f1" in outcome.reason


def test_mlflow_that_is_away_is_invalid() -> None:
    """Whoever cannot be asked has said nothing."""
    outcome = judged(Tracking("http://127.0.0.1:1"), "m", "1", "accuracy >= 0.9")
    assert outcome.verdict is Verdict.INVALID
    assert "MLflow at http://127.0.0.1:1" in outcome.reason
