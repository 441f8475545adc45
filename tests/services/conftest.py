"""A real MLflow server on loopback, and the services in front of it.

MLflow and skops are imported where they are used: every process of a run of tests collects this folder, and
they take six seconds.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cxlib.wait import Look, wait_until

if TYPE_CHECKING:
    from mlflow import MlflowClient

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


@pytest.fixture
def mlflow_client(mlflow_url: str) -> MlflowClient:
    """A client of the real server, to which MLflow's process-wide address points as well."""
    import mlflow

    mlflow.set_tracking_uri(mlflow_url)
    return mlflow.MlflowClient(mlflow_url)


@pytest.fixture(scope="session")
def trained_run(mlflow_url: str) -> str:
    """The id of a run that a real training ended FINISHED."""
    import mlflow

    from services.trainer.run import Trainings

    mlflow.set_tracking_uri(mlflow_url)
    trainings = Trainings(mlflow.MlflowClient(mlflow_url), "trained", owner="trained")
    run_id = trainings.start("logistic-regression", "train")

    def look() -> Look[str]:
        status = trainings.client.get_run(run_id).info.status
        return Look(status, run_id, done=status == "FINISHED", hopeless=status in ("FAILED", "KILLED"))

    return wait_until("training", look, wanted="FINISHED", within=90, every=0.2)
