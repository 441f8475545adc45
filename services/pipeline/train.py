"""Order a training and follow its MLflow run to the end."""

from __future__ import annotations

from cxlib.errors import StageFailed, Unreachable
from cxlib.wait import Look, wait_until
from services.pipeline import web

TRAINER_PORT, MLFLOW_PORT = 9090, 8000
FAILURE_TAG = "cx.failure"
_ANSWERS_WITHIN = 60.0


def train(
    trainer: str, mlflow: str, model_name: str, data_source: str, *, within: float, every: float = 2.0
) -> str:
    """Train ``model_name`` on ``data_source``; the MLflow run's id once it is FINISHED.

    ``trainer`` and ``mlflow`` are hosts, with a port where it isn't the usual one; ``within`` is in
    seconds. Raises ``StageFailed`` when the trainer refuses, ``Unrecoverable`` with MLflow's reason
    when the run ends FAILED or KILLED, ``WaitTimedOut``.
    """
    run_id = _order(web.address(trainer, TRAINER_PORT), model_name, data_source)
    follow(run_id, web.address(mlflow, MLFLOW_PORT), within=within, every=every)
    return run_id


def _order(trainer: str, model_name: str, data_source: str) -> str:
    """Not repeated after an order was sent: it may have been taken without an answer."""
    url = f"{trainer}/train"
    wait_until("trainer", lambda: _answers(trainer), wanted="an answer", within=_ANSWERS_WITHIN)
    answer = web.call("POST", url, params={"model_name": model_name, "data_source": data_source})
    run_id = answer.data.get("run_id") if isinstance(answer.data, dict) else None
    if answer.status != 200 or not isinstance(run_id, str) or not run_id:
        raise StageFailed(f"POST {url}", wanted="a run_id", seen=f"HTTP {answer.status}: {answer.reason}")
    return run_id


def _answers(service: str) -> Look[bool]:
    """Any answer will do: not every trainer has a health check."""
    try:
        web.call("GET", f"{service}/healthz", answer_within=10)
    except Unreachable as exc:
        return Look(str(exc))
    return Look.found(True)


def follow(run_id: str, mlflow: str, *, within: float, every: float) -> None:
    """Until MLflow's run ``run_id`` is FINISHED. Short failures of MLflow are waited out."""
    wait_until(
        f"training run {run_id}", lambda: _look(run_id, mlflow), wanted="FINISHED", within=within, every=every
    )


def _look(run_id: str, mlflow: str) -> Look[bool]:
    try:
        answer = web.call("GET", f"{mlflow}/api/2.0/mlflow/runs/get", params={"run_id": run_id})
    except Unreachable as exc:
        return Look(str(exc))
    if answer.status != 200:
        return Look(f"HTTP {answer.status} from MLflow: {answer.reason}", hopeless=True)
    run = answer.data["run"]
    status = run["info"]["status"]
    if status == "FINISHED":
        return Look.found(True, status)
    if status in ("FAILED", "KILLED"):
        tags = {tag["key"]: tag["value"] for tag in run.get("data", {}).get("tags", [])}
        return Look(f"{status}: {tags.get(FAILURE_TAG, 'MLflow holds no reason')}", hopeless=True)
    return Look(status)
