"""What several folders of tests share, and which tests stay together when several processes run them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from cxlib.clients import http
from cxlib.errors import Unreachable
from cxlib.wait import Budget, Look, wait_until
from tests.services.loopback import free_port
from tests.serving import serving

# Tests of one real server, which takes seconds to start, stay in one process.
TOGETHER = {
    "tests/cluster/test_promotion": "API server of the promotions",  # which take as long as all others
    "tests/cluster/": "API server",
    "tests/services/": "MLflow",
    "tests/clients/test_mlflow": "MLflow",
    "tests/clients/test_model_gate": "MLflow",
}


class ByServer(LoadScopeScheduling):
    """pytest-xdist's way to share out tests, by server and else by file."""

    def _split_scope(self, nodeid: str) -> str:
        own = nodeid.partition("::")[0]
        return next((server for path, server in TOGETHER.items() if own.startswith(path)), own)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByServer:
    return ByServer(config, log)


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server on SQLite that serves its artifacts, as the platform's does."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    argv = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--serve-artifacts",
        "--artifacts-destination", str(folder / "artifacts"), "--workers", "1",
    ]  # fmt: skip
    quiet = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    url = f"http://127.0.0.1:{port}"

    def look() -> Look[bool]:
        try:
            http.get_json(f"{url}/api/2.0/mlflow/experiments/get?experiment_id=0")
        except Unreachable as exc:
            return Look(str(exc)[:100])
        return Look.found(True)

    with serving(argv, folder / "log", cwd=folder, env=quiet):
        wait_until("MLflow", look, wanted="an answer", within=4 * Budget.BOOT, every=0.3)
        yield url
