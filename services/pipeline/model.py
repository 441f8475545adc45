"""Registered models in MLflow: bring one here, and move an alias."""

from __future__ import annotations

import os
from pathlib import Path

from cxlib.errors import StageFailed, Unreachable
from services.pipeline import web

MODEL_NAME = "BirdClassificationModel"
MLFLOW_PORT = 8000


def download(mlflow: str, version: str, to: Path) -> Path:
    """The folder with ``models:/BirdClassificationModel/version``, under ``to``.

    Raises ``StageFailed`` when MLflow can't give it.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    os.environ["MLFLOW_TRACKING_URI"] = web.address(mlflow, MLFLOW_PORT)
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    uri = f"models:/{MODEL_NAME}/{version}"
    to.mkdir(parents=True, exist_ok=True)
    try:
        return Path(download_artifacts(artifact_uri=uri, dst_path=str(to)))
    except (MlflowException, OSError) as exc:
        raise StageFailed(f"download of {uri}", wanted="the model's files", seen=str(exc)) from exc


def set_alias(mlflow: str, alias: str, version: str) -> None:
    """Let ``alias`` name ``version``, and look again. Raises ``StageFailed``, ``Unreachable``."""
    url = f"{web.address(mlflow, MLFLOW_PORT)}/api/2.0/mlflow/registered-models/alias"
    body = {"name": MODEL_NAME, "alias": alias, "version": version}
    answer = web.call("POST", url, json=body)
    if answer.status != 200:
        raise StageFailed(f"alias {alias}", wanted=f"version {version}", seen=answer.reason)
    seen = alias_version(mlflow, alias)
    if seen != version:
        raise StageFailed(f"alias {alias}", wanted=f"version {version}", seen=str(seen))


def alias_version(mlflow: str, alias: str) -> str | None:
    """The version that ``alias`` names; None when there is no such alias."""
    url = f"{web.address(mlflow, MLFLOW_PORT)}/api/2.0/mlflow/registered-models/alias"
    answer = web.call("GET", url, params={"name": MODEL_NAME, "alias": alias})
    if answer.status == 200:
        return str(answer.data["model_version"]["version"])
    if answer.status in (400, 404):
        return None
    raise Unreachable(f"GET {url}: HTTP {answer.status}: {answer.reason}")
