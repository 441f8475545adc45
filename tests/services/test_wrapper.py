"""The application with a really trained model beside it, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from fastapi.testclient import TestClient

from cxlib.clients import process
from cxlib.wait import wait_until
from services import dataset
from services.pipeline import model as registered
from services.wrapper.app import create_app
from services.wrapper.model import load
from tests.services.loopback import answers
from tests.serving import free_port


@pytest.fixture(scope="module")
def model_folder(mlflow_url: str, trained_run: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The registered model's folder, downloaded as the build step does it, with a version."""
    import mlflow

    mlflow.set_tracking_uri(mlflow_url)
    version = str(mlflow.register_model(f"runs:/{trained_run}/model", registered.MODEL_NAME).version)
    folder = registered.download(mlflow_url, version, tmp_path_factory.mktemp("model"))
    (folder / "version.json").write_text(json.dumps({"version": version}))
    return folder


@pytest.fixture(scope="module")
def served(model_folder: Path) -> Iterator[str]:
    """Base URL of a real application process."""
    port = free_port()
    program = (
        "import sys, uvicorn; from pathlib import Path; from services.wrapper.app import create_app; "
        "assert 'mlflow' not in sys.modules; "
        f"uvicorn.run(create_app(Path({str(model_folder)!r})), port={port}, access_log=False)"
    )
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "IMAGE_DIGEST": "sha256:abc",
        "IMAGE_TAG": "staging-1.0.1",
    }
    url = f"http://127.0.0.1:{port}"
    with process.background([sys.executable, "-c", program], env=environment) as server:
        wait_until(
            "application", lambda: answers(f"{url}/healthz", server), wanted="200", within=60, every=0.2
        )
        yield url


def test_predictions_are_right(served: str) -> None:
    """The served model is the trained one: as good on held-out data as the evaluator found."""
    test = dataset.load("test")
    answer = requests.post(f"{served}/predict", json={"instances": test.pixels.tolist()}, timeout=30)
    right = [p == d for p, d in zip(answer.json()["predictions"], test.digits.tolist(), strict=True)]
    assert statistics.mean(right) > 0.9


def test_version_says_model_digest_and_tag(served: str, model_folder: Path) -> None:
    """The harness proves with it what runs."""
    version = json.loads((model_folder / "version.json").read_text())["version"]
    assert requests.get(f"{served}/version", timeout=5).json() == {
        "model_version": version,
        "image_digest": "sha256:abc",
        "image_tag": "staging-1.0.1",
    }


@pytest.mark.parametrize(
    "instances", [[], [[1.0] * 63], [[1.0] * 65], [["a"] * 64], [[float("1e999")] * 64], [[0.0] * 64] * 1001]
)
def test_wrong_shapes_are_422(served: str, instances: list[object]) -> None:
    """A caller's mistake is the caller's: 422, not a 500 that a gate counts against the service."""
    body = json.dumps({"instances": instances})
    headers = {"Content-Type": "application/json"}
    assert requests.post(f"{served}/predict", data=body, headers=headers, timeout=10).status_code == 422


def test_eight_clients_at_once_are_served(served: str) -> None:
    """The application's target: 8 concurrent requests, none failed."""
    body = {"instances": [[0.0] * 64]}

    def client(_: int) -> list[int]:
        with requests.Session() as session:
            return [session.post(f"{served}/predict", json=body, timeout=20).status_code for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        codes = [code for found in pool.map(client, range(8)) for code in found]
    assert codes == [200] * 160


def test_metrics_count_predictions(served: str) -> None:
    """Prometheus reads them."""
    requests.post(f"{served}/predict", json={"instances": [[0.0] * 64]}, timeout=10)
    text = requests.get(f"{served}/metrics", timeout=5).text
    assert 'predict_answers_total{code="200"}' in text
    assert "predict_seconds_bucket" in text


def test_prediction_itself_is_far_below_the_target(model_folder: Path) -> None:
    """30 ms a request leaves room only when the model takes a fraction; the least of many tries, as
    the machine may be busy."""
    model = load(model_folder)
    instance = [[0.0] * 64]

    def once() -> float:
        began = time.perf_counter()
        model.predict(instance)
        return time.perf_counter() - began

    assert min(once() for _ in range(200)) < 0.003


def test_image_without_model_says_so(tmp_path: Path) -> None:
    """The first images hold none; the environment is up all the same and says why it can't predict."""
    with TestClient(create_app(tmp_path)) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/version").json()["model_version"] is None
        answer = client.post("/predict", json={"instances": [[0.0] * 64]})
    assert answer.status_code == 503
    assert "holds no model" in answer.json()["detail"]


def test_unreadable_model_stops_the_start(tmp_path: Path, model_folder: Path) -> None:
    """A rollout of a broken image must not become ready."""
    broken = tmp_path / "model"
    shutil.copytree(model_folder, broken)
    (broken / "model.skops").write_bytes(b"no archive")
    with pytest.raises(Exception, match="zip"):
        create_app(broken)


def test_connections_end_once_the_pod_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request on a kept connection that meets the server's exit is reset: once in 7,500, in a rollout."""
    sign = tmp_path / "leaving"
    monkeypatch.setenv("LEAVING_SIGN", str(sign))
    with TestClient(create_app(tmp_path)) as client:
        assert "connection" not in client.get("/healthz").headers
        sign.touch()
        assert client.get("/healthz").headers["connection"] == "close"
