"""What all processes of a run of tests share, and what the run says of the tests that it left out."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from tests import mlflow_server
from tests.scheduling import ByServer, all_apart, rank

SHARED = pytest.StashKey[Path]()
LEFT_OUT = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """A folder that all processes of this run know, made and removed by the first of them."""
    given = _given(config)
    shared = Path(given["shared"] if given else tempfile.mkdtemp(prefix="cx-tests-"))
    config.stash[SHARED] = shared / given["workerid"] if given and all_apart(config) else shared
    config.stash[LEFT_OUT] = 0
    # As shells start what runs in the background, and nohup: children would inherit that nothing ends them.
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["shared"] = str(node.config.stash[SHARED])


def pytest_unconfigure(config: pytest.Config) -> None:
    if _given(config) is None:
        mlflow_server.stop(config.stash[SHARED])
        shutil.rmtree(config.stash[SHARED], ignore_errors=True)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByServer:
    config.option.loadscopereorder = False  # by how many tests there are, which says little: see ``rank``
    return ByServer(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_collection_finish(session: pytest.Session) -> None:
    """MLflow starts beside the first tests."""
    wanted = any("mlflow_url" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        mlflow_server.begin(session.config.stash[SHARED])


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        item.config.stash[LEFT_OUT] += item.get_closest_marker("exhaustive") is not None


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _given(session.config) is not None:
        session.config.workeroutput["left_out"] = session.config.stash[LEFT_OUT]  # type: ignore[attr-defined]


def pytest_testnodedown(node: WorkerController) -> None:
    """Every process has left out the same tests."""
    told = getattr(node, "workeroutput", {}).get("left_out", 0)
    node.config.stash[LEFT_OUT] = max(node.config.stash[LEFT_OUT], told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash[LEFT_OUT]:
        terminalreporter.write_line(f"{count} exhaustive tests were left out: make test-exhaustive")


def _given(config: pytest.Config) -> dict[str, Any] | None:
    """What the first process has told this one; None in the first."""
    return getattr(config, "workerinput", None)


@pytest.fixture(scope="session")
def mlflow_url(pytestconfig: pytest.Config) -> str:
    """A real MLflow server on SQLite that serves its artifacts, as the platform's does."""
    url = mlflow_server.begin(pytestconfig.stash[SHARED])
    mlflow_server.wait(url)
    return url
