"""Several generator processes as one run, and what becomes of it when one of them dies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from cxlib.clients import locust, process, runfolder
from cxlib.errors import StageFailed
from cxlib.judge.warmup import WarmUpRule
from cxlib.model.load import LoadLevel
from cxlib.model.run import Served
from cxlib.model.verdict import Verdict
from cxlib.stage.gate import GateResult, run_gate
from tests.load.conftest import Service

ANY = WarmUpRule(seconds=0.5, needed=2, most=100, tolerance=100.0, grain=100.0)
FAIL = "fail of POST /predict < 10 %"


def gate(service: Service, folder: Path, *levels: LoadLevel, profile: str | Path = "classify") -> GateResult:
    return run_gate(
        name="workers", host=service.url, profile=profile, criteria_lines=[FAIL], levels=levels,
        served=lambda: Served(digest="sha256:ab", model_version="7"), folder=folder, site="test",
        warm_up=ANY, generate=locust.processes(2),
    )  # fmt: skip


def of_workers(service: Service) -> list[psutil.Process]:
    """The generator processes that load ``service``."""
    return [p for p in psutil.process_iter(["cmdline"]) if service.url in (p.info["cmdline"] or ())]


def test_open_load_of_two_processes_is_one_run(service: Service, tmp_path: Path) -> None:
    """Every arrival of the one plan is there, once, in order, wherever it was sent from."""
    gate(service, tmp_path, LoadLevel(0, 3, 40, "constant"))
    run, samples = runfolder.read(tmp_path)
    assert run.planned_arrivals == len(samples) == 120
    assert run.workers_lost == 0
    assert (np.diff(samples.scheduled) >= 0).all()
    assert np.diff(samples.scheduled) == pytest.approx(0.025, abs=0.02)  # they begin together
    assert sorted(p.name for p in tmp_path.glob("locust-*.log")) == ["locust-0.log", "locust-1.log"]


def test_users_of_two_processes_are_one_load_level(service: Service, tmp_path: Path) -> None:
    """A criterion `at 3 users` is about all of them, not about one worker's two."""
    result = gate(service, tmp_path, LoadLevel(3, 2), LoadLevel(5, 2))
    run, samples = runfolder.read(tmp_path)
    assert [level.users for level in run.levels] == [3, 5]
    assert set(samples.users.tolist()) == {3, 5}
    assert result.verdict is Verdict.PASS


def test_worker_that_dies_makes_the_run_invalid(service: Service, tmp_path: Path) -> None:
    """What it would have measured is missing, and nobody knows what that was."""

    def kill_one() -> None:
        service.on_request = lambda: None
        of_workers(service)[0].kill()

    service.on_request = kill_one
    result = gate(service, tmp_path, LoadLevel(0, 3, 20))
    run, samples = runfolder.read(tmp_path)
    assert run.workers_lost == 1
    assert len(samples) > 0
    assert result.verdict is Verdict.INVALID
    assert "workers: 1 lost" in result.outcome.reason


def test_all_workers_dead_is_a_run_of_nothing(service: Service, tmp_path: Path) -> None:
    """The folder still says what happened, and that is no pass."""

    def kill_all() -> None:
        service.on_request = lambda: None
        for worker in of_workers(service):
            worker.kill()

    service.on_request = kill_all
    result = gate(service, tmp_path, LoadLevel(2, 3))
    assert runfolder.read(tmp_path)[0].workers_lost == 2
    assert result.verdict is Verdict.INVALID


def test_profile_that_breaks_is_told_before_any_load(service: Service, tmp_path: Path) -> None:
    """The worker's own words say what to mend; no other worker is left behind, and none of another load."""
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_this_name\n")
    with process.background(["sleep", "60"]) as beside:
        with pytest.raises(StageFailed, match="nothing_of_this_name"):
            gate(service, tmp_path / "run", LoadLevel(2, 30), profile=broken)
        assert not of_workers(service)
        assert not beside.ended()
    assert not (tmp_path / "run" / "run.json").exists()
