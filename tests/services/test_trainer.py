"""The sample trainer against a real MLflow, with real trainings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from cxlib.wait import Look, wait_until
from services import dataset
from tests.tiers import sampled

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from services.trainer.run import Trainings

# As the trainer's tag in MLflow is named, for whoever reads it there.
FAILURE_TAG = "cx.failure"
RECIPES = ("logistic-regression", "support-vector", "random-forest", "mlp")


@pytest.fixture
def trainings(mlflow_client: MlflowClient, request: pytest.FixtureRequest) -> Trainings:
    from services.trainer.run import Trainings

    name = request.node.name
    return Trainings(mlflow_client, f"trainer-{name}", owner=name)


@pytest.fixture
def trainer(trainings: Trainings) -> Iterator[TestClient]:
    from services.trainer.app import create_app

    with TestClient(create_app(trainings)) as client:
        yield client


def ended(client: MlflowClient, run_id: str) -> Run:
    """The run, once it has ended."""

    def look() -> Look[Run]:
        run = client.get_run(run_id)
        return Look(run.info.status, run, done=run.info.status != "RUNNING")

    return wait_until(f"run {run_id}", look, wanted="ended", within=60, every=0.2)


def late_work(trainings: Trainings) -> Look[bool]:
    """Whether no training thread is left."""
    left = [thread for thread in threading.enumerate() if thread.name.startswith("training-")]
    return Look(f"{len(left)} threads", True, done=not left)


@pytest.mark.parametrize("model_name", sampled(RECIPES, every_run=("logistic-regression",)))
def test_training_logs_parameters_metrics_and_model(
    trainer: TestClient, trainings: Trainings, model_name: str
) -> None:
    """Each recipe trains for real: the run has what the evaluator and the gates read."""
    answer = trainer.post("/train", params={"model_name": model_name, "data_source": "train"})
    assert answer.status_code == 200
    run = ended(trainings.client, answer.json()["run_id"])
    assert run.info.status == "FINISHED", run.data.tags.get(FAILURE_TAG)
    assert run.data.params["model_name"] == model_name
    assert run.data.metrics["train_accuracy"] > 0.95
    assert run.data.metrics["train_samples"] == len(dataset.load("train"))
    assert 0 < run.data.metrics["model_size_mb"] < 250


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"model_name": "resnet50"}, f"use one of: {', '.join(RECIPES)}"),
        ({"model_name": "mlp", "data_source": "test"}, "held out"),
        ({"model_name": "mlp", "data_source": "moon"}, "use 'train'"),
    ],
)
def test_impossible_order_is_refused_with_what_is_possible(
    trainer: TestClient, params: dict[str, str], says: str
) -> None:
    """A person who mistypes learns what to type; and held-out data never trains a model."""
    answer = trainer.post("/train", params=params)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


def test_failed_training_says_why_in_mlflow(trainings: Trainings) -> None:
    """The workflow fails with MLflow's reason, so the reason has to be there."""
    run = ended(trainings.client, trainings.start("no-such-recipe", "train"))
    assert run.info.status == "FAILED"
    assert "no-such-recipe" in run.data.tags[FAILURE_TAG]


def test_stopped_trainer_ends_its_runs_killed(trainings: Trainings) -> None:
    """Nobody polls a run for ever whose trainer is gone; and late work can't call it finished."""
    with trainings._one_at_a_time:  # the training stands before its beginning
        run_id = trainings.start("logistic-regression", "train")
        trainings.stop("told to stop")
    run = ended(trainings.client, run_id)
    assert run.info.status == "KILLED"
    assert run.data.tags[FAILURE_TAG] == "told to stop"
    wait_until("late work", lambda: late_work(trainings), wanted="done", within=60, every=0.2)
    assert trainings.client.get_run(run_id).info.status == "KILLED"


def test_restarted_trainer_ends_what_a_killed_one_left(trainings: Trainings) -> None:
    """A trainer that dies without SIGTERM leaves RUNNING runs; the next one knows them by its tag."""
    experiment = trainings.client.create_experiment(trainings.experiment)
    left = trainings.client.create_run(experiment, tags={"cx.trainer": trainings.owner}).info.run_id
    foreign = trainings.client.create_run(experiment, tags={"cx.trainer": "another"}).info.run_id
    assert trainings.end_abandoned() == 1
    assert trainings.client.get_run(left).info.status == "KILLED"
    assert trainings.client.get_run(foreign).info.status == "RUNNING"


def test_full_trainer_says_so(trainings: Trainings) -> None:
    """More orders than it can do would only be forgotten in a queue."""
    from services.trainer.run import Busy

    trainings.at_most = 1
    first = trainings.start("logistic-regression", "train")
    with pytest.raises(Busy, match="try again"):
        trainings.start("logistic-regression", "train")
    ended(trainings.client, first)


def test_healthz_answers_without_mlflow() -> None:
    """Kubernetes asks whether the trainer lives, not whether MLflow does."""
    from mlflow import MlflowClient

    from services.trainer.app import create_app
    from services.trainer.run import Trainings

    nowhere = Trainings(MlflowClient("http://127.0.0.1:9"), "none")
    with TestClient(create_app(nowhere)) as client:
        assert client.get("/healthz").status_code == 200
