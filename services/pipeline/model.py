"""Registered models in MLflow: bring one here, and move an alias."""

from __future__ import annotations

import os
from pathlib import Path

from cxlib.errors import StageFailed, Unreachable
from services.pipeline import web

MODEL_NAME = "BirdClassificationModel"
MLFLOW_PORT = 8000
_API = "api/2.0/mlflow"


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


def registered(mlflow: str, version: str) -> bool:
    """Whether MLflow has that version of the model. Raises ``Unreachable``."""
    url = f"{web.address(mlflow, MLFLOW_PORT)}/{_API}/model-versions/get"
    answer = web.call("GET", url, params={"name": MODEL_NAME, "version": version})
    if answer.status in (200, 400, 404):
        return answer.status == 200
    raise Unreachable(f"GET {url}: HTTP {answer.status}: {answer.reason}")


def set_alias(mlflow: str, alias: str, version: str | None) -> None:
    """Let ``alias`` name ``version`` (None: let there be none), and look again.

    Raises ``StageFailed``, ``Unreachable``.
    """
    body = {"name": MODEL_NAME, "alias": alias}
    wanted = f"version {version}" if version else "no such alias"
    if version is None:
        answer = web.call("DELETE", _alias_url(mlflow), json=body)
    else:
        answer = web.call("POST", _alias_url(mlflow), json={**body, "version": version})
    seen = alias_version(mlflow, alias)
    if seen != version:
        raise StageFailed(
            f"alias {alias}", wanted=wanted, seen=f"{seen} (HTTP {answer.status}: {answer.reason})"
        )


def alias_version(mlflow: str, alias: str) -> str | None:
    """The version that ``alias`` names; None when there is no such alias."""
    url = _alias_url(mlflow)
    answer = web.call("GET", url, params={"name": MODEL_NAME, "alias": alias})
    if answer.status == 200:
        return str(answer.data["model_version"]["version"])
    if answer.status in (400, 404):
        return None
    raise Unreachable(f"GET {url}: HTTP {answer.status}: {answer.reason}")


def _alias_url(mlflow: str) -> str:
    return f"{web.address(mlflow, MLFLOW_PORT)}/{_API}/registered-models/alias"
