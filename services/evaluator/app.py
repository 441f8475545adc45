"""HTTP front of the evaluator."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from mlflow.exceptions import MlflowException
from pydantic import BaseModel

from services import reason
from services.evaluator.score import Evaluator, Refused, UnknownRun, from_environment


class Answer(BaseModel):
    """``accuracy`` on held-out data, 0 to 1."""

    new_model_version: str
    accuracy: float


def create_app(evaluator: Evaluator | None = None) -> FastAPI:
    """The evaluator; without ``evaluator`` the environment's."""
    scores = evaluator or from_environment()
    app = FastAPI(title="Sample evaluator")

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/get-version")
    def get_version(run_id: Annotated[str, Query(pattern=r"^[0-9a-zA-Z_-]{1,64}$")]) -> Answer:
        """Score the run's model; the version under which it is registered."""
        try:
            new = scores.new_version(run_id)
        except UnknownRun as exc:
            raise reason.missing(str(exc)) from exc
        except Refused as exc:
            raise reason.unprocessable(str(exc)) from exc
        except MlflowException as exc:
            raise reason.unavailable(f"MLflow failed: {exc}") from exc
        return Answer(new_model_version=new.version, accuracy=new.accuracy)

    return app
