"""One MLflow for all processes that share a folder: each start of it is twelve seconds of processor time."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path

from cxlib.clients import http
from cxlib.errors import Unreachable
from cxlib.wait import Budget, Look, wait_until
from tests.serving import end, free_port, start


def begin(folder: Path) -> str:
    """Its address; started when none of the processes that share ``folder`` has done so yet."""
    folder.mkdir(exist_ok=True)
    known = folder / "mlflow.json"
    with (folder / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            known.write_text(json.dumps(_start(folder)))
    return str(json.loads(known.read_text())["url"])


def wait(url: str) -> None:
    """Until it answers."""

    def look() -> Look[bool]:
        try:
            http.get_json(f"{url}/api/2.0/mlflow/experiments/get?experiment_id=0")
        except Unreachable as exc:
            return Look(str(exc)[:100])
        return Look.found(True)

    wait_until("MLflow", look, wanted="an answer", within=4 * Budget.BOOT, every=0.3)


def stop(folder: Path) -> None:
    """End whatever was started in ``folder`` and the folders in it."""
    for known in folder.rglob("mlflow.json"):
        end(json.loads(known.read_text())["pid"])


def _start(folder: Path) -> dict[str, object]:
    port = free_port()
    argv = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--serve-artifacts",
        "--artifacts-destination", str(folder / "artifacts"), "--workers", "1",
        # instead of uvicorn, which takes twice the processor time for a request: 17 ms
        "--gunicorn-opts", "--threads 8 --log-level warning",
    ]  # fmt: skip
    quiet = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    child = start(argv, folder / "mlflow.log", env=quiet, cwd=folder)
    return {"url": f"http://127.0.0.1:{port}", "pid": child.pid}
