"""Scoring and registering; idempotent for each run."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Any

import mlflow
import mlflow.sklearn
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from services import dataset

MODEL_NAME = "BirdClassificationModel"
ANSWERS = "evaluation.json"


class Refused(Exception):
    """The run's model isn't registered, and why."""


class UnknownRun(Exception):
    """MLflow has no such run."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A version of ``BirdClassificationModel``; ``accuracy`` on the test split, 0 to 1."""

    version: str
    accuracy: float


@dataclass(slots=True)
class Evaluator:
    """Registers a model when its accuracy on the test split is at least ``threshold``, 0 to 1."""

    client: MlflowClient
    threshold: float = 0.9
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new_version(self, run_id: str) -> Registered:
        """Score the model of ``run_id`` and register it; asked again, the same version.

        Raises ``UnknownRun``, ``Refused`` (the run hasn't finished, has no model, or the model isn't
        good enough), and ``MlflowException`` when MLflow fails.
        """
        with self._lock:
            self._check_finished(run_id)
            accuracy = self._accuracy(run_id)
            if accuracy < self.threshold:
                raise Refused(
                    f"run {run_id}: accuracy {accuracy:.4f} on held-out data is below {self.threshold}; "
                    "not registered"
                )
            return Registered(self._known_version(run_id) or self._register(run_id, accuracy), accuracy)

    def _check_finished(self, run_id: str) -> None:
        try:
            status = self.client.get_run(run_id).info.status
        except MlflowException as exc:
            if exc.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise UnknownRun(f"MLflow has no run {run_id}") from exc
            raise
        if status != "FINISHED":
            raise Refused(f"run {run_id} is {status}, and only a FINISHED one is evaluated")

    def _accuracy(self, run_id: str) -> float:
        """Log how the run's model does on the test split: the share that is right, of how many, and which.

        The single answers let two models be compared sample by sample, which takes far fewer of them.
        """
        samples = dataset.load("test")
        right = self._model(run_id).predict(samples.pixels) == samples.digits
        accuracy = float(right.mean())
        self.client.log_metric(run_id, "test_accuracy", accuracy)
        self.client.log_metric(run_id, "test_samples", len(samples))
        answers = {"data": samples.sha256, "right": "".join("01"[bool(one)] for one in right)}
        self.client.log_dict(run_id, answers, ANSWERS)
        return accuracy

    def _model(self, run_id: str) -> Any:
        try:
            return mlflow.sklearn.load_model(f"runs:/{run_id}/model")
        except MlflowException as exc:
            if exc.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise Refused(f"run {run_id} has no readable model: {exc}") from exc
            raise

    def _known_version(self, run_id: str) -> str | None:
        found = self.client.search_model_versions(f"name = '{MODEL_NAME}' and run_id = '{run_id}'")
        return str(min(int(v.version) for v in found)) if found else None

    def _register(self, run_id: str, accuracy: float) -> str:
        tags = {"cx.accuracy": f"{accuracy:.4f}"}
        return str(mlflow.register_model(f"runs:/{run_id}/model", MODEL_NAME, tags=tags).version)


def from_environment() -> Evaluator:
    """The evaluator that ``MLFLOW_TRACKING_URI`` and ``ACCURACY_THRESHOLD`` (0 to 1) say."""
    uri = os.environ["MLFLOW_TRACKING_URI"]
    mlflow.set_tracking_uri(uri)
    threshold = float(os.environ.get("ACCURACY_THRESHOLD", "0.9"))
    if not 0 < threshold <= 1:
        raise ValueError(f"ACCURACY_THRESHOLD: {threshold} isn't a share above 0 and up to 1")
    return Evaluator(MlflowClient(uri), threshold)
