"""A real MLflow server on loopback, and the services in front of it."""

from __future__ import annotations

import os

import mlflow
import pytest
from mlflow import MlflowClient

from cxlib.wait import Look, wait_until
from services.trainer.run import Trainings

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


@pytest.fixture
def mlflow_client(mlflow_url: str) -> MlflowClient:
    """A client of the real server, to which MLflow's process-wide address points as well."""
    mlflow.set_tracking_uri(mlflow_url)
    return MlflowClient(mlflow_url)


@pytest.fixture(scope="session")
def trained_run(mlflow_url: str) -> str:
    """The id of a run that a real training ended FINISHED."""
    mlflow.set_tracking_uri(mlflow_url)
    trainings = Trainings(MlflowClient(mlflow_url), "trained", owner="trained")
    run_id = trainings.start("logistic-regression", "train")

    def look() -> Look[str]:
        status = trainings.client.get_run(run_id).info.status
        return Look(status, run_id, done=status == "FINISHED", hopeless=status in ("FAILED", "KILLED"))

    return wait_until("training", look, wanted="FINISHED", within=90, every=0.2)
