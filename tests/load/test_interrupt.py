"""Ctrl-C in the middle of a load run."""

from __future__ import annotations

import _thread
import time
from pathlib import Path

import psutil
import pytest

from cxlib.clients import locust, locustfile
from cxlib.model.load import LoadLevel
from cxlib.model.run import Served
from tests.load.conftest import Service


def test_interrupted_run_ends_in_seconds_and_leaves_no_child_and_no_run(
    service: Service, tmp_path: Path
) -> None:
    """An orphaned generator would go on loading the service; half a run must not look like one."""
    hit: list[float] = []

    def interrupt_once() -> None:
        if not hit:
            hit.append(time.monotonic())
            _thread.interrupt_main()

    service.on_request = interrupt_once
    with pytest.raises(KeyboardInterrupt):
        locust.run(
            locustfile.find("classify"),
            host=service.url,
            levels=[LoadLevel(2, 60)],
            folder=tmp_path,
            site="test",
            served=lambda: Served(digest="sha256:ab", model_version="7"),
        )
    assert time.monotonic() - hit[0] < 15
    assert not [p for p in psutil.process_iter(["cmdline"]) if service.url in (p.info["cmdline"] or ())]
    assert not (tmp_path / "run.json").exists()
