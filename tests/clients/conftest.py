"""Real services on loopback, each for as long as the session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cxlib.clients.mlflow import Tracking
from cxlib.clients.objectstore import ObjectStore
from cxlib.errors import Unreachable
from cxlib.stage import supply
from cxlib.wait import Budget, Look, wait_until
from tests.serving import free_ports, serving


@pytest.fixture
def tracking(mlflow_url: str) -> Tracking:
    """A client of that server."""
    return Tracking(mlflow_url)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A real MinIO."""
    port, console = free_ports(2)
    argv = [
        str(supply.toolchain_bin("minio")), "server", str(tmp_path_factory.mktemp("minio")), "--quiet",
        "--address", f"127.0.0.1:{port}", "--console-address", f"127.0.0.1:{console}",
    ]  # fmt: skip
    keys = {"MINIO_ROOT_USER": "cx-test", "MINIO_ROOT_PASSWORD": "not-a-secret-1", "MINIO_UPDATE": "off"}
    found = ObjectStore(f"127.0.0.1:{port}", "cx-test", "not-a-secret-1")

    def look() -> Look[bool]:
        try:
            found.buckets()
        except Unreachable as exc:
            return Look(str(exc)[:100])
        return Look.found(True)

    with serving(argv, tmp_path_factory.mktemp("log") / "minio", env=os.environ | keys):
        wait_until("MinIO", look, wanted="an answer", within=Budget.ANSWER, every=0.2)
        found._client.make_bucket(bucket_name="test")
        yield found
