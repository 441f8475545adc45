"""MLflow's runs over its REST API: find some, read a file, note one. Importing MLflow takes seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cxlib.errors import Unreachable
from services.pipeline import web
from services.pipeline.model import MLFLOW_PORT

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Run:
    """A run's id, tags and parameters; when it was begun, and whether it was noted to its end."""

    run_id: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    started: datetime
    finished: bool


def search(mlflow: str, experiment: str, tags: Mapping[str, str], *, deleted: bool = False) -> Iterator[Run]:
    """All runs of ``experiment`` with these tags, newest first; none without the experiment.

    Raises ``Unreachable``.
    """
    where = _experiment(mlflow, experiment)
    if where is None:
        return
    query: dict[str, Any] = {
        "experiment_ids": [where],
        "filter": " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items()),
        "run_view_type": "ALL" if deleted else "ACTIVE_ONLY",
        "max_results": _PAGE,
    }
    while True:
        found = _call(mlflow, "POST", "runs/search", query)
        for run in found.get("runs") or []:
            yield _run(run)
        if not found.get("next_page_token"):
            return
        query["page_token"] = found["next_page_token"]


def artifact(mlflow: str, run_id: str, name: str) -> bytes | None:
    """The bytes of a run's file; None when there is no such file. Raises ``Unreachable``.

    Listed first: asked for a file that isn't there, MLflow answers as if it were broken itself.
    """
    listed = _call(mlflow, "GET", "artifacts/list", None, {"run_id": run_id})
    if name not in [item.get("path") for item in listed.get("files") or []]:
        return None
    url = f"{web.address(mlflow, MLFLOW_PORT)}/get-artifact"
    answer = web.call("GET", url, params={"run_id": run_id, "path": name})
    if answer.status != 200:
        raise Unreachable(f"GET {url}: HTTP {answer.status}: {answer.reason}")
    return answer.content


def note(mlflow: str, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, str]) -> str:
    """Note a finished run in ``experiment``, made when missing; the run's id. Raises ``Unreachable``.

    It has its tags from the first moment, so whoever is killed on the way leaves what ``finish`` ends.
    """
    where = _experiment(mlflow, experiment) or _make(mlflow, experiment)
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    made = {"experiment_id": where, "run_name": name, "start_time": _now(), "tags": listed}
    begun = _run(_call(mlflow, "POST", "runs/create", made)["run"])
    finish(mlflow, begun, params)
    return begun.run_id


def finish(mlflow: str, begun: Run, params: Mapping[str, str]) -> None:
    """End a run that was ``begun``, with those of the ``params`` that it lacks. Raises ``Unreachable``."""
    lacking = {key: value[:500] for key, value in params.items() if key not in begun.params}
    batch = [{"key": key, "value": value} for key, value in lacking.items()]
    _call(mlflow, "POST", "runs/log-batch", {"run_id": begun.run_id, "params": batch})
    ended = {"run_id": begun.run_id, "status": "FINISHED", "end_time": _now()}
    _call(mlflow, "POST", "runs/update", ended)


def _run(told: Mapping[str, Any]) -> Run:
    """A run as MLflow tells of it."""
    data, info = told.get("data", {}), told["info"]
    tags, params = ({one["key"]: one["value"] for one in data.get(kind) or []} for kind in ("tags", "params"))
    started = datetime.fromtimestamp(int(info["start_time"]) / 1000, UTC)
    return Run(info["run_id"], tags, params, started, info.get("status") == "FINISHED")


def _now() -> int:
    """In MLflow's unit: milliseconds."""
    return int(time.time() * 1000)


def _experiment(mlflow: str, name: str) -> str | None:
    url = f"{web.address(mlflow, MLFLOW_PORT)}/api/2.0/mlflow/experiments/get-by-name"
    answer = web.call("GET", url, params={"experiment_name": name})
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise Unreachable(f"GET {url}: HTTP {answer.status}: {answer.reason}")
    return str(answer.data["experiment"]["experiment_id"])


def _make(mlflow: str, name: str) -> str:
    return str(_call(mlflow, "POST", "experiments/create", {"name": name})["experiment_id"])


def _call(
    mlflow: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    url = f"{web.address(mlflow, MLFLOW_PORT)}/api/2.0/mlflow/{path}"
    answer = web.call(method, url, json=body, params=query)
    if answer.status != 200 or not isinstance(answer.data, dict):
        raise Unreachable(f"{method} {url}: HTTP {answer.status}: {answer.reason}")
    return answer.data
