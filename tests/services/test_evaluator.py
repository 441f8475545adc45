"""The sample evaluator against a real MLflow, on a really trained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from services import dataset

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL_NAME = "BirdClassificationModel"


def evaluator(uri: str, threshold: float) -> TestClient:
    from services.evaluator.app import create_app
    from services.evaluator.score import Evaluator

    return TestClient(create_app(Evaluator(asked(uri), threshold)))


def asked(uri: str) -> MlflowClient:
    """A client of the server at ``uri``, to which MLflow's process-wide address points as well."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient(uri)


def test_good_model_is_registered_once(mlflow_url: str, trained_run: str) -> None:
    """A workflow step may be repeated: the same run must not make a second version."""
    client = evaluator(mlflow_url, 0.9)
    first, second = (client.get("/get-version", params={"run_id": trained_run}) for _ in range(2))
    assert first.status_code == 200, first.text
    assert first.json()["accuracy"] > 0.9
    assert first.json() == second.json()
    versions = asked(mlflow_url).search_model_versions(f"name = '{MODEL_NAME}'")
    assert [v.version for v in versions if v.run_id == trained_run] == [first.json()["new_model_version"]]


def test_every_answer_is_logged_beside_the_share(mlflow_url: str, trained_run: str) -> None:
    """A gate bounds the share by how many answers it rests on, and compares two models answer by answer."""
    from services.evaluator.score import ANSWERS

    answer = evaluator(mlflow_url, 0.9).get("/get-version", params={"run_id": trained_run}).json()
    client, test = asked(mlflow_url), dataset.load("test")
    metrics = client.get_run(trained_run).data.metrics
    logged = json.loads(Path(client.download_artifacts(trained_run, ANSWERS)).read_text())
    assert metrics["test_samples"] == len(test) == len(logged["right"])
    assert logged["right"].count("1") / len(test) == metrics["test_accuracy"] == answer["accuracy"]
    assert logged["data"] == test.sha256 != dataset.load("train").sha256


def test_poor_model_is_refused_with_its_figures(mlflow_url: str, trained_run: str) -> None:
    """Only what is good enough gets a version; the reason says by how much it failed."""
    answer = evaluator(mlflow_url, 0.9999).get("/get-version", params={"run_id": trained_run})
    assert answer.status_code == 422
    assert "is below 0.9999" in answer.json()["detail"]


def test_unfinished_run_is_refused(mlflow_url: str) -> None:
    """A training that still runs, or has failed, has no model to trust."""
    client = asked(mlflow_url)
    run = client.create_run(client.create_experiment("unfinished")).info.run_id
    answer = evaluator(mlflow_url, 0.9).get("/get-version", params={"run_id": run})
    assert answer.status_code == 422
    assert "is RUNNING" in answer.json()["detail"]


def test_finished_run_without_model_is_refused(mlflow_url: str) -> None:
    """A user's trainer that forgot to log the model learns it here, not at the image build."""
    client = asked(mlflow_url)
    run = client.create_run(client.create_experiment("modelless")).info.run_id
    client.set_terminated(run, "FINISHED")
    answer = evaluator(mlflow_url, 0.9).get("/get-version", params={"run_id": run})
    assert answer.status_code == 422, answer.text
    assert "no readable model" in answer.json()["detail"]


def test_unknown_run_is_404(mlflow_url: str) -> None:
    """A mistyped run isn't the model's fault."""
    answer = evaluator(mlflow_url, 0.9).get("/get-version", params={"run_id": "0" * 32})
    assert answer.status_code == 404


def test_mlflow_that_is_away_is_503() -> None:
    """The workflow asks again after 503, and gives up after 422."""
    answer = evaluator("http://127.0.0.1:9", 0.9).get("/get-version", params={"run_id": "0" * 32})
    assert answer.status_code == 503


def test_threshold_out_of_range_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """90 instead of 0.9 would refuse every model, and -1 none."""
    from services.evaluator.score import from_environment

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("ACCURACY_THRESHOLD", "90")
    with pytest.raises(ValueError, match="ACCURACY_THRESHOLD"):
        from_environment()


def test_splits_share_no_sample_and_hold_every_digit() -> None:
    """Held-out accuracy means nothing if the model has seen the samples."""
    train, test = dataset.load("train"), dataset.load("test")
    assert len(train) + len(test) == 1797
    seen = {row.tobytes() for row in train.pixels}
    assert not any(row.tobytes() in seen for row in test.pixels)
    assert set(train.digits) == set(test.digits) == set(range(10))
