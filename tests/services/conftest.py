"""A real MLflow server on loopback, and the services in front of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from cxlib.clients import process
from cxlib.wait import Look, wait_until
from services.trainer.run import Trainings
from tests.services.loopback import answers, free_port

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server with a store and artifacts of its own."""
    folder: Path = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    argv = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    url = f"http://127.0.0.1:{port}"
    with process.background(argv, env=environment, log=folder / "log") as server:
        wait_until("MLflow", lambda: answers(f"{url}/health", server), wanted="200", within=120, every=0.3)
        yield url


@pytest.fixture
def mlflow_client(mlflow_uri: str) -> MlflowClient:
    """A client of the real server, to which MLflow's process-wide address points as well."""
    mlflow.set_tracking_uri(mlflow_uri)
    return MlflowClient(mlflow_uri)


@pytest.fixture(scope="session")
def trained_run(mlflow_uri: str) -> str:
    """The id of a run that a real training ended FINISHED."""
    mlflow.set_tracking_uri(mlflow_uri)
    trainings = Trainings(MlflowClient(mlflow_uri), "trained", owner="trained")
    run_id = trainings.start("logistic-regression", "train")

    def look() -> Look[str]:
        status = trainings.client.get_run(run_id).info.status
        return Look(status, run_id, done=status == "FINISHED", hopeless=status in ("FAILED", "KILLED"))

    return wait_until("training", look, wanted="FINISHED", within=90, every=0.2)
