"""A real MLflow server on loopback, and the services in front of it."""

from __future__ import annotations

import os
import socket
import subprocess  # noqa: TID251  # a server that stays, not a command that ends
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from cxlib.wait import Look, wait_until

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str, server: subprocess.Popen[bytes]) -> Look[str]:
    """Whether ``url`` answers 200; hopeless when its server has ended."""
    if server.poll() is not None:
        return Look(f"the server ended with {server.returncode}", hopeless=True)
    try:
        code = requests.get(url, timeout=2).status_code
    except requests.RequestException as exc:
        return Look(type(exc).__name__)
    return Look.found(url) if code == 200 else Look(f"HTTP {code}")


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server with a store and artifacts of its own."""
    folder: Path = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
            *("--artifacts-destination", str(folder / "artifacts")),
        ],
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("wb"),
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until("MLflow", lambda: answers(f"{url}/health", server), wanted="200", within=90, every=0.3)
        yield url
    finally:
        server.terminate()
        server.wait(20)
