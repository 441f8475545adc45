"""HTTP front of the application.

A prediction takes less than a millisecond, so it runs in the event loop: a pool of threads would
cost more than it gives.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from pydantic import BaseModel, Field

from services.wrapper.leaving import Leaving
from services.wrapper.model import FEATURES, NoModel, ServedModel, load

_AT_MOST = 1000
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0)
_Instance = Annotated[
    list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=FEATURES, max_length=FEATURES)
]


class Question(BaseModel):
    """1 to 1,000 instances of 64 pixels, each 0 to 16."""

    instances: Annotated[list[_Instance], Field(min_length=1, max_length=_AT_MOST)]


class Answer(BaseModel):
    """One digit, 0 to 9, an instance."""

    predictions: list[int]
    model_version: str


class Version(BaseModel):
    """What runs: null or empty where it isn't known or there is no model."""

    model_version: str | None
    image_digest: str
    image_tag: str


class Metrics:
    """The counts and times that ``/metrics`` shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "predict_answers_total", "Answers of /predict", ["code"], registry=self.registry
        )
        self.seconds = Histogram(
            "predict_seconds", "Time of a prediction", buckets=_BUCKETS, registry=self.registry
        )


def create_app(folder: Path | None = None) -> FastAPI:
    """The application that serves the model in ``folder`` (``MODEL_DIR``, or /app/model)."""
    place = folder or Path(os.environ.get("MODEL_DIR", "/app/model"))
    model, why_not = _load(place)
    metrics = Metrics()
    app = FastAPI(title="BirdCLEF application")
    app.add_exception_handler(RequestValidationError, _say_what_is_wrong)
    app.add_middleware(Leaving, sign=os.environ.get("LEAVING_SIGN", ""))

    @app.post("/predict")
    async def predict(question: Question) -> Answer:
        if model is None:
            metrics.answers.labels("503").inc()
            raise HTTPException(503, why_not)
        began = time.perf_counter()
        answer = Answer(predictions=model.predict(question.instances), model_version=model.version)
        metrics.seconds.observe(time.perf_counter() - began)
        metrics.answers.labels("200").inc()
        return answer

    @app.get("/version")
    async def version() -> Version:
        return Version(
            model_version=model.version if model else None,
            image_digest=os.environ.get("IMAGE_DIGEST", ""),
            image_tag=os.environ.get("IMAGE_TAG", ""),
        )

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "model": model.version if model else why_not}

    @app.get("/metrics")
    async def show_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _load(place: Path) -> tuple[ServedModel | None, str]:
    """The model, or why there is none. A model that is there and can't be read stops the start."""
    try:
        return load(place), ""
    except NoModel as exc:
        return None, str(exc)


async def _say_what_is_wrong(_: Request, wrong: Exception) -> Response:
    """422 with place and reason, without what was sent: that may be large, or no JSON (infinity)."""
    assert isinstance(wrong, RequestValidationError)
    detail = [{"loc": [*error["loc"]], "msg": error["msg"]} for error in wrong.errors()[:10]]
    return JSONResponse({"detail": detail}, 422)
