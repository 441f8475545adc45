"""The train and evaluate steps against small real HTTP servers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cxlib.errors import StageFailed, Unrecoverable, WaitTimedOut
from services.pipeline.__main__ import main
from services.pipeline.evaluate import evaluate
from services.pipeline.train import train
from services.pipeline.web import address
from tests.services.loopback import replying
from tests.serving import free_port

Reply = tuple[int, object]
Serve = Callable[[Callable[[str, str], Reply]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers on loopback that answer (method, path with query) with (status, JSON)."""
    started: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[str, str], Reply]) -> str:
        handler: type[BaseHTTPRequestHandler] = replying(answer)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def trainer(method: str, path: str) -> Reply:
    return (200, {"run_id": "r1"}) if method == "POST" else (200, {})


def mlflow(*statuses: str, reason: str = "") -> Callable[[str, str], Reply]:
    """MLflow whose run shows one status after the other, the last one for good."""
    left = list(statuses)

    def answer(method: str, path: str) -> Reply:
        status = left.pop(0) if len(left) > 1 else left[0]
        tags = [{"key": "cx.failure", "value": reason}] if reason else []
        return 200, {"run": {"info": {"status": status}, "data": {"tags": tags}}}

    return answer


def test_training_is_ordered_as_the_mission_says(serve: Serve) -> None:
    """A user's own trainer knows this call only."""
    seen: list[str] = []

    def own(method: str, path: str) -> Reply:
        seen.append(f"{method} {path}")
        return trainer(method, path)

    at = serve(own)
    assert train(at, serve(mlflow("RUNNING", "FINISHED")), "resnet50", "train", within=10, every=0.01) == "r1"
    assert seen[-1] == "POST /train?model_name=resnet50&data_source=train"
    assert len([line for line in seen if line.startswith("POST")]) == 1


def test_trainer_without_health_check_is_ordered_too(serve: Serve) -> None:
    """404 is an answer: the trainer lives."""
    at = serve(lambda method, path: trainer(method, path) if method == "POST" else (404, {}))
    assert train(at, serve(mlflow("FINISHED")), "m", "train", within=10) == "r1"


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_ended_training_fails_with_mlflows_reason(serve: Serve, status: str) -> None:
    """By hand a failed or killed run counted as finished."""
    runs = serve(mlflow("RUNNING", status, reason="out of memory"))
    with pytest.raises(Unrecoverable, match=f"{status}: out of memory"):
        train(serve(trainer), runs, "m", "train", within=10, every=0.01)


def test_training_without_end_has_a_deadline(serve: Serve) -> None:
    """By hand polls never ended."""
    with pytest.raises(WaitTimedOut, match="saw RUNNING"):
        train(serve(trainer), serve(mlflow("RUNNING")), "m", "train", within=0.05, every=0.01)


@pytest.mark.parametrize(
    "reply", [(422, {"detail": "use mlp"}), (200, {}), (200, {"run_id": ""}), (200, [1])]
)
def test_refused_order_fails_with_the_answer(serve: Serve, reply: Reply) -> None:
    """Without a run_id there is nothing to follow."""
    at = serve(lambda method, path: reply if method == "POST" else (200, {}))
    with pytest.raises(StageFailed, match="wanted a run_id"):
        train(at, serve(mlflow("FINISHED")), "m", "train", within=10)


def test_unknown_run_ends_the_wait_at_once(serve: Serve) -> None:
    """A trainer that logs to another MLflow than ours would otherwise be polled to the deadline."""
    runs = serve(lambda *_: (404, {"message": "no such run"}))
    with pytest.raises(Unrecoverable, match="no such run"):
        train(serve(trainer), runs, "m", "train", within=30)


def test_mlflow_that_stumbles_is_waited_for(serve: Serve) -> None:
    """A restart of MLflow is no reason to throw a training away."""
    replies = [(503, {}), (200, {"run": {"info": {"status": "FINISHED"}}})]
    runs = serve(lambda *_: replies.pop(0))
    assert train(serve(trainer), runs, "m", "train", within=10, every=0.01) == "r1"


def test_evaluation_is_read(serve: Serve) -> None:
    """By hand the answer was never read."""
    at = serve(lambda *_: (200, {"new_model_version": "7", "accuracy": 0.97}))
    found = evaluate(at, "r1", within=5)
    assert (found.version, found.accuracy) == ("7", 0.97)


@pytest.mark.parametrize("version", [None, "", "latest", "0", True, 1.5, "-3"])
def test_nonsense_version_is_refused(serve: Serve, version: object) -> None:
    """It would become an image's tag."""
    at = serve(lambda *_: (200, {"new_model_version": version}))
    with pytest.raises(StageFailed, match=r"new_model_version|of 1 or more"):
        evaluate(at, "r1", within=5)


def test_refused_model_fails_with_the_reason(serve: Serve) -> None:
    """The workflow's message tells why there is no new version."""
    at = serve(lambda *_: (422, {"detail": "accuracy 0.71 is below 0.9"}))
    with pytest.raises(StageFailed, match=r"accuracy 0\.71 is below 0\.9"):
        evaluate(at, "r1", within=5)


def test_evaluator_that_is_away_is_asked_until_the_deadline() -> None:
    """It may be starting."""
    with pytest.raises(WaitTimedOut, match="evaluation of run r1"):
        evaluate(f"127.0.0.1:{free_port()}", "r1", within=0.1)


def test_step_leaves_its_outputs_as_files(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Argo reads output parameters from files."""
    at = serve(lambda *_: (200, {"new_model_version": 7, "accuracy": 0.97}))
    assert main(["evaluate", "--out", str(tmp_path / "out"), "--evaluator", at, "--run-id", "r1"]) == 0
    assert (tmp_path / "out" / "model-version").read_text() == "7"
    assert (tmp_path / "out" / "accuracy").read_text() == "0.9700"


def test_failed_step_tells_kubernetes_why(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The termination message is what the workflow's node shows."""
    message = tmp_path / "termination-log"
    message.touch()
    monkeypatch.setenv("TERMINATION_MESSAGE", str(message))
    at = serve(lambda *_: (422, {"detail": "not good enough"}))
    assert main(["evaluate", "--out", str(tmp_path), "--evaluator", at, "--run-id", "r1"]) != 0
    assert "not good enough" in message.read_text()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("10.0.0.1", "http://10.0.0.1:9090"),
        ("10.0.0.1:99", "http://10.0.0.1:99"),
        ("https://gpu.example/t/", "https://gpu.example/t"),
    ],
)
def test_address_is_host_or_host_and_port_or_url(host: str, url: str) -> None:
    """Training may live outside the cluster, known by address only."""
    assert address(host, 9090) == url
