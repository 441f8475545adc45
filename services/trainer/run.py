"""Training runs: begun at once, done in the background, each ended in MLflow exactly once."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Literal

import skops.io
from mlflow import MlflowClient
from mlflow import sklearn as mlflow_sklearn
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.models import Model, infer_signature

from services import dataset
from services.trainer.recipe import RECIPES, Recipe, train

FAILURE_TAG = "cx.failure"
OWNER_TAG = "cx.trainer"
MODEL_NAME = "model"
_REQUIREMENTS = ["scikit-learn==1.7.2", "skops==0.16.0"]
_log = logging.getLogger(__name__)
End = Literal["FINISHED", "FAILED", "KILLED"]


class Busy(Exception):
    """As many trainings are under way as the trainer takes."""


@dataclass(slots=True)
class Trainings:
    """The trainer's runs. ``owner`` marks them in MLflow, so that a restarted trainer knows its own."""

    client: MlflowClient
    experiment: str
    owner: str = "sample-trainer"
    at_most: int = 4
    _running: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def start(self, model_name: str, split: dataset.Split) -> str:
        """Begin to train ``model_name``, a key of ``RECIPES``, on ``split``; the MLflow run's id.

        Raises ``Busy``, and ``MlflowException`` when MLflow can't make the run.
        """
        with self._lock:
            if len(self._running) >= self.at_most:
                raise Busy(f"{self.at_most} trainings are under way; try again when one has ended")
            tags = {OWNER_TAG: self.owner, "mlflow.runName": model_name}
            run_id = str(self.client.create_run(self._experiment_id(), tags=tags).info.run_id)
            self._running.add(run_id)
        order = (run_id, model_name, split)
        threading.Thread(target=self._work, args=order, name=f"training-{run_id}", daemon=True).start()
        return run_id

    def stop(self, reason: str) -> None:
        """End every run that is under way as KILLED. What still computes may no longer end it itself."""
        with self._lock:
            running = tuple(self._running)
        for run_id in running:
            self._end(run_id, "KILLED", reason)

    def end_abandoned(self) -> int:
        """End as KILLED what an earlier trainer left RUNNING (it was killed hard); how many."""
        query = f"attributes.status = 'RUNNING' and tags.`{OWNER_TAG}` = '{self.owner}'"
        found = self.client.search_runs([self._experiment_id()], query)
        with self._lock:
            left = [run.info.run_id for run in found if run.info.run_id not in self._running]
            self._running.update(left)
        for run_id in left:
            self._end(run_id, "KILLED", "the trainer was ended in the middle of this run")
        return len(left)

    def _experiment_id(self) -> str:
        if known := self.client.get_experiment_by_name(self.experiment):
            return str(known.experiment_id)
        try:
            return str(self.client.create_experiment(self.experiment))
        except MlflowException as exc:
            # Somebody may have been quicker in between.
            if known := self.client.get_experiment_by_name(self.experiment):
                return str(known.experiment_id)
            raise MlflowException(f"experiment {self.experiment} can't be made: {exc}") from exc

    def _work(self, run_id: str, model_name: str, split: dataset.Split) -> None:
        try:
            with self._one_at_a_time:
                self._train(run_id, model_name, split)
        except Exception as exc:  # noqa: BLE001  # whatever it was, the run ends with it as its reason
            _log.exception("run %s failed", run_id)
            self._end(run_id, "FAILED", f"{type(exc).__name__}: {exc}")
        else:
            self._end(run_id, "FINISHED")

    def _train(self, run_id: str, model_name: str, split: dataset.Split) -> None:
        recipe, samples = RECIPES[model_name], dataset.load(split)
        said = {"model_name": model_name, "data_source": split, **recipe.parameters}
        self.client.log_batch(run_id, params=[Param(name, str(value)) for name, value in said.items()])
        began = time.monotonic()
        model = train(recipe, samples)
        seen = {
            "train_seconds": time.monotonic() - began,
            "train_samples": len(samples),
            "train_accuracy": float(model.score(samples.pixels, samples.digits)),
            "model_size_mb": len(skops.io.dumps(model)) / 1e6,
        }
        now = int(time.time() * 1000)
        self.client.log_batch(run_id, metrics=[Metric(name, value, now, 0) for name, value in seen.items()])
        self._log_model(run_id, model, recipe, samples)

    def _log_model(self, run_id: str, model: object, recipe: Recipe, samples: dataset.Samples) -> None:
        # Made by hand, as MLflow would otherwise file it under the experiment of a process-wide setting.
        made = self.client.create_logged_model(self._experiment_id(), name=MODEL_NAME, source_run_id=run_id)
        Model.log(
            artifact_path=None,  # `name` has taken its place, yet the signature still asks for it
            name=MODEL_NAME,
            model_id=made.model_id,
            flavor=mlflow_sklearn,
            run_id=run_id,
            sk_model=model,
            signature=infer_signature(samples.pixels, samples.digits),
            serialization_format="skops",
            skops_trusted_types=list(recipe.trusted_types),
            pip_requirements=_REQUIREMENTS,  # named, as MLflow otherwise finds them by a slow import
        )

    def _end(self, run_id: str, status: End, reason: str = "") -> None:
        """Whoever comes first ends the run; a later one changes nothing."""
        with self._lock:
            if run_id not in self._running:
                return
            self._running.discard(run_id)
            try:
                if reason:
                    self.client.set_tag(run_id, FAILURE_TAG, reason[:4000])
                self.client.set_terminated(run_id, status)
            except MlflowException:
                _log.exception("run %s is %s, and MLflow couldn't be told", run_id, status)


def from_environment() -> Trainings:
    """The trainings that ``MLFLOW_TRACKING_URI`` and ``EXPERIMENT`` say."""
    uri = os.environ["MLFLOW_TRACKING_URI"]
    import mlflow

    mlflow.set_tracking_uri(uri)
    return Trainings(MlflowClient(uri), os.environ.get("EXPERIMENT", "birdclef-training"))
