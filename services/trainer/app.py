"""HTTP front of the trainer."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Query
from mlflow.exceptions import MlflowException

from services import dataset, reason
from services.trainer.recipe import RECIPES
from services.trainer.run import Busy, Trainings, from_environment

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 2.0


def create_app(trainings: Trainings | None = None) -> FastAPI:
    """The trainer; without ``trainings`` those of the environment."""
    runs = trainings or from_environment()
    app = FastAPI(title="Sample trainer", lifespan=_lifespan(runs))

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/train")
    def train(
        model_name: Annotated[str, Query()], data_source: Annotated[str, Query()] = "train"
    ) -> dict[str, str]:
        """Begin a training; answers at once with the MLflow run to follow."""
        if model_name not in RECIPES:
            raise reason.unprocessable(
                f"model_name '{model_name}' is not offered; use one of: {', '.join(RECIPES)}"
            )
        if data_source != "train":
            raise reason.unprocessable(
                f"data_source '{data_source}' is not for training; use 'train' "
                f"(the data has the splits {', '.join(dataset.SPLITS)}, and test is held out)"
            )
        try:
            return {"run_id": runs.start(model_name, "train")}
        except Busy as exc:
            raise reason.unavailable(str(exc)) from exc
        except MlflowException as exc:
            raise reason.unavailable(f"MLflow didn't take the run: {exc}") from exc

    return app


def _lifespan(runs: Trainings):  # type: ignore[no-untyped-def]  # FastAPI's own type is private
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        ending = threading.Event()
        threading.Thread(target=_end_abandoned, args=(runs, ending), daemon=True).start()
        yield
        ending.set()
        runs.stop("the trainer was told to stop (SIGTERM)")

    return lifespan


def _end_abandoned(runs: Trainings, ending: threading.Event) -> None:
    """As soon as MLflow answers, end the runs that an earlier trainer left behind."""
    while not ending.is_set():
        try:
            if left := runs.end_abandoned():
                _log.warning("%d abandoned runs ended as KILLED", left)
            return
        except MlflowException as exc:
            _log.warning("MLflow doesn't answer yet: %s", exc)
            ending.wait(_RETRY_SECONDS)
