"""The open model on a real service of known delay, with a real Locust child."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxlib.clients import load_part, locust, locustfile
from cxlib.judge.warmup import WarmUpRule
from cxlib.model.load import LoadLevel
from cxlib.model.run import Served
from cxlib.model.verdict import Verdict
from cxlib.stage.gate import GateResult, run_gate
from tests.load.known_delay import answering

ANY = WarmUpRule(seconds=0.5, needed=2, most=100, tolerance=100.0, grain=100.0)
# Of what makes a run INVALID, what a machine with too much else to do does to any load test on it.
BUSY = {"late starts", "generator"}
STALLED = "p95 of POST /predict < 200 ms at 100 rps"


def gate(url: str, folder: Path, level: LoadLevel, *lines: str) -> GateResult:
    return run_gate(
        name="open", host=url, profile="classify", criteria_lines=lines, levels=[level],
        served=lambda: Served(digest="sha256:ab", model_version="7"), folder=folder, site="test", warm_up=ANY,
    )  # fmt: skip


def part(url: str, scratch: Path, level: LoadLevel, profile: Path, most_users: int = 1000) -> load_part.Part:
    """What one process measured, without the gate around it."""
    scratch.mkdir()
    errand = locust.Errand(profile, url, (level,), "1", scratch, most_users)
    folders, lost = locust.alone(errand, scratch)
    assert not lost
    return load_part.read(folders[0], [level])


def test_stall_is_charged_for_what_it_held_back(tmp_path: Path) -> None:
    """2 s of silence in 12 s: Locust's own users would wait with it, and report a p95 of 20 ms."""
    with answering(tmp_path, 0.002, 5, 2) as url:
        result = gate(url, tmp_path / "run", LoadLevel(0, 12, 100), STALLED)
    wrong = {check.name for check in result.outcome.checks if not check.ok}
    (p95,) = result.outcome.criteria
    assert wrong <= BUSY
    assert result.verdict is (Verdict.INVALID if wrong else Verdict.FAIL)
    assert p95.value is not None
    assert 1000 < p95.value < 2500


def test_every_planned_arrival_is_sent_on_its_schedule(tmp_path: Path) -> None:
    """What is planned is what is measured, and constant arrivals come as constant as they are meant."""
    with answering(tmp_path, 0.02) as url:
        level = LoadLevel(0, 4, 50, "constant")
        found = part(url, tmp_path / "scratch", level, locustfile.find("classify"))
    assert found.planned == len(found.samples) == 200
    assert np.diff(np.sort(found.samples.scheduled)) == pytest.approx(0.02, abs=1e-5)
    assert (found.samples.latency >= 0.0199).all()
    assert set(found.samples.rate.tolist()) == {50.0}
    assert set(found.samples.users.tolist()) == {0}
    assert found.levels[0].end == 4


def test_arrivals_beyond_the_pool_are_late_and_not_lost(tmp_path: Path) -> None:
    """2 users of 100 ms each serve 20 a second: 40 a second wait in line, and their latency says so."""
    with answering(tmp_path, 0.1) as url:
        level = LoadLevel(0, 3, 40, "constant")
        found = part(url, tmp_path / "scratch", level, locustfile.find("classify"), most_users=2)
    late = found.samples.started - found.samples.scheduled
    assert found.planned == len(found.samples) == 120
    assert late.max() > 2
    assert (late > 0.05).mean() > 0.9
    assert found.samples.latency.max() == pytest.approx(late.max() + 0.1, abs=0.5)


def test_arrivals_of_several_requests_count_as_arrivals(tmp_path: Path) -> None:
    """98 % of the requests planned is 98 % of the arrivals met, also when each makes two or none."""
    profile = tmp_path / "two.py"
    profile.write_text(
        "from locust import FastHttpUser, task\n"
        "class Two(FastHttpUser):\n"
        "    count = 0\n"
        "    def on_start(self):\n"
        "        self.client.post('/login', json={})\n"
        "    @task\n"
        "    def work(self):\n"
        "        Two.count += 1\n"
        "        if Two.count % 4 == 0:\n"
        "            raise ValueError('a profile with a mistake')\n"
        "        self.client.post('/a', json={})\n"
        "        self.client.post('/b', json={})\n"
    )
    with answering(tmp_path, 0.0) as url:
        found = part(url, tmp_path / "scratch", LoadLevel(0, 2, 20, "constant"), profile)
    assert found.samples.names == ["POST /a", "POST /b"]
    assert len(found.samples) == 60
    assert found.planned == 80


def test_profile_whose_users_cannot_start_sends_nothing_and_is_no_pass(tmp_path: Path) -> None:
    """A login that is refused must not leave a gate with the few who got in."""
    profile = tmp_path / "locked.py"
    profile.write_text(
        "from locust import FastHttpUser, task\n"
        "class Locked(FastHttpUser):\n"
        "    def on_start(self):\n"
        "        raise ValueError('login refused')\n"
        "    @task\n"
        "    def work(self):\n"
        "        self.client.post('/a', json={})\n"
    )
    with answering(tmp_path, 0.0) as url:
        found = part(url, tmp_path / "scratch", LoadLevel(0, 1, 20, "constant"), profile)
    assert len(found.samples) == 0
    assert found.planned == 20
    assert "login refused" in (tmp_path / "scratch" / "locust.log").read_text()
